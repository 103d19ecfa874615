# What the device tells the platform about its software, and asks of it. MIT licence.
#
# Topics and payloads of "OTA updates" (89307). There is no answer at application level: a report
# counts as taken once the gateway has acknowledged it (QoS 1). The slot's module ("default") goes
# without its name.

import json

from .errors import AlinkError


class Reports:
    """Version reports, progress and queries of one device.

    device: Device. on_offer: called with the payload (bytes) of each upgrade push and query reply,
    and whether it is a reply.
    """

    def __init__(self, device, on_offer):
        self._device = device
        self._own = own = "%s/%s" % (device.product_key, device.device_name)
        device.subscribe("/ota/device/upgrade/" + own, lambda _, data: on_offer(data, False))
        device.subscribe(
            "/sys/%s/thing/ota/firmware/get_reply" % own, lambda _, data: on_offer(data, True)
        )

    def version(self, version, module=None):
        """Report the `version` (str) of a module (str, None: the slot's) -> packet id to wait for."""
        return self._send("/ota/device/inform/", {"version": version}, module, 1)

    def step(self, step, desc, module, qos=0):
        """Report progress: step (int, 1..100 or -1..-4), desc (str, cut to 128 characters)."""
        params = {"step": str(step), "desc": desc[:128]}
        return self._send("/ota/device/progress/", params, module, qos)

    def query(self, module=None):
        """Ask for a job for `module`; the reply comes as an offer. Returns the query's id (str)."""
        name = self._device.next_id()
        message = {"id": name, "version": "1.0", "params": _of({}, module)}
        message["method"] = "thing.ota.firmware.get"
        topic = "/sys/%s/thing/ota/firmware/get" % self._own
        self._device.publish(topic, json.dumps(message))
        return name

    def _send(self, topic, params, module, qos):
        message = {"id": self._device.next_id(), "params": _of(params, module)}
        return self._device.publish(topic + self._own, json.dumps(message), qos)


def _of(params, module):
    if module is not None and module != "default":
        params["module"] = module
    return params


class Acknowledged:
    """One report that has to arrive: sent again on each new session until the gateway took it.

    send: method of a Reports that returns the packet id; args: what it is called with.
    """

    def __init__(self, device, send, *args):
        self._device = device
        self._send = send
        self._args = args
        self._session = 0
        self._pid = 0

    def done(self):
        """Send when that is due; True once the gateway has acknowledged."""
        device = self._device
        if not device.connected:
            return False
        if self._session != device.session:
            try:
                self._pid = self._send(*self._args)
                self._session = device.session
            except AlinkError:
                pass  # the link broke in between; the next session sends it again
            return False
        return device.acked(self._pid)
