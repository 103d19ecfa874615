"""What builds keep: never something else than what would have been made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from tools.cli import Refused
from tools.images import compile as compiling
from tools.images import compiled_cache
from tools.images.compile import compile_mpy


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for this test alone, that ALINK_CACHE names; and a process that knows nothing."""
    monkeypatch.setenv(compiled_cache.NAME, str(tmp_path / "kept"))
    compiling._compiled.cache_clear()
    return tmp_path / "kept"


def test_without_a_folder_it_is_made_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(compiled_cache.NAME, raising=False)
    made = iter((b"first", b"second"))
    assert [compiled_cache.kept(lambda: next(made), b"of") for _ in range(2)] == [
        b"first",
        b"second",
    ]


def test_it_is_made_once_for_all_that_it_depends_on(folder: Path) -> None:
    made = iter((b"first", b"second", b"third"))
    of = ((b"a", b"b"), (b"ab",), (b"a", b"b"), (b"b", b"a"))
    found = [compiled_cache.kept(lambda: next(made), *one) for one in of]
    assert found == [b"first", b"second", b"first", b"third"]
    assert sum(1 for file in folder.glob("*/*")) == 3  # and nothing half made


def test_two_threads_that_make_the_same_at_once_both_have_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Barrier(2)
    write = Path.write_bytes

    def written(file: Path, data: bytes) -> int:
        count = write(file, data)
        both.wait(60)  # until the other's is half there, too
        return count

    monkeypatch.setattr(Path, "write_bytes", written)
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda _: compiled_cache.kept(lambda: b"made", b"of"), range(2))
        assert list(found) == [b"made", b"made"]
    assert [file.read_bytes() for file in folder.glob("*/*")] == [b"made"]


def test_another_program_makes_it_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled_cache.kept(lambda: b"before", b"of") == b"before"
    monkeypatch.setattr(compiled_cache, "_program", lambda: b"changed")
    assert compiled_cache.kept(lambda: b"after", b"of") == b"after"


def test_what_comes_out_of_it_is_what_the_compiler_made(folder: Path) -> None:
    def compiled(source: bytes, name: str, *, numbered: bool = True) -> bytes:
        compiling._compiled.cache_clear()
        return compile_mpy(source, name, Path("lamp.py"), numbered=numbered)

    sources = (b"x = 1\n\nprint(x)\n", b"x = 2\n\nprint(x)\n")
    first = [
        compiled(source, name, numbered=numbered)
        for source in sources
        for name in ("lamp", "lamp2")
        for numbered in (True, False)
    ]
    again = [
        compiled(source, name, numbered=numbered)
        for source in sources
        for name in ("lamp", "lamp2")
        for numbered in (True, False)
    ]
    assert first == again
    assert len(set(first)) == 8  # text, name and line numbers: each counts
    assert len(list(folder.glob("*/*"))) == 8


def test_what_does_not_compile_is_refused_each_time_under_its_own_file(folder: Path) -> None:
    for file in ("lamp.py", "lamp.py", "pump.py"):
        with pytest.raises(Refused, match=f'{file} does not compile: File "{file}", line 1'):
            compile_mpy(b"x = = 1\n", "lamp", Path(file))
    assert not folder.exists()
