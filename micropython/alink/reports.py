# What the device tells the platform about its software, and asks of it. MIT licence.
#
# Topics and payloads of "OTA updates" (89307). There is no answer at application level: a report
# counts as taken once the gateway has acknowledged it (QoS 1).

import json

from .errors import AlinkError
from .job import DEFAULT_MODULE

_DESC_MAX = 128


class Reports:
    """Version reports, progress and queries of one device.

    device: Device. on_offer: called with the payload (bytes) of each upgrade push and query reply,
    and whether it is a reply.
    """

    def __init__(self, device, on_offer):
        own = "%s/%s" % (device.product_key, device.device_name)
        self._device = device
        self._on_offer = on_offer
        self._inform = "/ota/device/inform/" + own
        self._progress = "/ota/device/progress/" + own
        self._get = "/sys/%s/thing/ota/firmware/get" % own
        device.subscribe("/ota/device/upgrade/" + own, self._pushed)
        device.subscribe(self._get + "_reply", self._replied)

    def _pushed(self, topic, payload):
        self._on_offer(payload, False)

    def _replied(self, topic, payload):
        self._on_offer(payload, True)

    def version(self, version, module=DEFAULT_MODULE):
        """Report a module's `version` (str); returns the packet id to wait for."""
        return self._send(self._inform, _of(module, {"version": version}), 1)

    def step(self, step, desc, module, qos=0):
        """Report progress: step (int, 1..100 or -1..-4), desc (str, cut to 128 characters)."""
        params = {"step": str(step), "desc": desc[:_DESC_MAX]}
        return self._send(self._progress, _of(module, params), qos)

    def query(self, module=DEFAULT_MODULE):
        """Ask for a job for `module`; the reply comes as an offer. Returns the query's id."""
        name = self._device.next_id()
        method = "thing.ota.firmware.get"
        message = {"id": name, "version": "1.0", "params": _of(module, {}), "method": method}
        self._device.publish(self._get, json.dumps(message), 0)
        return name

    def _send(self, topic, params, qos):
        message = {"id": self._device.next_id(), "params": params}
        return self._device.publish(topic, json.dumps(message), qos)


def _of(module, params):
    # The slot's module goes without its name.
    if module != DEFAULT_MODULE:
        params["module"] = module
    return params


class Acknowledged:
    """One report that has to arrive: sent again on each new session until the gateway took it.

    send: callable that publishes at QoS 1 and returns the packet id.
    """

    def __init__(self, device, send):
        self._device = device
        self._send = send
        self._session = 0
        self._pid = 0

    def done(self):
        """Send when that is due; True once the gateway has acknowledged."""
        device = self._device
        if not device.connected:
            return False
        if self._session != device.session:
            try:
                self._pid = self._send()
            except AlinkError:
                return False  # the link broke in between; the next session sends it again
            self._session = device.session
            return False
        return device.acked(self._pid)
