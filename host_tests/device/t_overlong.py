# Offers that are too long to be held: answered all the same, by what passes by. MIT licence.

import gc
import json

from alink import errors, parts
from alink.job import offer
from mqtt_fakes import publish_packet, turn, up, world

OWN = "a1B2c3D4e5F/greenhouse_07"


class Updater:
    """What overlong.py wants of one."""

    def __init__(self, device):
        self.device = device
        self.got = []

    def _pushed(self, topic, payload):
        self.got.append((payload, topic.startswith("/sys")))


def scene(**changed):
    clock, net = world()
    device = up(clock, **changed)
    updater = Updater(device)
    device.on_long = lambda topic, size: parts.ask("job.overlong", "scan", updater, topic, size)
    return clock, net, device, updater


def push(size, **data):
    data["extData"] = {"module": "not me", "x": "y" * size}
    message = {"code": "1000", "data": data, "id": 7, "message": "success"}
    return publish_packet("/ota/device/upgrade/" + OWN, json.dumps(message).encode(), 1, 9)


def test_an_offer_too_long_is_known_by_module_and_version_wherever_they_stand():
    files = [{"fileName": "version", "version": "0", "fileUrl": 'a"}],{\\'} for _ in range(20)]
    for piece in (1, 7, 1 << 20):
        clock, net, device, updater = scene(max_message=500)
        net.last.piece = piece
        for data in (
            {"version": "2.0.0", "files": files, "module": "assets"},
            {"module": "assets", "files": files, "version": "2.0.0"},
        ):
            net.last.incoming += push(3000, **data)
            while net.last.incoming:
                turn(device, clock, 100)
            turn(device, clock, 1000)
            (payload, reply) = updater.got.pop()
            assert payload[:2] == ("assets", "2.0.0"), payload
            assert not reply
            assert not updater.got
            try:
                offer.parse(payload)
            except errors.AlinkError as e:
                assert e.code == errors.JOB_LENGTH
                assert e.step == -1
                assert e.module == "assets"
            else:
                raise AssertionError("taken")
        assert device.connected
        assert len(net.sockets) == 1
        # The answer to a query, for the slot.
        message = json.dumps({"id": "3", "code": 200, "data": {"version": "1", "x": "y" * 900}})
        topic = "/sys/%s/thing/ota/firmware/get_reply" % OWN
        net.last.incoming += publish_packet(topic, message.encode())
        turn(device, clock, 60000 // min(piece, 60))
        payload, reply = updater.got.pop()
        assert payload[:2] == ("default", "1")
        assert reply


def test_what_is_long_and_no_offer_is_not_answered():
    clock, net, device, updater = scene(max_message=500)
    for topic, payload in (
        ("/%s/user/update" % OWN, b'{"data":{"version":"1"}, "x": "%s"}' % (b"x" * 600)),
        ("/ota/device/upgrade/" + OWN, b"x" * 5000),
        ("/ota/device/upgrade/" + OWN, b'{"data":{},"message":"%s"}' % (b"x" * 600)),
        ("/ota/device/upgrade/" + OWN, b'{"data":"%s"}' % (b"x" * 600)),
        ("/ota/device/upgrade/" + OWN, b']}[{:,\xff\\"' * 600),
    ):
        net.last.incoming += publish_packet(topic, payload)
        turn(device, clock, 1000)
        assert device.connected
    assert not updater.got
    # The next one is taken as ever.
    got = []
    device.subscribe("/n", lambda topic, payload: got.append(payload))
    turn(device, clock, 100)
    net.last.incoming += publish_packet("/n", b"next")
    turn(device, clock, 100)
    assert got == [b"next"]


def test_an_offer_too_long_is_not_held():
    clock, net, device, updater = scene(max_message=500)
    data = push(100000, version="2.0.0")
    turn(device, clock, 1000)
    gc.collect()
    before = gc.mem_alloc()
    most = 0
    for i in range(0, len(data), 5000):
        net.last.incoming += data[i : i + 5000]
        turn(device, clock, 200)
        gc.collect()
        most = max(most, gc.mem_alloc() - before)
    assert most < 8000, most
    assert updater.got[0][0][:2] == ("default", "2.0.0")


def test_an_offer_without_memory_for_it_is_answered_with_that():
    _, _, device, updater = scene()
    taker = device.on_long("/ota/device/upgrade/" + OWN, 20000)
    text = b'{"data":{"version":"2.0.0"}}'
    taker(bytearray(text), len(text))
    taker(bytearray(1), 0)
    try:
        offer.parse(updater.got[0][0])
    except errors.AlinkError as e:
        assert e.code == errors.NO_MEMORY
        return
    raise AssertionError("taken")
