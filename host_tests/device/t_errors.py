# The table of errors: what the platform and the user get to read. MIT licence.

import sys

from alink import errors, parts
from alink.advice import _TABLES, row
from alink.errors import AlinkError

LINES = []
for group in _TABLES:
    LINES += parts.use("advice." + group).TABLE.strip().split("\n")


def codes():
    return [int(line.split()[0]) for line in LINES]


def test_every_advice_reaches_the_platform_whole():
    for code in codes():
        name, step, advice = row(code)
        text = AlinkError(code, "x" * 200).text(128)
        assert len(text) <= 128, text
        assert text.endswith(advice), text
        assert name in text
        assert step in (-1, -2, -3, -4)


def test_every_code_is_in_the_table_once():
    assert sorted(codes()) == codes()
    assert len(set(codes())) == len(LINES)
    assert len({line.split()[1] for line in LINES}) == len(LINES)


def test_a_program_may_ask_for_an_error_by_its_name():
    assert errors.LINK == 5
    assert errors.CLOCK == 2
    assert errors.TRIAL_SELF_TEST == 93
    for name in ("NO_SUCH_ERROR", "link", "Link", "_LINK"):
        try:
            getattr(errors, name)
        except AttributeError:
            continue
        raise AssertionError(name)


def test_an_error_tells_its_name_its_step_and_its_advice():
    error = AlinkError(errors.EXPIRED, "HTTP 403")
    assert error.name == "link-expired"
    assert error.step == -2
    assert error.advice.startswith("the signed link expired")
    assert str(error) == "E45 link-expired: HTTP 403; " + error.advice


def test_the_words_of_an_error_do_not_stay_in_memory():
    parts.drop("advice")
    AlinkError(5, "x").text()
    assert not [name for name in sys.modules if name.startswith("alink.advice")]


def test_of_the_words_of_all_errors_only_a_few_are_loaded_at_a_time():
    parts.drop("advice")
    advice = parts.use("advice")
    for code in codes():
        advice.row(code)
        assert not [name for name in sys.modules if name.startswith("alink.advice.")]
        assert not [name for name in _TABLES if name in advice.__dict__]
