# What the device tells the platform about its software, and asks of it. MIT licence.
#
# Topics and payloads of "OTA updates" (89307). There is no answer at application level: a report
# counts as taken once the gateway has acknowledged it (QoS 1). The slot's module ("default") goes
# without its name. Loaded while there is something to say.

import json

from .errors import AlinkError


def version(device, version, module):
    """Report the `version` (str) of `module` (str) -> packet id to wait for."""
    return _send(device, "/ota/device/inform/", {"version": version}, module, 1)


def step(device, step, desc, module, qos=0):
    """Report progress: step (int, 1..100 or -1..-4), desc (str, cut to 128 characters)."""
    params = {"step": str(step), "desc": desc[:128]}
    return _send(device, "/ota/device/progress/", params, module, qos)


def query(device, module):
    """Ask for a job for `module` (str) -> the query's id (str); the reply comes as an offer."""
    name = device.next_id()
    message = {"id": name, "version": "1.0", "params": _of({}, module)}
    message["method"] = "thing.ota.firmware.get"
    device.publish("/sys" + _own(device) + "thing/ota/firmware/get", json.dumps(message))
    return name


def _own(device):
    return "/%s/%s/" % (device.product_key, device.device_name)


def _send(device, topic, params, module, qos):
    message = {"id": device.next_id(), "params": _of(params, module)}
    return device.publish(topic + _own(device)[1:-1], json.dumps(message), qos)


def _of(params, module):
    if module != "default":
        params["module"] = module
    return params


class Acknowledged:
    """One report that has to arrive: sent again on each new session until the gateway took it.

    send: version or step of this module; args: what it gets behind the device.
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
                self._pid = self._send(device, *self._args)
                self._session = device.session
            except AlinkError:
                pass  # the link broke in between; the next session sends it again
            return False
        return device.acked(self._pid)
