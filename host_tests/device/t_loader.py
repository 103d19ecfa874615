# Is alink's boot.py there? Without it no trial is armed, and a bad update stays. MIT licence.

import os
import sys

from alink import log
from alink.after_reset import begin
from files_fakes import home

OWN = b"# boot.py\n" + b"# a long word\n" * 100 + b"LOADER = 4\n"


def packed(data):
    """As zlib has it, in blocks as they are (RFC 1950, 1951)."""
    out = b"\x28\x15"
    for at in range(0, len(data), 1000):
        piece = data[at : at + 1000]
        n = len(piece)
        out += bytes([at + n >= len(data), n & 255, n >> 8, ~n & 255, ~n >> 8 & 255]) + piece
    a, b = 1, 0
    for byte in data:
        a = (a + byte) % 65521
        b = (b + a) % 65521
    return out + bytes([b >> 8, b & 255, a >> 8, a & 255])


def looking(here, copy=None, boot=None):
    """-> whether updates may go on (bool), what boot.py holds then (bytes), what was said.

    here, copy: bytes of the board's file and of the image's; None: it is not there.
    """
    plain = begin._HERE, begin._COPY, begin.log
    # (Names of their own: on a board there is a boot.py.)
    begin._HERE = home() + "/here.tmp"
    begin._COPY = home() + "/copy.tmp"
    said = []

    class Log:
        def info(*words):
            said.append(" ".join([str(word) for word in words]))

    begin.log = Log
    if boot is not None:
        sys.modules["alink_boot"] = boot
    try:
        for path, data in ((begin._HERE, here), (begin._COPY, copy)):
            try:
                os.remove(path)
            except OSError:
                pass
            if data is not None:
                with open(path, "wb") as f:
                    f.write(data if path == begin._HERE else packed(data))
        good = begin._loader()
        try:
            with open(begin._HERE, "rb") as f:
                return good, f.read(), " ".join(said)
        except OSError:
            return good, None, " ".join(said)
    finally:
        for path in (begin._HERE, begin._COPY):
            try:
                os.remove(path)
            except OSError:
                pass
        begin._HERE, begin._COPY, begin.log = plain
        sys.modules.pop("alink_boot", None)


def test_a_board_with_its_loader_takes_updates_and_the_file_stays_as_it_is():
    good, held, said = looking(OWN, b"another")
    assert good and held == OWN and not said


def test_a_boot_py_of_somebody_else_is_left_alone_and_updates_wait_for_its_owner():
    for held in (b"import webrepl\n", b"", b"# LOADER = 4\n", b" LOADER = 4\n"):
        good, now, said = looking(held, OWN)
        assert not good and now == held
        assert "add its lines" in said


def test_a_loader_far_behind_the_start_of_a_large_file_is_not_searched_for_ever():
    assert looking(b"#\n" * 199 + b"LOADER = 4\n")[0]
    assert not looking(b"#\n" * 200 + b"LOADER = 4\n")[0]
    assert not looking(b"x" * 40000)[0]


def test_a_deleted_boot_py_is_restored_to_the_last_byte():
    for size in (1, 511, 512, 513, 1024, 3000):
        copy = (OWN * 3)[:size]
        good, held, said = looking(None, copy, {"loader": 4, "frozen": False})
        assert good and held == copy, size
        assert "restored, LOADER 4" in said
        assert not [name for name in os.listdir(home()) if name.endswith(".new")]


def test_a_boot_py_that_nobody_can_read_is_replaced_and_not_trusted():
    good, held, _ = looking(b"\xff\xfe\x80" * 100, OWN)
    assert good and held == OWN


def test_a_damaged_copy_does_not_become_a_loader():
    plain = packed
    for end in (1, 2, 30, len(plain(OWN)) - 5):
        globals()["packed"] = lambda data: plain(data)[:end]  # noqa: B023
        try:
            good, held, said = looking(None, OWN)
        finally:
            globals()["packed"] = plain
        assert not good and held is None, end
        assert "cannot be restored" in said


def test_without_a_copy_a_board_says_that_it_takes_no_updates():
    good, held, said = looking(None)
    assert not good and held is None
    assert "cannot be restored" in said


def test_a_loader_frozen_into_the_firmware_needs_no_file():
    assert looking(None, None, {"loader": 4, "frozen": True})[0]
    # One beside it that is somebody else's has never run.
    assert looking(b"import webrepl\n", None, {"loader": 4, "frozen": True})[0]
    assert not looking(b"import webrepl\n", None, {"loader": 4, "frozen": False})[0]


def test_nothing_of_this_is_left_for_the_next_test():
    assert begin._HERE == "/boot.py" and begin.log is log
