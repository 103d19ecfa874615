# Progress of a run, told the platform on its way. MIT licence. Loaded for each report. How often
# that is, is decided where it is counted: _STEP_PERCENT and _STEP_MS in run.py.
#
# As reports.step(), but written down as it is: there is no text in it that JSON would have to
# quote, and this is loaded twenty times where that would be twice as large.

from .. import log
from ..errors import AlinkError

_STEP = '{"id":"%s","params":{%s"step":"%d","desc":"%s"}}'


def tell(run, step, desc="downloading"):
    """Report `step` (int) and `desc` (str without quotes), if there is a session; it may get lost.

    run: Run.
    """
    device = run.up.device
    if not device.connected:
        return
    of = "" if run.module == "default" else '"module":"%s",' % run.module
    topic = "/ota/device/progress/%s/%s" % (device.product_key, device.device_name)
    try:
        device.publish(topic, _STEP % (device.next_id(), of, step, desc))
    except AlinkError as e:
        log.debug("progress not sent:", e)
