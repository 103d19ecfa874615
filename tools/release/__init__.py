"""What a board downloads: an app image with the application's volume, or an archive of files."""

from tools.chip.firmware import extract_app
from tools.chip.header import Image, Segment, parse_image
from tools.release.application import check_version
from tools.release.archive import WBITS, build_archive
from tools.release.build import SLOT_SIZE, build_image, read_version
from tools.release.report import Report, as_text, examine
from tools.release.volume import BLOCK_SIZE, Volume, find_volume, read_files

__all__ = [
    "BLOCK_SIZE",
    "SLOT_SIZE",
    "WBITS",
    "Image",
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
