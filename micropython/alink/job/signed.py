# Does the owner want packages signed, and is this one? MIT licence. Loaded for one job.

from micropython import const

from .. import parts
from ..errors import AlinkError
from ..nvs import SETTINGS, opened

_E_CONFIG = const(1)
_E_LEFT_OUT = const(30)

_NOT_FOUND = const(-4354)  # ESP_ERR_NVS_NOT_FOUND
_SIZE = const(1024)  # above a key in PEM; what is longer is none


def check(up, files):
    """Raise AlinkError unless each of `files` (offer.File) may be installed.

    The key is the Updater's own (up.options[7], int) or that of the settings in NVS. Without one
    everything may; with one that cannot be read, nothing. Raises AlinkError: SIGNATURE, CONFIG,
    LEFT_OUT.
    """
    key = up.options[7]
    text = None
    if key is None:
        text = _setting()
        if text is None:
            return
    try:
        signature = parts.use("job.signature")
        if text is not None:
            key = signature.load_key(text)
        signature.check(key, files)
    except ValueError as e:
        raise AlinkError(_E_CONFIG, str(e)) from None
    except ImportError:
        raise AlinkError(_E_LEFT_OUT, "signature") from None
    finally:
        signature = None
        parts.drop("job.signature")


def _setting():
    # The key as it is provisioned. Only one that is not there is none: what cannot be read may be
    # the owner's word that nothing unsigned is installed.
    buf = bytearray(_SIZE)
    try:
        nvs = opened(SETTINGS)
        return bytes(memoryview(buf)[: nvs.get_blob("sign_key", buf)])
    except OSError as e:
        error = e
    if error.errno == _NOT_FOUND:
        try:
            # (ESP-IDF finds nothing, too, where a value of another type is.)
            nvs.get_i32("sign_key")
        except OSError as e:
            if e.errno == _NOT_FOUND:
                return None
    raise AlinkError(_E_CONFIG, "sign_key cannot be read: %s" % error)
