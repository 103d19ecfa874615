"""An update over a network that misbehaves: it ends right, and costs no more than it must."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.rig import DN, PK, Rig, app

# Time-outs short enough to wait for.
QUICK = app(
    prologue="WAITS.update(connect_timeout_ms=1500, head_timeout_ms=700,"
    " stall_timeout_ms=700, tries=3)",
)
CHUNK = 4096
BIG = 400_000  # bytes of firmware, where a test has to act in the middle of a download


def start(folder: Path, source: str = QUICK, **cloud: Any) -> Rig:
    rig = Rig(folder, **cloud)
    rig.start("1.0.0", source)
    return rig


def succeeds(rig: Rig, image: bytes) -> None:
    rig.ends("1.1.0", "SUCCEEDED")
    assert rig.holds(1, image)
    assert [n for n in rig.steps() if n < 0] == []
    rig.confirmed(1)


def fails(rig: Rig, name: str, step: int = -2) -> str:
    desc = rig.ends("1.1.0", "FAILED")
    assert f" {name}: " in desc, desc
    assert [n for n in rig.steps() if n < 0] == [step]
    assert rig.boots_slot() == 0
    assert len(rig.board.boots) == 1
    return desc


@pytest.mark.parametrize(
    ("certificate", "said"),
    [("wrong-host", "tls"), ("other-ca", "tls"), ("expired", "tls"), ("not-yet-valid", "tls")],
)
def test_a_server_with_a_bad_certificate_gets_no_firmware_in(
    tmp_path: Path, certificate: str, said: str
) -> None:
    with start(tmp_path, https_certificate=certificate) as rig:
        rig.update("1.1.0")
        fails(rig, said)
        assert rig.untouched()
        assert rig.fetched() == [], "it asked for the file all the same"


def test_a_gateway_with_a_bad_certificate_never_sees_the_sign_in(tmp_path: Path) -> None:
    with Rig(tmp_path, mqtt_certificate="not-yet-valid") as rig:
        rig.board.write_slot(0, rig.image("1.0.0", QUICK))
        rig.board.power_on()
        rig.says("tls")
        assert rig.cloud.messages == []
        assert not [n for n in rig.cloud.notes if n.kind == "online"]


def test_a_clock_that_is_not_set_is_its_own_error(tmp_path: Path) -> None:
    # MQTT without TLS signs in; the download needs the date.
    no_ntp = QUICK.replace("time.gmtime()[0] < 2024", "False")
    with Rig(tmp_path, secure=False) as rig:
        rig.board.clock = "unset"
        rig.start("1.0.0", no_ntp)
        rig.update("1.1.0")
        assert "set the time" in fails(rig, "clock-not-set")
        assert rig.fetched() == []


def test_an_expired_link_is_replaced_by_a_fresh_one(tmp_path: Path) -> None:
    with start(tmp_path) as rig:
        rig.cloud.faults.expire_next = 1
        image = rig.update("1.1.0")
        succeeds(rig, image)
        assert [d.status for d in rig.fetched()] == [403, 206]


def test_links_that_stay_expired_end_the_job(tmp_path: Path) -> None:
    with start(tmp_path) as rig:
        rig.cloud.faults.expire_next = 99
        rig.update("1.1.0")
        fails(rig, "link-expired")
        assert [d.status for d in rig.fetched()] == [403] * 3
        assert rig.untouched()


def test_a_dropped_connection_is_resumed_where_it_broke(tmp_path: Path) -> None:
    with start(tmp_path) as rig:
        rig.cloud.faults.cut_after = 30_000
        rig.cloud.faults.cut_times = 2
        image = rig.update("1.1.0", rig.image("1.1.0", size=BIG))
        succeeds(rig, image)
        first, second, third = rig.fetched()
        assert second.range_start == 30_000 // CHUNK * CHUNK
        assert third.range_start is not None
        assert third.range_start > second.range_start
        # What was on its way into an unfinished chunk is all that is sent twice.
        again = first.bytes_sent + second.bytes_sent + third.bytes_sent - len(image)
        assert again < 2 * CHUNK


def test_a_server_that_ignores_the_range_does_not_garble_the_image(tmp_path: Path) -> None:
    with start(tmp_path) as rig:
        rig.cloud.faults.cut_after = 30_000
        rig.cloud.faults.cut_times = 1
        rig.cloud.faults.ignore_range = True
        succeeds(rig, rig.update("1.1.0"))
        assert [d.status for d in rig.fetched()] == [200, 200]


def test_an_endless_header_line_is_not_read_to_its_end(tmp_path: Path) -> None:
    with start(tmp_path) as rig:
        rig.cloud.faults.long_header = 1_000_000
        rig.update("1.1.0")
        fails(rig, "download")
        rig.says("http-head")
        assert rig.untouched()


def test_a_head_that_comes_byte_by_byte_is_given_up(tmp_path: Path) -> None:
    with start(tmp_path) as rig:
        rig.cloud.faults.drip_bytes = 1
        rig.cloud.faults.drip_delay_s = 0.05
        rig.cloud.faults.drip_head = True
        rig.update("1.1.0")
        fails(rig, "download")
        assert rig.untouched()


@pytest.mark.parametrize(("status", "code"), [(404, "404"), (500, "500"), (503, "503")])
def test_a_server_error_is_tried_again_and_then_named(
    tmp_path: Path, status: int, code: str
) -> None:
    with start(tmp_path) as rig:
        rig.cloud.faults.status = status
        rig.cloud.faults.status_next = 1
        image = rig.update("1.1.0")
        succeeds(rig, image)
        assert [d.status for d in rig.fetched()] == [status, 206]
        rig.says(code)


def test_redirects_and_chunked_bodies_are_refused_by_name(tmp_path: Path) -> None:
    with start(tmp_path) as rig:
        rig.cloud.faults.redirect_next = 1
        rig.update("1.1.0")
        fails(rig, "http-redirect")
    folder = tmp_path / "chunked"
    folder.mkdir()
    with start(folder) as rig:
        rig.cloud.faults.chunked = True
        rig.update("1.1.0")
        fails(rig, "http-chunked")


def test_a_server_that_stalls_in_the_body_is_left_and_resumed(tmp_path: Path) -> None:
    with start(tmp_path) as rig:
        rig.cloud.faults.stall_after = 50_000
        rig.update("1.1.0")
        rig.wait(lambda: rig.fetched() and rig.fetched()[0].ended == "stalled", "the stall")
        rig.cloud.faults.stall_after = None
        rig.ends("1.1.0", "SUCCEEDED")
        assert rig.fetched()[-1].range_start == 50_000 // CHUNK * CHUNK


def test_a_push_that_comes_three_times_is_done_once(tmp_path: Path) -> None:
    with start(tmp_path) as rig:
        rig.cloud.faults.duplicate_push = 2
        succeeds(rig, rig.update("1.1.0"))
        assert len(rig.fetched()) == 1
        assert rig.steps().count(1) == 1
        assert rig.steps().count(100) == 1


def slow(rig: Rig) -> None:
    """Make the download take some seconds, so that there is a middle to act in."""
    rig.cloud.faults.drip_bytes = CHUNK
    rig.cloud.faults.drip_delay_s = 0.02


def in_the_middle(rig: Rig) -> None:
    rig.wait(lambda: rig.fetched() and rig.fetched()[-1].bytes_sent > 40_000, "the download")


def test_a_gateway_that_dies_in_the_download_does_not_stop_it(tmp_path: Path) -> None:
    with start(tmp_path, app(device="ping_ms=300, ack_timeout_ms=300")) as rig:
        slow(rig)
        image = rig.update("1.1.0", rig.image("1.1.0", size=BIG))
        in_the_middle(rig)
        rig.cloud.go_dead()
        rig.says("not connected")
        rig.wait(lambda: rig.fetched()[-1].ended == "complete", "the whole file")
        rig.cloud.come_back()
        rig.ends("1.1.0", "SUCCEEDED")
        assert rig.holds(1, image)
        assert len(rig.fetched()) == 1, "it began again"


def test_the_applications_own_messages_go_on_during_a_download(tmp_path: Path) -> None:
    source = app(
        setup="topic = '/%s/%s/user/count' % (device.product_key, device.device_name)\n"
        "n = 0\nlast = time.ticks_ms()",
        loop="if device.connected and time.ticks_diff(time.ticks_ms(), last) >= 100:\n"
        "        device.publish(topic, str(n)); n += 1; last = time.ticks_ms()",
    )
    with start(tmp_path, source) as rig:
        slow(rig)
        rig.cloud.faults.drip_delay_s = 0.05
        rig.update("1.1.0", rig.image("1.1.0", size=BIG))
        in_the_middle(rig)
        before = len(rig.sent("/user/count"))
        rig.wait(lambda: rig.fetched()[-1].ended == "complete", "the whole file")
        rig.ends("1.1.0", "SUCCEEDED")
        counted = [int(m.payload) for m in rig.sent("/user/count")]
        assert len(counted) - before >= 3
        assert counted == list(range(len(counted))), "a message was lost"


def test_a_message_to_the_applications_topic_arrives_during_a_download(tmp_path: Path) -> None:
    source = app(
        setup="own = '/%s/%s/user/' % (device.product_key, device.device_name)\n"
        "device.subscribe(own + 'ask', lambda t, p: device.publish(own + 'echo', p, 1))",
    )
    with start(tmp_path, source) as rig:
        slow(rig)
        rig.update("1.1.0", rig.image("1.1.0", size=BIG))
        in_the_middle(rig)
        rig.cloud.publish(PK, DN, f"/{PK}/{DN}/user/ask", b"\x00roof\xff", 1)
        rig.wait(lambda: rig.sent("/user/echo"), "the echo")
        assert rig.sent("/user/echo")[0].payload == b"\x00roof\xff"
        assert rig.fetched()[-1].ended == "", "the download was over by then"
        rig.ends("1.1.0", "SUCCEEDED")


def test_progress_is_told_in_steps_of_five_at_most_once_a_second(tmp_path: Path) -> None:
    with start(tmp_path) as rig:
        slow(rig)
        rig.cloud.faults.drip_delay_s = 0.05
        rig.update("1.1.0", rig.image("1.1.0", size=BIG))
        rig.ends("1.1.0", "SUCCEEDED")
        steps = rig.steps()
        assert steps[0] == 1
        assert steps[-1] == 100
        between = steps[1:-1]
        assert len(between) >= 3
        assert all(step % 5 == 0 for step in between)
        assert between == sorted(set(between))
        sent = [m.time for m in rig.sent("/progress/")][1:-1]
        assert all(b - a > 0.9 for a, b in pairwise(sent))
