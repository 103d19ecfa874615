"""An application with modules of the firmware's names: the next update comes all the same."""

from __future__ import annotations

from pathlib import Path

from host_tests.rig import Rig, app

# Names that a stock firmware has, each with something that alink could do nothing with.
HIDING = {
    "requests.py": "def get(url): return 'mine'\n",
    "ntptime.py": "host = 1\n",
    "umqtt/simple.py": "class MQTTClient: pass\n",
    "tls.py": "raise ValueError('never loaded')\n",
}


def hiding(rig: Rig, version: str, files: dict[str, str]) -> None:
    """Put modules into the lib/ of the application of this version."""
    for name, text in files.items():
        path = rig.folder / f"app-{version}" / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_an_application_that_has_its_own_requests_and_umqtt_is_updated_over_https(
    tmp_path: Path,
) -> None:
    source = app(
        prologue="import requests, umqtt.simple, tls", setup="print('own', requests.get(''))"
    ).replace("        ntptime.settime()", "        from alink import clock; clock.ask()")
    with Rig(tmp_path) as rig:
        rig.board.clock = "unset"
        for version in ("1.0.0", "1.1.0"):
            hiding(rig, version, HIDING)
        rig.start("1.0.0", source)
        rig.update("1.1.0", rig.image("1.1.0", source))
        rig.ends("1.1.0", "SUCCEEDED")
        rig.update("1.2.0")
        rig.ends("1.2.0", "SUCCEEDED")
        assert len(rig.fetched()) == 2
        assert rig.board.console_text().count("own mine") == 2
