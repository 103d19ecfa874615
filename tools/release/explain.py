"""A board's traceback with the names that alink's source has: an image carries others."""

import re
from collections.abc import Callable
from pathlib import Path

from tools.cli import Refused
from tools.images.homes import moved, of, spoken
from tools.images.shorten import table

_MISSING = re.compile(r"no module named '(alink[\w.]*)'")
_LINE = re.compile(r'File "(\w+|alink[\w.]*)", (line \d+, )?in (\w+)')


def explainer(package: Path) -> Callable[[str], str]:
    """A function that puts the names of the package's sources into lines of a console.

    package: the folder of the alink that the image was built with. Lines that do not name it come
    back as they are. Raises Refused where there is no alink.
    """
    if not (package / "__init__.py").is_file():
        raise Refused(f"there is no alink in {package}", "Give the package's folder.")
    sources = {
        f"alink/{path.relative_to(package).as_posix()[:-3]}": path.read_bytes()
        for path in package.rglob("*.py")
    }
    names = table(moved(sources))
    paths = {spoken(path): path for path in names}
    origins = {new: old for old, new in of(package).items()}

    def explained(found: re.Match[str]) -> str:
        module = paths.get(found[1]) or paths.get(spoken(found[1]))
        if module is None:
            return found[0]
        function = names[module].get(found[3], found[3])
        return f'File "{origins.get(module, module)}.py", in {function}'

    def missing(found: re.Match[str]) -> str:
        module = found[1].replace(".", "/")
        return f"no module named '{origins.get(module, module).replace('/', '.')}'"

    return lambda text: _MISSING.sub(missing, _LINE.sub(explained, text))
