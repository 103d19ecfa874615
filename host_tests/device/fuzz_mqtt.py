# Streams of MQTT packets from a hostile gateway into a Device. MIT licence.
#
# An input: mode (0: into a session that stands, 1: while the sign-in waits for its SUBACK, 2: in
# place of the CONNACK), the bytes a read gives at most (2), then the stream. In it FE FE stands
# for the packet id the Device used last, so that answers to what it asked can be guessed.

import sys

import esp32  # the first fault would load it, and it stays
import mqtt_fakes
from alink import errors
from alink.errors import AlinkError
from fuzz_common import Run

assert esp32
run = Run()
clock, net = mqtt_fakes.world()
net.log = None
mqtt_fakes.log.level = 0
OWN = "/a1B2c3D4e5F/greenhouse_07/user/get"
TREE = "/a1B2c3D4e5F/greenhouse_07/user/tree/#"
MAX_MESSAGE = 1024
CODES = (
    errors.LINK,
    errors.TIMEOUT,
    errors.PROTOCOL,
    errors.REFUSED,
    errors.SUBSCRIBE,
)
dev = mqtt_fakes.make(max_message=MAX_MESSAGE)
got = []


def handler(topic, payload):
    if topic != OWN and not topic.startswith(TREE[:-2]):
        run.bad("a message on %r was handed on" % topic)
    if not isinstance(payload, bytes) or len(payload) > MAX_MESSAGE:
        run.bad("a payload of %d bytes was handed on" % len(payload))
    got.append(len(payload))


dev.subscribe(OWN, handler)
dev.subscribe(TREE, handler, 1)


def until(wanted, what):
    # Half an hour of the fake clock is longer than every back-off.
    end = clock.total + 1800000
    while not wanted():
        dev.poll()
        clock.sleep_ms(50)
        if clock.total > end:
            run.bad("never " + what)
            return


def well():
    gateway = net.gateway
    gateway.connack = b"\x20\x02\0\0"
    gateway.suback = 0
    until(lambda: dev.connected, "connected again")
    got.clear()
    net.last.piece = 1 << 20
    net.last.incoming += mqtt_fakes.publish_packet(OWN, b"fine")
    for _ in range(3):
        dev.poll()
    if got != [4]:
        run.bad("a good message was not handed on")


def clean():
    # Let go of what the fakes remember, so that the heap shows what the Device holds.
    net.gateway.packets.clear()
    net.gateway.filters.clear()
    net.sockets = net.sockets[-1:]
    net.connects.clear()
    if dev._link is not None:
        dev._link.topic = dev._link.answer = None
    dev.error = None


def one(data):
    mode = data[0] % 3
    stream = data[3:]
    gateway = net.gateway
    if mode:
        if net.sockets:
            net.last.eof = True
        until(lambda: not dev.connected, "noticed the end of the connection")
        if mode == 1:
            gateway.suback = None
            until(lambda: dev._signing not in (True, False), "subscribed")
        else:
            gateway.connack = stream[:64]
            stream = stream[64:]
            net.on_socket = lambda sock: setattr(sock, "eof", True)
            before = len(net.connects)
            until(lambda: len(net.connects) > before, "tried again")
            net.on_socket = None
    pid = dev._pid if dev._link is None else dev._link.pid
    sock = net.last
    if not sock.closed:
        sock.piece = max(data[1] << 8 | data[2], 1)
        sock.incoming += stream.replace(b"\xfe\xfe", bytes([pid >> 8, pid & 255]))
        # As many polls as it may take to read it all, and then some.
        polls = len(sock.incoming) // min(sock.piece, 256) + len(sock.incoming) // 2 + 40
        for i in range(polls):
            dev.poll()
            if i & 15 == 15:
                clock.sleep_ms(1)
        if dev.error is not None and dev.error.code not in CODES:
            run.bad("ended with " + dev.error.text())
        if not sock.closed and sock.incoming and dev.connected:
            run.bad("%d bytes are still unread" % len(sock.incoming))
        if dev.connected:
            try:
                dev.publish("/a1B2c3D4e5F/greenhouse_07/user/update", b"1", 1)
            except AlinkError:
                pass
        # A packet that never ends must not hold the session for ever.
        mqtt_fakes.turn(dev, clock, 320000, 2000)
    well()
    clean()


try:
    dev.connect()
finally:
    clean()
run.all(sys.argv[1], one)
