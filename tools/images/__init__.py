"""The image: a firmware and, behind it, the volume with the application. Made, and read again."""

from tools.images.application import check_version
from tools.images.build import SLOT_SIZE, build_image, read_version
from tools.images.report import Report, as_text, examine
from tools.images.volume import BLOCK_SIZE, Volume, find_volume, read_files

__all__ = [
    "BLOCK_SIZE",
    "SLOT_SIZE",
    "Report",
    "Volume",
    "as_text",
    "build_image",
    "check_version",
    "examine",
    "find_volume",
    "read_files",
    "read_version",
]
