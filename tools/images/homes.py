"""The inner modules of a package under short names, since a board pays for names for ever.

MicroPython keeps of a module that an import loads its dotted name, its path and its last name.
(parts.use() tells it one name and one path for all that stand beside parts.py, whatever they are
asked for by; what `from` loads in a module is still found by the firmware.)
What no application imports (`signin/`, `after_reset/`, `job/`) stands beside the package's other
modules in an image, as `alink/cp.mpy`: so its path and its dotted name are short, and the text
that asks for it is a name that the firmware has ("cp"). Lifetimes are the same: parts.drop("")
lets go of all that were in `job/`, which have one or two letters, and where another folder is let
go its modules are named one by one. Modules that may be left out of an image keep their names, so
that what is missing can be told.
"""

import ast
import io
import itertools
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.images.features import keeps_name
from tools.images.kept_names import words
from tools.images.shorten import parse

# Folders whose modules move, and what is left of them is called in an image: a text of more than
# ten letters is an object there.
_FOLDERS = {"signin": "signin", "after_reset": "reset", "job": "job"}

# Its modules have one or two letters, which parts.drop("") knows; those of the others three.
_MANY = "job"

# Applications import these (README, docs), or derive from what is in them.
_KNOWN = ("job/http", "job/mqtt", "job/download")

# Of the modules beside the folders those that every update loads, and no application.
_ROOT = tuple(words("session packets attempts firmware hello idf proof record reports versions"))

# Asked for when something is wrong, and let go at once. A folder with fewer files is read faster:
# to find one of them all of it is read.
_SELDOM = (
    "job/add",
    "job/again",
    "job/broken",
    "job/restart",
    "job/retry",
    "job/trouble",
    "job/blocks_bad",
    "job/http_bad",
    "job/image_bad",
    "job/overlong",
    "job/package_bad",
)

# Short identifiers of any stock firmware; none that alink/__init__.py uses, whose globals they
# will be.
LEAVES = words(
    "d e f i n r s t v w y cb cd cl cp cs dt er io mv ow py rb re rm rx sd sz tb tx wb ws id "
    "gc pi on IN D E LS RC RX TX UP abs acos all any asin atan bin bool ceil chr cos dir exp "
    "hash hex int iter len map max min next oct ord pow set sum zip"
)

# Calls whose first argument is the last name of a module in job/ (Run.turn).
_BY_LEAF = "turn"

# Calls whose arguments are names of modules.
_BY_NAME = ("use", "ask", "drop")


def homes(modules: list[str]) -> dict[str, str]:
    """Module ("alink/job/run") -> where it stands in an image, for those that move."""
    found = {}
    # (When those are spent, names of which shorten.py has brought some.)
    spare = (f"_{number}" for number in range(10))
    few = itertools.chain([leaf for leaf in LEAVES if len(leaf) <= 2], spare)
    others = iter([leaf for leaf in LEAVES if len(leaf) > 2])
    # (First, since the first names stand first in a folder, and what is there is found first.)
    for module in (f"alink/{one}" for one in _ROOT):
        if module in modules:
            found[module] = f"alink/{next(others)}"
    for folder in _FOLDERS:
        prefix = f"alink/{folder}/"
        for module in sorted(one for one in modules if one.startswith(prefix)):
            inner = module.removeprefix("alink/")
            if (
                inner not in _KNOWN + _SELDOM
                and not keeps_name(inner + ".py")
                and "__init__" not in inner
            ):
                leaf = next(few if folder == _MANY else others, "")
                if leaf:
                    found[module] = f"alink/{leaf}"
    return found


def of(package: Path) -> dict[str, str]:
    """What homes() says of the package in a folder."""
    return homes(
        [f"alink/{path.relative_to(package).as_posix()[:-3]}" for path in package.rglob("*.py")]
    )


def spoken(path: str) -> str:
    """What a board's tracebacks call the module "alink/cp": "cp", which it has in its memory
    anyway, where a path would be a text more; one in a folder all of it ("alink.job.http").
    """
    name = path.replace("/", ".").removesuffix(".__init__")
    return name.removeprefix("alink.") if name.count(".") == 1 else name


def dotted(new: Mapping[str, str]) -> dict[str, str]:
    """What homes() says, for names without the package's: "job.run" -> "cp"."""
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
    whole = dotted(new)
    # (A text of one word may be something else: see _places().)
    texts = {old: name for old, name in whole.items() if "." in old}
    texts |= {f"alink.{old}": f"alink.{name}" for old, name in whole.items()}
    texts |= _FOLDERS
    texts[f"{_MANY}."] = ""  # before the last name of a module: Run.turn()
    tree = parse(source)
    heads = dict(_heads(tree, module, new))
    places = _places(tree, module.split("/")[:-1], new)
    lines = source.decode().splitlines(keepends=True)
    tokens = list(tokenize.tokenize(io.BytesIO(source).readline))
    for token in reversed(tokens):
        row, start = token.start
        end = token.end[1]
        text = None
        if token.type == tokenize.STRING:
            text = places.get(token.start, texts.get(token.string[1:-1]))
            text = None if text is None else f'"{text}"'
        elif token.type == tokenize.NAME:
            text = places.get(token.start)
            if token.start in heads:
                old, text = heads[token.start]
                end = start + len(old)
        if text is not None:
            line = lines[row - 1]
            lines[row - 1] = line[:start] + text + line[end:]
    return "".join(lines).encode()


def _heads(
    tree: ast.Module, module: str, new: Mapping[str, str]
) -> Iterator[tuple[tuple[int, int], tuple[str, str]]]:
    """Where `from` and a relative name stand, what that is, and what it has to be."""
    home = module.split("/")[:-1]
    moved_home = new.get(module, module).split("/")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = home[: len(home) + 1 - node.level]
            if node.module is None:
                places = {
                    tuple(new.get(path, path).split("/")[:-1])
                    for path in ("/".join([*base, one.name]) for one in node.names)
                }
            else:
                path = "/".join([*base, *node.module.split(".")])
                places = {tuple(new.get(path, path).split("/"))}
            if len(places) > 1:
                raise ValueError(f"{module}, line {node.lineno}: import one module at a time")
            place = list(places.pop())
            same = 0
            while same < min(len(place), len(moved_home)) and place[same] == moved_home[same]:
                same += 1
            dots = "." * (len(moved_home) - same + 1)
            old = f"from {'.' * node.level}{node.module or ''}"
            yield (node.lineno, node.col_offset), (old, f"from {dots}{'.'.join(place[same:])}")


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
        elif isinstance(node, ast.Call) and node.args:
            called = _name(node)
            if called == "drop":
                found |= _folders(node, new)
            if called in _BY_NAME:
                found |= _by_name(node, new)
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


def _name(call: ast.Call) -> str:
    """What is called: the last name of parts.ask(), or ask() in parts.py itself."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _by_name(call: ast.Call, new: Mapping[str, str]) -> dict[tuple[int, int], str]:
    """Where a module that moved, but was in no folder, is asked for, and what to say."""
    names = call.args if _name(call) == "drop" else call.args[:1]
    return {
        (one.lineno, one.col_offset): new[f"alink/{one.value}"].removeprefix("alink/")
        for one in names
        if isinstance(one, ast.Constant) and one.value in _ROOT and f"alink/{one.value}" in new
    }


def _folders(call: ast.Call, new: Mapping[str, str]) -> dict[tuple[int, int], str]:
    """Where parts.drop() is told a folder, and what to say: the modules that were in it, too."""
    found = {}
    for one in call.args:
        if isinstance(one, ast.Constant) and one.value in _FOLDERS and one.value != _MANY:
            inner = [name for old, name in new.items() if old.startswith(f"alink/{one.value}/")]
            names = [name.rpartition("/")[2] for name in inner if name.count("/") == 1]
            # (Quotes come around all of it.)
            found[one.lineno, one.col_offset] = '", "'.join([_FOLDERS[one.value], *names])
    return found
