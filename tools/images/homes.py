"""The inner modules of a package under short names, since each costs a board three for ever.

MicroPython keeps of a module that was loaded once its dotted name, its path and its last name.
What no application imports (`signin/`, `after_reset/`, `job/`) is stored in an image as
`alink/job/d.mpy` and the like: letters that the firmware's own names are made of anyway. Modules
that may be left out of an image keep their names, so that what is missing can be told.
"""

import ast
import io
import tokenize
from collections.abc import Mapping
from pathlib import Path

from tools.images.features import keeps_name
from tools.images.kept_names import words
from tools.images.shorten import parse

# Folder -> what it is called in an image: a text of more than ten letters is an object there.
_FOLDERS = {"signin": "signin", "after_reset": "reset", "job": "job"}

# Applications import these (README, docs), or derive from what is in them; flash.py selftest
# asks credentials on the board.
_KNOWN = ("job/http", "job/mqtt", "job/download", "signin/credentials")

# Short identifiers of any stock firmware.
LEAVES = words(
    "d e f i n r s t v w y cb cd cl cp cs dt er io mv ow py rb re rm rx sd sz tb tx wb ws "
    "abs all any bin chr dir hex oct ord pow"
)

# Calls whose first argument is the last name of a module in job/ (Run.turn).
_BY_LEAF = "turn"


def homes(modules: list[str]) -> dict[str, str]:
    """Module ("alink/job/run") -> where it stands in an image, for those that move."""
    found = {}
    for folder, short in _FOLDERS.items():
        prefix = f"alink/{folder}/"
        leaves = iter(LEAVES)
        for module in sorted(one for one in modules if one.startswith(prefix)):
            inner = module.removeprefix("alink/")
            if inner not in _KNOWN and not keeps_name(inner + ".py") and "__init__" not in inner:
                found[module] = f"alink/{short}/{next(leaves)}"
    return found


def of(package: Path) -> dict[str, str]:
    """What homes() says of the package in a folder."""
    return homes(
        [f"alink/{path.relative_to(package).as_posix()[:-3]}" for path in package.rglob("*.py")]
    )


def dotted(new: Mapping[str, str]) -> dict[str, str]:
    """What homes() says, for names without the package's: "job.run" -> "job.cp"."""
    return {
        old.removeprefix("alink/").replace("/", "."): name.removeprefix("alink/").replace("/", ".")
        for old, name in new.items()
    }


def moved(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """The sources of a package under their new names, with all that leads to them changed."""
    new = homes(list(sources))
    return {
        new.get(module, module): told(source, module, new) for module, source in sources.items()
    }


def told(source: bytes, module: str, new: Mapping[str, str]) -> bytes:
    """One module's source with the names of moved modules changed.

    In texts ("job.run", "alink.job.run"), in the first argument of turn(), and after `from`.
    """
    texts = dotted(new)
    texts |= {f"alink.{old}": f"alink.{name}" for old, name in texts.items()}
    texts |= _FOLDERS
    places = _places(parse(source), module.split("/")[:-1], new)
    lines = source.decode().splitlines(keepends=True)
    tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    for token in reversed(tokens):
        text = ""
        if token.type == tokenize.STRING:
            text = places.get(token.start, "") or texts.get(token.string[1:-1], "")
            text = text and f'"{text}"'
        elif token.type == tokenize.NAME:
            text = places.get(token.start, "")
        if text:
            row, start = token.start
            line = lines[row - 1]
            lines[row - 1] = line[:start] + text + line[token.end[1] :]
    return "".join(lines).encode()


def _places(
    tree: ast.Module, home: list[str], new: Mapping[str, str]
) -> dict[tuple[int, int], str]:
    """Where a moved module is named otherwise than by a text with its folder, and what to say."""
    found: dict[tuple[int, int], str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = home[: len(home) + 1 - node.level]
            if node.module is None:
                for one in node.names:
                    name = new.get("/".join([*base, one.name]))
                    if name is not None and one.asname is None:
                        leaf = name.rpartition("/")[2]
                        found[one.lineno, one.col_offset] = f"{leaf} as {one.name}"
            else:
                name = new.get("/".join([*base, node.module]))
                if name is not None:
                    # from .stream import ...: behind "from", a blank and the dots
                    at = node.col_offset + len("from ") + node.level
                    found[node.lineno, at] = name.rpartition("/")[2]
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", "")
            first = node.args[0]
            if (
                called == _BY_LEAF
                and isinstance(first, ast.Constant)
                and isinstance(first.value, str)
            ):
                name = new.get(f"alink/job/{first.value}")
                if name is not None:
                    found[first.lineno, first.col_offset] = name.rpartition("/")[2]
    return found
