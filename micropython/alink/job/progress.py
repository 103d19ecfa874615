# How far a download has come, told to the platform. MIT licence.
#
# Loaded with what moves, and let go with it; beside a package for a moment. It sends nothing: when
# the session breaks in that, what moves is let go, and this with it.

from micropython import const

from ..session import framed

_STEP_PERCENT = const(5)
_TOPIC = const(21)  # bytes of the topic in front of the names


def packet(run, reached, desc="downloading"):
    """A report of so many percent as are `reached` (int), in steps, and of `desc` (str without
    quotes), as it is sent (bytearray). As reports.step(), but written down as it is: there is no
    text in it that JSON would have to quote.
    """
    device = run.up.device
    run.told = reached - reached % _STEP_PERCENT
    name = "%s/%s" % (device.product_key, device.device_name)
    text = '/ota/device/progress/%s{"id":"%s","params":{%s"step":"%d","desc":"%s"}}' % (
        name,
        device.next_id(),
        "" if run.module == "default" else '"module":"%s",' % run.module,
        run.told or 1,
        desc,
    )
    # (One packet, and nothing else of it, while it is sent.)
    return framed(0x30, (_TOPIC + len(name)).to_bytes(2, "big"), memoryview(text))  # type: ignore[arg-type]
