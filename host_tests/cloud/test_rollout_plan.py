"""The plan of a rollout: what it may say, and how it is told what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.cli import Refused
from tools.cloud.platform import plan


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version = 1", "version is no str"),
        ("[[phase]", "has to be TOML"),
        ('product = "p"\nversion = "1"', "no phase"),
        ("spede = 1", "no spede"),
        ("rate = true", "rate"),
        ('over = "ftp"', "over"),
        ("retry-times = 2", "retry-after-min"),
        ("failed-percent = 20", "together"),
        ("enough-percent = 0", "percentages"),
        ("sources = [1]", "texts"),
        ("sources = []", "sources is empty"),
        ("[[phase]]\ndevices = 1\nall = true", "phase 1: one of"),
        ("[[phase]]\nsoak-min = 1", "phase 1: one of"),
        ("[[phase]]\npercent = 101", "percent"),
        ("[[phase]]\ndevices = -1", "negative"),
        ("[[phase]]\nall = true\nlimit-min = -1", "phase 1: nothing is negative"),
        ("[[phase]]\nall = true\nlimit-min = 0", "phase 1: limit-min is more than 0"),
        ("[[phase]]\nall = true\nsoak = 1", "no soak"),
        ("rate = 5", "rate is 10 to 10000"),
        ("timeout-min = 1441", "timeout-min is 1 to 1440"),
        ("retry-after-min = 7", "retry-after-min is one of 0, 10"),
        ("retry-after-min = 10\nretry-times = 3", "retry-times is one of 1, 2, 5"),
        ("[[phase]]\nall = true\nsoak-min = inf", "at most 43200"),
        ('[[phase]]\nnames = ["a", "a"]', "twice"),
        ("[[phase]]\nall = true\n[[phase]]\ndevices = 1", "phase 1: all leaves nobody"),
        ("[[phase]]\npercent = 50\n[[phase]]\npercent = 10", "phase 2: 10 percent is no more"),
    ],
)
def test_a_plan_that_is_none_is_refused_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "plan.toml"
    rest = "" if "phase" in told and "phase 1" not in told else "\n[[phase]]\nall = true\n"
    head = 'product = "p"\nversion = "1"\n'
    whole = text if text.startswith(("product", "version", "[[phase]\n")) else head + text
    path.write_text(whole if "[[phase]]" in text else whole + rest)
    with pytest.raises(Refused) as caught:
        plan.read(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_plan_is_read_as_any_editor_saved_it(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    text = 'product = "p"\r\nversion = "1"  # \u6e29\u5ba4\r\n[[phase]]\r\nall = true\r\n'
    path.write_bytes(text.encode(encoding))
    assert plan.read(path).product == "p"


def test_a_plan_that_is_no_text_is_told_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes('version = "1"\nproduct = "Gew\xe4chshaus"'.encode("latin-1"))
    with pytest.raises(Refused, match=r"plan\.toml is not text in UTF-8: line 2 holds") as refused:
        plan.read(path)
    assert refused.value.advice == "Save it as UTF-8."
