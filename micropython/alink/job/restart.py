# Into the new image. MIT licence.

import machine


def restart(up):
    """The last of what this image does: the application's last words, then a reset."""
    up.set_state("resetting")
    up.call(up.before_reset)
    up.device.disconnect()
    machine.reset()
