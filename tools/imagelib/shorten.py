"""Private names of a package made few and short, since on the board each is paid for ever.

MicroPython keeps every identifier it has met (6 bytes and its letters), also those of modules that
were let go. So names with one leading underscore are exchanged for `_0`, `_1`, ...: the same old
name always for the same new one, and two that meet in one module, or in the modules of a class and
its bases, never for one. A package has four hundred private names, and forty new ones do. Lines
stay where they are, so tracebacks tell the right ones. Public names are left alone.
"""

import ast
import io
import re
import threading
import tokenize
from collections.abc import Iterable, Mapping

_PRIVATE = re.compile(r"_(?!_)\w*[A-Za-z]\w*")


# CPython 3.11 builds syntax trees in one thread at a time, and says SystemError otherwise.
_one_at_a_time = threading.Lock()


def parse(source: bytes) -> ast.Module:
    """The syntax tree of a source, also where threads build images. Raises SyntaxError."""
    with _one_at_a_time:
        return ast.parse(source)


def shorten(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Each module's source (by its name: "alink.job.run") with short private names.

    A name that stands in a text anywhere stays as it is. Raises SyntaxError, or tokenize's own
    error, for a source that is none (CPython reads it here).
    """
    named = set().union(*(_texts(source) for source in sources.values()))
    names = {module: _private(source) - named for module, source in sources.items()}
    taken = _coloured(_met(sources, names))
    return {module: _renamed(source, taken) for module, source in sources.items()}


def _tokens(source: bytes) -> Iterable[tokenize.TokenInfo]:
    return tokenize.tokenize(io.BytesIO(source).readline)


def _private(source: bytes) -> set[str]:
    """The private names of a module."""
    names = (token.string for token in _tokens(source) if token.type == tokenize.NAME)
    return {name for name in names if _PRIVATE.fullmatch(name)}


def _texts(source: bytes) -> set[str]:
    """The words in its texts: getattr() may be led by one."""
    found = " ".join(token.string for token in _tokens(source) if token.type == tokenize.STRING)
    return set(re.findall(r"\w+", found))


def _met(sources: Mapping[str, bytes], names: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """For each private name those that must not get the same new one."""
    groups = {module: {module} for module in sources}
    homes = {
        node.name: module
        for module, source in sources.items()
        for node in ast.walk(parse(source))
        if isinstance(node, ast.ClassDef)
    }
    for module, source in sources.items():
        for node in ast.walk(parse(source)):
            if isinstance(node, ast.ClassDef):
                for base in node.bases:
                    name = (
                        base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
                    )
                    if name in homes:
                        whole = groups[module] | groups[homes[name]]
                        for one in whole:
                            groups[one] = whole
    met: dict[str, set[str]] = {}
    for group in groups.values():
        together = set().union(*(names[module] for module in group))
        for name in together:
            met.setdefault(name, set()).update(together - {name})
    return met


def _coloured(met: Mapping[str, set[str]]) -> dict[str, str]:
    """Old name -> new name, the most entangled first.

    Constants come last: the compiler puts their numbers in place, and their names nowhere.
    """
    taken: dict[str, str] = {}
    for name in sorted(met, key=lambda one: (one.isupper(), -len(met[one]), one)):
        used = {taken[other] for other in met[name] if other in taken}
        number = 0
        while f"_{number}" in used:
            number += 1
        taken[name] = f"_{number}"
    return taken


def _renamed(source: bytes, taken: Mapping[str, str]) -> bytes:
    lines = source.decode().splitlines(keepends=True)
    for token in reversed(list(_tokens(source))):
        if token.type == tokenize.NAME and token.string in taken:
            row, start = token.start
            line = lines[row - 1]
            lines[row - 1] = line[:start] + taken[token.string] + line[token.end[1] :]
    return "".join(lines).encode()
