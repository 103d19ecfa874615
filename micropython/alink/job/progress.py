# How far a download has come, told to the platform. MIT licence.
#
# A function of the Run (run.py), loaded for it and let go: what moves needs the room.

from micropython import const

from ..errors import AlinkError
from ..session import framed

_STEP_PERCENT = const(5)
_TOPIC = const(21)  # bytes of the topic in front of the names


def tell(run, reached, desc="downloading"):
    """Report so many percent as are `reached` (int), in steps, and `desc` (str without quotes), if
    there is a session; it may get lost. As reports.step(), but written down as it is: there is no
    text in it that JSON would have to quote.
    """
    device = run.up.device
    run.told = reached - reached % _STEP_PERCENT
    if device.connected:
        name = "%s/%s" % (device.product_key, device.device_name)
        text = '/ota/device/progress/%s{"id":"%s","params":{%s"step":"%d","desc":"%s"}}' % (
            name,
            device.next_id(),
            "" if run.module == "default" else '"module":"%s",' % run.module,
            run.told or 1,
            desc,
        )
        count = (_TOPIC + len(name)).to_bytes(2, "big")
        # (One packet, and nothing else of it, while it is sent.)
        view = memoryview(text)  # type: ignore[arg-type]
        name = text = view = framed(0x30, count, view)
        try:
            device._send(text)
        except (AlinkError, MemoryError):
            pass  # the next one says more
