# How far a download has come, told to the platform. MIT licence.
#
# Loaded with the first report, and let go with what moves; beside a package at once.

from micropython import const

_STEP_PERCENT = const(5)


def told(run, reached, desc="downloading"):
    """A report of so many percent as are `reached` (int), in steps, and of `desc` (str without
    quotes) -> topic, payload. As reports.step(), but written down as it is: there is no text in it
    that JSON would have to quote.

    run: Run, which sends it: where the session breaks in that, this module is let go.
    """
    device = run.up.device
    run.told = reached - reached % _STEP_PERCENT
    return (
        "/ota/device/progress/%s/%s" % (device.product_key, device.device_name),
        '{"id":"%s","params":{%s"step":"%d","desc":"%s"}}'
        % (
            device.next_id(),
            "" if run.module == "default" else '"module":"%s",' % run.module,
            run.told or 1,
            desc,
        ),
    )
