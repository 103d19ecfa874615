# Progress of a run, told the platform while it moves. MIT licence. Loaded for each report.
#
# As reports.step(), but written down as it is: there is no text in it that JSON would have to
# quote, and this is loaded twenty times where that would be twice as large.

_STEP = '{"id":"%s","params":{%s"step":"%d","desc":"%s"}}'


def tell(device, step, desc, module):
    """Report `step` (int) and `desc` (str without quotes) of `module` (str).

    Raises AlinkError as Device.publish() does.
    """
    of = "" if module == "default" else '"module":"%s",' % module
    topic = "/ota/device/progress/%s/%s" % (device.product_key, device.device_name)
    device.publish(topic, _STEP % (device.next_id(), of, step, desc))
