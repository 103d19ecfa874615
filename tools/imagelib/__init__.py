"""What a board downloads: an app image with the application's volume, or an archive of files."""

from .application import check_version
from .archive import WBITS, build_archive
from .build import SLOT_SIZE, build_image, read_version
from .errors import ImageError
from .firmware import extract_app
from .header import Image, Segment, parse_image
from .report import Report, as_text, examine
from .volume import BLOCK_SIZE, Volume, find_volume, read_files

__all__ = [
    "BLOCK_SIZE",
    "SLOT_SIZE",
    "WBITS",
    "Image",
    "ImageError",
    "Report",
    "Segment",
    "Volume",
    "as_text",
    "build_archive",
    "build_image",
    "check_version",
    "examine",
    "extract_app",
    "find_volume",
    "parse_image",
    "read_files",
    "read_version",
]
