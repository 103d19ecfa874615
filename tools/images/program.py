"""The user's main.py, compiled so that it runs as a program: `__name__` is `"__main__"`.

MicroPython gives an imported module its own name, and there is no other way to run a .mpy. So the
source names itself, in its first words, and puts itself into `sys.modules` as `main`, where other
modules look for it. Its lines stay where they are: a traceback has the numbers of the source.
"""

import ast
from pathlib import Path

from tools.images.compile import compile_mpy
from tools.images.shorten import parse

NAME = "app_main"  # of the module: the generated main.py has its file's name

_WORDS = (
    f'__import__("sys").modules["main"] = __import__("{NAME}"); __name__ = "__main__"'.encode()
)
_COMPOUND = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.If,
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.Match,
)
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def compile_program(source: bytes, name: str, origin: Path) -> bytes:
    """As compile_mpy(), for the program. Raises Refused for what does not compile."""
    plain = compile_mpy(source, name, origin)  # whose messages have the lines that people know
    try:
        body = parse(source).body
    except (SyntaxError, ValueError):
        # MicroPython takes it, CPython does not: its lines move by one.
        return compile_mpy(_WORDS + b"\n" + source, name, origin)
    return compile_mpy(_named(source, body), name, origin) if body else plain


def _named(source: bytes, body: list[ast.stmt]) -> bytes:
    lines = (source + b"\n").splitlines(keepends=True)
    free = 1  # the first line behind the statements seen so far
    for statement in body:
        first = min([statement.lineno, *(d.lineno for d in _decorators(statement))])
        if first > free:
            break  # blank lines, or comments, lie between
        if not isinstance(statement, _COMPOUND):
            return b"".join([*lines[: first - 1], _WORDS, b"; ", *lines[first - 1 :]])
        if _decorators(statement) or not isinstance(statement, _FUNCTION):
            free = 0  # it looks at the name, maybe: the lines have to move
            break
        free = (statement.end_lineno or first) + 1
    return b"".join([*lines[: max(free - 1, 0)], _WORDS, b"\n", *lines[free:]])


def _decorators(statement: ast.stmt) -> list[ast.expr]:
    return getattr(statement, "decorator_list", [])
