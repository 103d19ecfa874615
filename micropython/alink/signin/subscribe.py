# From the CONNACK to the last SUBACK: subscriptions are asked for, and confirmed. MIT licence.

import time

from micropython import const

from .. import log
from ..errors import AlinkError
from ..session import framed

_E_SUBSCRIBE = const(6)
_E_TIMEOUT = const(7)
_E_PROTOCOL = const(8)

_FILTERS = const(8)  # in one SUBSCRIBE ("Limits", 30527)
_PIDS = const(65535)
_REFUSED = const(0x80)
_ACK_MS = const(1)  # which of the settings' times


def subscribe(device):
    """Each next() is a step: asks for what has not been asked for, looks for the answer; True when
    all is confirmed, and the Device is signed in.

    A refused subscription raises AlinkError(SUBSCRIBE); of one without a handler (a Stream) its
    entry tells. TIMEOUT when an answer stays away, PROTOCOL when it has a wrong number of codes.
    """
    link = device._link
    ack_ms = device._settings[6][_ACK_MS]
    while True:
        wanted = [one for one in device._topics if not one[3]][:_FILTERS]
        if not wanted:
            break
        link.pid = link.pid % _PIDS + 1
        link.issued += 1
        pid = link.pid.to_bytes(2, "big")
        body = [pid]
        for one in wanted:
            name = one[0].encode()
            body += [len(name).to_bytes(2, "big"), name, b"\x01" if one[2] & 1 else b"\0"]
            one[3] = True
        link.answer = None
        packet = framed(0x82, *body)
        link.send(packet, len(packet))
        asked_at = time.ticks_ms()
        packet = body = name = None
        while link.answer is None or link.answer[:2] != pid:
            if time.ticks_diff(time.ticks_ms(), asked_at) > ack_ms:
                raise AlinkError(_E_TIMEOUT, "no SUBACK in time")
            yield False
        codes = link.answer[2:]
        link.answer = None
        if len(codes) != len(wanted):
            raise AlinkError(_E_PROTOCOL, "SUBACK with %d codes" % len(codes))
        for one in wanted:
            code = codes[0]
            codes = codes[1:]
            if one[1] is None:
                one[2] = code & _REFUSED
            elif code == _REFUSED:
                raise AlinkError(_E_SUBSCRIBE, one[0])
    if not device.connected:
        device.connected = True
        device.session += 1
        device.error = None
        log.info("signed in as", device.device_name)
    yield True
