"""What a release offers beside the image itself: packages, and archives of files."""

from tools.release.archive import WBITS, build_archive
from tools.release.offer import check_offer, image_takes_packages
from tools.release.package_format import DIFFERENCE, is_package, read_head
from tools.release.unpacking import unpack, walk

__all__ = [
    "DIFFERENCE",
    "WBITS",
    "build_archive",
    "check_offer",
    "image_takes_packages",
    "is_package",
    "read_head",
    "unpack",
    "walk",
]
