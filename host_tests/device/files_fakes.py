# A folder for sets of files, archives poured into it, and what lies there then. MIT licence.

import os

from alink import FilesTarget
from alink.errors import AlinkError
from tar_maker import archive, member

CHUNK = 4096
OLD = {"a.txt": b"old", "web/index.html": b"<old>"}
NOISE = bytes((i * 7919 >> 3) & 0xFF for i in range(9000))


def home():
    """Where a test may write: on a board where the tests are, which is cleared in the end."""
    try:
        os.stat("/alink_test")
    except OSError:
        return os.getcwd()
    return "/alink_test"


def folder():
    return home() + "/set"


def feed(target, body, version="2", index=0, name="", cut=None, count=1):
    """Everything a run and its download do for one file; cut: bytes after which it stops."""
    chunk = bytearray(CHUNK)
    target.take(version, index, name, count)
    target.begin(len(body), "md5", b"", chunk)
    pour(target, body if cut is None else body[:cut], chunk)
    if cut is None:
        while not target.finish():
            pass


def pour(target, body, chunk):
    for at in range(0, len(body), CHUNK):
        piece = body[at : at + CHUNK]
        while target.work():
            pass
        chunk[: len(piece)] = piece
        target.write(chunk, len(piece))
    while target.work():
        pass


def install(target, body, version="2", **options):
    feed(target, body, version, **options)
    target.activate()
    target.confirm()


def files(root):
    """{path: content} of everything below root; directories end in a slash."""
    found = {}
    todo = [""]
    while todo:
        at = todo.pop()
        for entry in os.ilistdir(root + at):
            path = at + "/" + entry[0]
            if entry[1] == 0x4000:
                todo.append(path)
                found[path[1:] + "/"] = b""
            else:
                with open(root + path, "rb") as f:
                    found[path[1:]] = f.read()
    return found


def content(target):
    return {k: v for k, v in files(target.path).items() if not k.endswith("/")}


def with_old(**options):
    target = FilesTarget(folder(), **options)
    install(target, archive(*[member(k, v) for k, v in sorted(OLD.items())]), "1")
    assert content(target) == OLD
    return target


def refuses(body, code, said="", name="", **options):
    """The archive is refused by this error; the old files stay, and the next archive works."""
    target = with_old(**options)
    before = [entry[0] for entry in os.ilistdir(os.getcwd())]
    try:
        feed(target, body, name=name)
    except AlinkError as e:
        assert e.code == code, e
        assert said in e.detail, e
        assert e.step in (-3, -4)
    else:
        raise AssertionError("it was taken: %s" % list(files(folder())))
    target.drop()
    assert [entry[0] for entry in os.ilistdir(os.getcwd())] == before, "it left the folder"
    for one in (target, FilesTarget(folder())):  # as it is, and after a reset
        assert one.version == "1"
        assert content(one) == OLD
    install(target, archive(member("new", b"new")), "3")
    assert content(target) == {"new": b"new"}, "leftovers of the refused archive"
