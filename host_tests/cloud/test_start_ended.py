"""Ctrl-C while the stand-in starts: it ends, with nothing left and nothing but that said."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from pathlib import Path

import pytest

from tools.cloud import LocalCloud, control
from tools.cloud.stand_in import StandIn


def test_ctrl_c_while_it_starts_leaves_nothing_open_and_no_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listen = StandIn._listen
    programs = []

    async def interrupted(program: StandIn) -> None:
        await listen(program)
        programs.append(program)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    before = threading.active_count()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(StandIn, "_listen", interrupted)
            with pytest.raises(KeyboardInterrupt):
                LocalCloud(tmp_path)
    finally:
        signal.signal(signal.SIGINT, handler)
    (program,) = programs
    port = program.listeners["mqtt"].port
    assert all(one._socket is None for one in program.listeners.values())
    assert threading.active_count() == before
    programs.clear()
    del program
    gc.collect()  # what is destroyed says so
    assert caplog.text == ""
    assert control.ask(tmp_path, "snapshot") is None
    with LocalCloud(tmp_path, mqtt_port=port) as cloud:
        assert cloud.mqtt_port == port
