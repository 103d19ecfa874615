# Does the owner want signed packages only? What cannot be read may be the word that says so. MIT
# licence.

import sys

from alink import errors, parts
from alink.errors import AlinkError
from alink.job import signed
from flash_fakes import fails

NOT_FOUND = -4354
FILES = ("a file",)


class Nvs:
    """nvs.opened(), and the namespace that it gives. value: bytes (a blob), int or None: an error.

    other: int, the error that asking for a number has.
    """

    def __init__(self, value=None, error=NOT_FOUND, other=None):
        self.value = value
        self.error = error
        self.other = error if other is None else other

    def __call__(self, namespace):
        assert namespace == "alink"
        return self

    def get_blob(self, key, buf):
        assert key == "sign_key"
        if isinstance(self.value, bytes):
            if len(self.value) > len(buf):
                raise OSError(-4364)
            buf[: len(self.value)] = self.value
            return len(self.value)
        raise OSError(self.error)

    def get_i32(self, key):
        assert key == "sign_key"
        if isinstance(self.value, int):
            return self.value
        raise OSError(self.other)


class Up:
    """As much of an Updater as is asked; key: its own, int."""

    def __init__(self, key=None):
        self.options = (None,) * 7 + (key,)


class Signature:
    """job/signature.py: says what it was asked, and what it is told to."""

    def __init__(self, error=None):
        self.asked = []
        self.error = error

    def load_key(self, text):
        if text == b"no key":
            raise ValueError("not a key")
        return len(text)

    def check(self, key, files):
        self.asked.append((key, files))
        if self.error is not None:
            raise self.error


def check(nvs, key=None, signature=None):
    """-> what signature.py was asked, after signed.check()."""
    signature = signature or Signature()
    plain = signed.opened, parts.use
    signed.opened = nvs
    parts.use = lambda name: signature if name == "job.signature" else plain[1](name)
    try:
        signed.check(Up(key), FILES)
    finally:
        signed.opened, parts.use = plain
    return signature.asked


def test_without_an_owners_key_everything_may_be_installed():
    assert check(Nvs()) == []


def test_with_the_owners_key_each_file_is_checked():
    assert check(Nvs(b"the key")) == [(7, FILES)]
    assert check(Nvs(b"k" * 1024)) == [(1024, FILES)]


def test_the_applications_own_key_counts_and_not_that_of_the_settings():
    assert check(Nvs(b"another"), 12345) == [(12345, FILES)]
    assert check(Nvs(None, -5), 12345) == [(12345, FILES)]


def test_a_file_that_is_not_signed_is_not_installed():
    refusal = AlinkError(errors.SIGNATURE, "missing")
    assert fails(errors.SIGNATURE, check, Nvs(b"the key"), None, Signature(refusal)) == "missing"


def test_a_key_that_cannot_be_read_never_means_that_none_is_wanted():
    for nvs in (
        Nvs(b"k" * 1025),  # longer than a key
        Nvs(5),  # a number in its place
        Nvs(None, NOT_FOUND, -4355),  # something else there
        Nvs(None, -4355),  # of another type
        Nvs(None, -4353),  # NVS is not there
        Nvs(None, -1),
    ):
        assert "sign_key cannot be read" in fails(errors.CONFIG, check, nvs)
    assert fails(errors.CONFIG, check, Nvs(b"no key")) == "not a key"


def test_a_board_without_the_code_to_check_installs_nothing_unchecked():
    plain = signed.opened, parts.use

    def use(name):
        if name == "job.signature":
            raise ImportError(name)
        return plain[1](name)

    signed.opened = Nvs(b"the key")
    parts.use = use
    try:
        signed.check(Up(), FILES)
    except AlinkError as e:
        assert (e.code, e.detail) == (errors.LEFT_OUT, "signature")
    else:
        raise AssertionError("installed unchecked")
    finally:
        signed.opened, parts.use = plain


def test_the_code_that_checks_is_let_go_of_when_it_has():
    plain = signed.opened
    signed.opened = Nvs(b"no key at all")
    try:
        signed.check(Up(), FILES)
    except AlinkError as e:
        assert e.code == errors.CONFIG
    finally:
        signed.opened = plain
    assert "alink.job.signature" not in sys.modules
