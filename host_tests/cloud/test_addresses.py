"""The names and addresses that `serve` is given: what is none never reaches a board's settings."""

from __future__ import annotations

import pytest

from tools.cloud.operator.verbs import serve
from tools.programs import CLOUD


@pytest.mark.parametrize("option", ["--public", "--listen", "--page-listen"])
@pytest.mark.parametrize(
    "name",
    [
        *("not a host", "1.2.3.4:5", "http://1.2.3.4", "[::1]", "*", "..", "a_b.local", "h" * 300),
        *("", "999.1.1.1", "-x.local", "t\u00e4st.local", "desk.local/"),
    ],
)
def test_what_no_board_could_look_up_is_told_as_that_before_it_is_in_their_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, name: str
) -> None:
    monkeypatch.setattr(serve, "_started", lambda *_: pytest.fail("it was taken"))
    with pytest.raises(SystemExit) as ended:
        CLOUD.main(["serve", f"{option}={name}"])
    assert ended.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"argument {option}: " in said
    assert "is neither a name nor an address: as in desk.local" in said
    assert "UTF-8" not in said


@pytest.mark.parametrize("name", ["0.0.0.0", "::", "224.0.0.1"])
def test_an_address_of_no_machine_does_not_go_into_the_settings_of_boards(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setattr(serve, "_started", lambda *_: pytest.fail("it was taken"))
    with pytest.raises(SystemExit) as ended:
        CLOUD.main(["serve", "--public", name])
    assert ended.value.code == 2
    assert f"{name} is the address of no machine" in " ".join(capsys.readouterr().err.split())
