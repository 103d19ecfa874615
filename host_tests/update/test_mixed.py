"""What meets only now and then: modules over MQTT, a job that changes its way, bad targets."""

from __future__ import annotations

import pytest

from host_tests.kit.archives import tar
from host_tests.kit.rig import DN, PK, Rig, app

FILES = """
from alink import FilesTarget
files = FilesTarget("/assets", 200000, wbits=12)
"""
MODULE = 'updater.module("assets", files, files.version or "0")'


def ready(rig: Rig) -> None:
    rig.cloud.faults.uplink_qos0_per_s = None


def with_files(rig: Rig) -> None:
    """A board with a module whose version the platform knows."""
    rig.start("1.0.0", app(prologue=FILES, setup=MODULE))
    rig.wait(lambda: rig.cloud.version(PK, DN, "assets") == "0", "the module's report")


def offer(rig: Rig, size: int = 70_000, **options: str) -> None:
    """Push version 5 of the files."""
    rig.cloud.add_release(PK, "5", tar({"x.bin": b"q" * size}), "assets")
    rig.push("5", module="assets", **options)


def test_a_damaged_block_of_a_module_costs_time_and_not_the_main_loop(rig: Rig) -> None:
    rig.start("1.0.0", app(prologue=FILES, setup=MODULE, options="block_size=65536"))
    rig.cloud.faults.block_from = 4097
    rig.cloud.faults.block_bad_crc = 1
    offer(rig, scheme="mqtt")
    rig.ends("5", "SUCCEEDED")


@pytest.mark.parametrize(("first", "second"), [("https", "mqtt"), ("mqtt", "https")])
def test_a_job_that_is_offered_the_other_way_goes_on_that_way(
    rig: Rig, first: str, second: str
) -> None:
    rig.start("1.0.0")
    image = rig.release("1.1.0", rig.image("1.1.0", size=150_000))
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 4096, 0.2
    rig.push("1.1.0", scheme=first)
    rig.wait(lambda: rig.fetched() or rig.cloud.blocks, "the download")
    rig.push("1.1.0", scheme=second, override=True)
    rig.wait(lambda: rig.fetched() and rig.cloud.blocks, "the other one")
    rig.cloud.faults.drip_bytes = 0
    rig.ends("1.1.0", "SUCCEEDED")
    rig.confirmed(1)
    assert rig.holds(1, image)


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
def test_an_offer_in_the_middle_of_a_block_costs_nothing_of_it(rig: Rig, scheme: str) -> None:
    rig.start("1.0.0")
    image = rig.release("1.1.0", rig.image("1.1.0", size=150_000))
    # So slow that a busy machine waits for it, too, and has no whole block whenever it looks.
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 1500, 0.15
    rig.push("1.1.0", scheme=scheme)
    for _ in range(6):
        told = len(rig.steps())
        rig.wait(lambda told=told: len(rig.steps()) > told, "more of it")
        rig.push("1.1.0", scheme=scheme, override=True)
    rig.cloud.faults.drip_bytes = 0
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    if scheme == "https":
        assert len(rig.fetched()) == 1, "the connection did not live on"
    assert "from the start again" not in rig.board.console_text()


@pytest.mark.parametrize("module", ["default", "assets"])
def test_a_job_that_was_cancelled_neither_goes_on_nor_fails_the_next_one(
    rig: Rig, module: str
) -> None:
    with_files(rig)
    for version in ("1.1.0", "1.2.0"):
        if module == "default":
            rig.release(version, rig.image(version, size=200_000))
        else:
            rig.cloud.add_release(PK, version, tar({version: bytes(70_000)}), module)
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 8192, 0.1
    # It would fail, at its end.
    rig.push("1.1.0", module=module, data={"sign": "0" * 32, "md5": None})
    rig.wait(rig.fetched, "the download")
    rig.push("1.2.0", module=module, override=True)
    rig.wait(lambda: len(rig.fetched()) > 1, "the next one")
    rig.cloud.faults.drip_bytes = 0
    rig.ends("1.2.0", "SUCCEEDED")
    assert [step for step in rig.steps() if step < 0] == []
    assert "overtaken" in rig.board.console_text()


@pytest.mark.parametrize("where", ["begin", "activate", "confirm"])
def test_a_target_that_fails_in_its_own_way_does_not_end_the_main_loop(
    rig: Rig, where: str
) -> None:
    broken = f"""
class Broken(FilesTarget):
    def {where}(self, *args):
        raise {"MemoryError()" if where == "begin" else "OSError(5)"}
files = Broken("/assets", 200000, wbits=12)
"""
    rig.start("1.0.0", app(prologue=FILES + broken, setup=MODULE, loop="print(files.path)"))
    offer(rig, 1000)
    said = rig.ends("5", "FAILED")
    assert ("E84 no-memory" if where == "begin" else "E98 module: OSError") in said
    if where != "begin":
        rig.says("Traceback")  # its advice is to see the console: the place is told there
    assert not {"/assets/a", "/assets/b"} & set(rig.board.console_text().split("\n"))
    rig.update("1.1.0", rig.image("1.1.0"))
    rig.ends("1.1.0", "SUCCEEDED")


def test_every_job_that_cannot_be_done_is_answered_though_one_is_under_way(rig: Rig) -> None:
    rig.start("1.0.0", app(prologue=FILES, setup=MODULE))
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 4096, 0.05
    offer(rig)
    rig.says("update 0 -> 5")
    for module in ("m1", "m2"):
        rig.cloud.add_release(PK, "2", b"abc", module)
        rig.cloud.push(PK, DN, "2", module=module, force=True)
    rig.wait(
        lambda: {p.get("module") for p in rig.progress() if p["step"] == "-1"} == {"m1", "m2"},
        "both refusals",
    )
    rig.ends("5", "SUCCEEDED")


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
def test_a_job_for_the_slot_that_comes_during_a_modules_is_taken_afterwards(
    rig: Rig, scheme: str
) -> None:
    with_files(rig)
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 4096, 0.05
    offer(rig, scheme=scheme)
    rig.says("update 0 -> 5")
    rig.release("1.1.0", rig.image("1.1.0"))
    rig.push("1.1.0")
    rig.ends("5", "SUCCEEDED")
    rig.ends("1.1.0", "SUCCEEDED")


def test_a_block_that_dribbles_does_not_keep_a_cancellation_away(rig: Rig) -> None:
    rig.start("1.0.0")
    rig.release("1.1.0", rig.image("1.1.0", size=150_000))
    image = rig.release("1.2.0")
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 1, 1.0
    rig.push("1.1.0")
    rig.wait(rig.fetched, "the download")
    rig.push("1.2.0", override=True)
    rig.says("overtaken")
    rig.cloud.faults.drip_bytes = 0
    rig.ends("1.2.0", "SUCCEEDED")
    assert rig.holds(1, image)


def test_a_source_of_the_applications_own_goes_on_without_the_session(rig: Rig) -> None:
    own = """
import time
from alink.job.http import HttpSource

class Own(HttpSource):
    def open(self, file, offset, size):
        print("opened at", offset)
        self.stream = self
        self.left = size - offset
        return offset

    def readinto(self, buf, n):
        time.sleep_ms(20)
        n = min(n, self.left)
        self.left -= n
        for i in range(n):
            buf[i] = 7
        return n

    def close(self):
        self.stream = None
"""
    rig.start("1.0.0", app(prologue=own, options="source=Own()"))
    rig.release("1.1.0", b"\x07" * 400_000)
    rig.push("1.1.0", scheme="mqtt")
    rig.says("opened at 0")
    assert rig.cloud.kick(PK, DN)
    rig.ends("1.1.0", "FAILED")  # sevens are no image
    assert rig.board.console_text().count("opened at") == 1
