# The table of errors: what the platform and the user get to read. MIT licence.

from alink import errors
from alink.advice import TABLE, row
from alink.errors import AlinkError
from alink.log import host_and_path


def codes():
    return [v for k, v in errors.__dict__.items() if k[0] != "_" and isinstance(v, int)]


def test_every_advice_reaches_the_platform_whole():
    for code in codes():
        name, step, advice = row(code)
        text = AlinkError(code, "x" * 200).desc()
        assert len(text) <= 128, text
        assert text.endswith(advice), text
        assert name in text
        assert step in (-1, -2, -3, -4)


def test_every_code_is_in_the_table_once():
    lines = TABLE.strip().split("\n")
    assert sorted(int(line.split()[0]) for line in lines) == sorted(codes())
    assert len(set(codes())) == len(codes())
    assert len({line.split()[1] for line in lines}) == len(lines)


def test_a_signed_link_is_logged_without_its_secret():
    shown = host_and_path("https://user:pw@dl.example.net:8443/a/b.bin?auth_key=k1#x")
    assert shown == "https://dl.example.net:8443/a/b.bin", shown
