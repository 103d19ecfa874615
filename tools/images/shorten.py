"""The names of a package made few, since on the board each is paid for ever.

MicroPython keeps every identifier it has met (6 bytes and its letters), also those of modules that
were let go; and when 310 are spent it takes room for 320 more. So alink's own names, private ones
and those that no application needs (the others: `kept_names.PUBLIC`), are exchanged for
identifiers that any stock firmware has in its flash (`kept_names.SPARE`: they cost nothing), then
for `_0`, `_1`, ... The same old name always gets the same new one; two that meet in one
module, or in the modules of a class and its bases, never get the same. Lines stay where they are.

Constants of the compiler (`_BLOCK = const(4096)`) keep their names: it puts their numbers in place
and forgets a name that begins with `_`; any other would stay in the globals of its module. So is
`const` itself for the compiler alone, and not imported on the board.
"""

import ast
import io
import re
import threading
import tokenize
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from tools.images.kept_names import FOREIGN, PUBLIC, SPARE

_PRIVATE = re.compile(r"_(?!_)\w*[A-Za-z]\w*")
_DUNDER = re.compile(r"__\w*__")

# Calls whose second argument is the name of a function: it is exchanged, too.
_BY_NAME = ("ask", "turn")

_CONST = "const"

# CPython 3.11 builds syntax trees in one thread at a time, and says SystemError otherwise.
_one_at_a_time = threading.Lock()


def parse(source: bytes) -> ast.Module:
    """The syntax tree of a source, also where threads build images. Raises SyntaxError."""
    with _one_at_a_time:
        return ast.parse(source)


def shorten(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Each module's source (by its name: "alink/job/run") with fewer names.

    A name that is the whole of a text somewhere, or a part of a dotted one, stays as it is. Raises
    SyntaxError, or tokenize's own error, for a source that is none (CPython reads it here).
    """
    return {module: _without_const(source) for module, source in _exchanged(sources).items()}


def _exchanged(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    trees = {module: list(ast.walk(parse(source))) for module, source in sources.items()}
    tokens = {module: _tokens(source) for module, source in sources.items()}
    calls = {module: dict(_by_name(tree)) for module, tree in trees.items()}
    own = set().union(*(_bound(tree) for tree in trees.values()))
    own -= PUBLIC | FOREIGN
    for module, tree in trees.items():
        own -= _leads(tree, calls[module]) | _imported(tree) | _constants(tree)
    # What modules are called is the file system's.
    own -= {part for module in sources for part in re.split(r"\W+", module)}
    names = {
        module: {t.string for t in tokens[module] if t.type == tokenize.NAME} & own
        | set(calls[module].values()) & own
        for module in sources
    }
    used = {t.string for one in tokens.values() for t in one}
    taken = _coloured(_met(trees, names), [name for name in SPARE if name not in used])
    return {
        module: _renamed(source, tokens[module], taken, calls[module])
        for module, source in sources.items()
    }


def table(sources: Mapping[str, bytes]) -> dict[str, dict[str, str]]:
    """New name -> old name for each module: what a traceback of the board means."""
    made = _exchanged(sources)
    return {
        module: {
            new.string: old.string
            for old, new in zip(_tokens(source), _tokens(made[module]), strict=True)
            if old.type == tokenize.NAME and old.string != new.string
        }
        for module, source in sources.items()
    }


def _tokens(source: bytes) -> list[tokenize.TokenInfo]:
    return list(tokenize.tokenize(io.BytesIO(source).readline))


# The nodes of a module's syntax tree, the module itself first.
_Tree: TypeAlias = list[ast.AST]


def _bound(tree: _Tree) -> set[str]:
    """Names that a module gives to things of its own, and every private one."""
    found: set[str] = set()
    for node in tree:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Attribute):
            if isinstance(node.ctx, ast.Store) or _PRIVATE.fullmatch(node.attr):
                found.add(node.attr)
        elif isinstance(node, ast.Name) and _PRIVATE.fullmatch(node.id):
            found.add(node.id)
    whole = tree[0]
    assert isinstance(whole, ast.Module)
    for statement in whole.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        found.update(one.id for one in targets if isinstance(one, ast.Name))
    return {name for name in found if not _DUNDER.fullmatch(name) and name != "_"}


def _imported(tree: _Tree) -> set[str]:
    """What it takes from modules that are not of the package."""
    found: set[str] = set()
    for node in tree:
        if isinstance(node, ast.Import):
            found.update(part for one in node.names for part in one.name.split("."))
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.update(one.name for one in node.names)
    return found


def _constants(tree: _Tree) -> set[str]:
    """Names that the compiler puts numbers in place of."""
    return {
        target.id
        for node in tree
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", "") == _CONST
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _without_const(source: bytes) -> bytes:
    """A module's source without the import of `const`, which the compiler knows anyway."""
    lines = source.splitlines(keepends=True)
    for node in parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module == "micropython":
            rest = [one.name for one in node.names if one.name != _CONST]
            if len(rest) < len(node.names) and node.lineno == node.end_lineno:
                line = f"from micropython import {', '.join(rest)}\n" if rest else "\n"
                lines[node.lineno - 1] = line.encode()
    return b"".join(lines)


def _by_name(tree: _Tree) -> Iterator[tuple[tuple[int, int], str]]:
    """Where a text is the name of a function, and which."""
    for node in tree:
        if isinstance(node, ast.Call) and len(node.args) > 1:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            second = node.args[1]
            if (
                name in _BY_NAME
                and isinstance(second, ast.Constant)
                and isinstance(second.value, str)
            ):
                yield (second.lineno, second.col_offset), second.value


def _leads(tree: _Tree, calls: Mapping[tuple[int, int], str]) -> set[str]:
    """The names in its texts: getattr() and the like may be led by one."""
    found: set[str] = set()
    for node in tree:
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and (node.lineno, node.col_offset) not in calls
            and re.fullmatch(r"[\w.]+", node.value)
        ):
            found.update(node.value.split("."))
    return found


def _met(trees: Mapping[str, _Tree], names: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """For each name those that must not get the same new one."""
    groups = {module: {module} for module in trees}

    def join(one: str, other: str) -> None:
        whole = groups[one] | groups[other]
        for module in whole:
            groups[module] = whole

    homes = {
        node.name: module
        for module, tree in trees.items()
        for node in tree
        if isinstance(node, ast.ClassDef)
    }
    for module, tree in trees.items():
        for node in tree:
            if isinstance(node, ast.ClassDef):
                for base in node.bases:
                    name = (
                        base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
                    )
                    if name in homes:
                        join(module, homes[name])
        # job/slot_rest.py holds methods of the class in job/slot.py (its __getattr__ finds them).
        whole = module.removesuffix("_rest")
        if whole != module and whole in trees:
            join(module, whole)
    met: dict[str, set[str]] = {}
    for group in groups.values():
        together = set().union(*(names[module] for module in group))
        for name in together:
            met.setdefault(name, set()).update(together - {name})
    # An attribute that is set from outside its class may belong to any.
    outside = _set_outside(trees) & met.keys()
    for name in outside:
        for other in met.keys() - {name}:
            met[name].add(other)
            met[other].add(name)
    return met


def _set_outside(trees: Mapping[str, _Tree]) -> set[str]:
    """Names of attributes that are set on something else than `self`."""
    return {
        node.attr
        for tree in trees.values()
        for node in tree
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    }


def _coloured(met: Mapping[str, set[str]], spare: list[str]) -> dict[str, str]:
    """Old name -> new name, the most entangled first."""
    taken: dict[str, str] = {}
    for name in sorted(met, key=lambda one: (-len(met[one]), one)):
        used = {taken[other] for other in met[name] if other in taken}
        number = 0
        while (new := spare[number] if number < len(spare) else f"_{number}") in used:
            number += 1
        taken[name] = new
    return taken


def _renamed(
    source: bytes,
    tokens: list[tokenize.TokenInfo],
    taken: Mapping[str, str],
    calls: Mapping[tuple[int, int], str],
) -> bytes:
    lines = source.decode().splitlines(keepends=True)
    for token in reversed(tokens):
        row, start = token.start
        if token.type == tokenize.NAME and token.string in taken:
            new = taken[token.string]
        elif token.type == tokenize.STRING and calls.get(token.start, "") in taken:
            new = f'"{taken[calls[token.start]]}"'
        else:
            continue
        line = lines[row - 1]
        lines[row - 1] = line[:start] + new + line[token.end[1] :]
    return "".join(lines).encode()
