"""Short texts of what is let go do not become names, which are for ever.

MicroPython's compiler makes a name of each text of up to ten characters ("no network"), as it does
of an identifier; a board keeps names, also those of modules that were let go (8 bytes and the
letters). A longer text is an object that goes with its module. So in the parts of alink that are
loaded for a moment `"on trial"` is written as a piece of a longer one, `"on trial   "[:8]`: 30
bytes more while the part is there, and nothing once it is gone.
"""

import ast
from collections.abc import Iterator, Mapping

from tools.images.kept_names import words
from tools.images.shorten import parse

# What an idle board has: a text of these modules is there in any case.
_STAYS = tuple(
    f"alink/{one}"
    for one in words("__init__ parts errors log trial packets session device updater")
)

_LENGTHS = range(3, 11)  # (Of a shorter one the name takes less than its way around it.)

# Calls whose texts name modules, functions and attributes: these are names by that alone.
_BY_NAME = ("use", "ask", "drop", "turn", "getattr", "hasattr", "setattr", "__import__")

# Texts that stock firmware has as names; they cost nothing.
FIRMWARE = frozenset(words(".frozen frozen http: http:// https: https:// power register utf-8"))


def unnamed(sources: Mapping[str, bytes], loader: bytes) -> dict[str, bytes]:
    """Each module's source (by its name: "alink/job/run") with no more names than it needs.

    loader: boot.py's source, whose texts are names before anything of these is loaded. Lines stay
    where they are. Raises SyntaxError for a source that is none.
    """
    trees = {module: parse(source) for module, source in sources.items()}
    names = {part for module in sources for part in module.split("/")} | FIRMWARE
    names.update(_names(parse(loader)))
    for module, tree in trees.items():
        names.update(_names(tree) if module in _STAYS else _identifiers(tree))
    return {
        module: source
        if module in _STAYS
        else _written(source, [one for one in _texts(trees[module]) if one.value not in names])
        for module, source in sources.items()
    }


def _identifiers(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "module"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield from value.split(".")


def _names(tree: ast.Module) -> Iterator[str]:
    yield from _identifiers(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _texts(node: ast.AST) -> Iterator[ast.Constant]:
    """The short texts below a node that are worked out where they stand."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and len(node.value) in _LENGTHS:
            yield node
    elif not _is_made_before(node):
        called = ""
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        for field, below in ast.iter_fields(node):
            for one in below if isinstance(below, list) else [below]:
                meant = field in ("annotation", "returns") or (
                    called in _BY_NAME and isinstance(one, ast.Constant)
                )
                if isinstance(one, ast.AST) and not meant:
                    yield from _texts(one)


def _is_made_before(node: ast.AST) -> bool:
    """Whether it is a constant of the compiler, or nothing (a docstring), or part of a text."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") == "const"
    if isinstance(node, ast.Tuple):
        return all(isinstance(one, ast.Constant) for one in node.elts)
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.JoinedStr)


def _written(source: bytes, texts: list[ast.Constant]) -> bytes:
    lines = source.splitlines(keepends=True)
    for one in sorted(texts, key=lambda one: (one.lineno, one.col_offset), reverse=True):
        if one.end_lineno == one.lineno:  # (CPython counts columns in bytes)
            line = lines[one.lineno - 1]
            short = str(one.value)
            text = f"{short.ljust(_LENGTHS.stop)!a}[:{len(short)}]"
            lines[one.lineno - 1] = (
                line[: one.col_offset] + text.encode() + line[one.end_col_offset :]
            )
    return b"".join(lines)
