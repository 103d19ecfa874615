# An upgrade message -> Job, or one clear reason why not. MIT licence.
#
# The platform offers a job in two ways with the same `data` ("OTA updates", 89307): pushed on
# /ota/device/upgrade, and as the reply to thing/ota/firmware/get. Both come through parse().

import binascii
import json

from . import errors
from .errors import AlinkError

DEFAULT_MODULE = "default"

# The platform's spellings of signMethod, lower-cased -> (hashlib name, digest length in bytes).
_METHODS = {"md5": ("md5", 16), "sha256": ("sha256", 32)}
_VERSION_MAX = 64
_SIZE_MAX = 1 << 29  # far above any flash, and a small integer on the chip
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"


class Job:
    """One upgrade offered to this device.

    version: str, the target, to be reported exactly so in the end. module: str ("default" for
    the whole device). size: int, bytes of the download. url: str, a signed link: a bearer secret,
    never shown. method: "md5" or "sha256". digest: bytes, of the download. extra: dict, the
    batch's custom data (extData), or {}. reply_to: str, the id of the query that this answers, or
    None for a push.
    """

    def __init__(self, version, module, size, url, method, digest, extra, reply_to=None):
        self.version = version
        self.module = module
        self.size = size
        self.url = url
        self.method = method
        self.digest = digest
        self.extra = extra
        self.reply_to = reply_to

    @property
    def key(self):
        """What makes two messages the same job (str): module, version and digest."""
        digest = binascii.hexlify(self.digest[:8]).decode()
        return "%s/%s/%s" % (self.module, self.version, digest)

    def __repr__(self):
        return "<Job %s %s, %d bytes, %s>" % (self.module, self.version, self.size, self.method)


class BadJob(AlinkError):
    """A job that cannot be done; `module` (str) and `version` (str or None) say whose it was."""

    def __init__(self, code, detail, module, version):
        super().__init__(code, detail)
        self.module = module
        self.version = version


def parse(payload, reply=False):
    """The Job in an upgrade push or query reply; None when the message offers nothing.

    payload: bytes, JSON. reply: whether it answers a query. None: not JSON, an error code, or
    empty `data` (no job): nothing has to be answered. Raises BadJob (codes JOB_*) when it is a job
    that this firmware cannot do, which has to be answered with the error's step, or the platform
    offers it for ever.
    """
    try:
        message = json.loads(payload)
    except (ValueError, MemoryError):
        return None
    if not isinstance(message, dict):
        return None
    # "1000" in pushes, 200 in replies, sometimes neither.
    if message.get("code", 200) not in (200, 1000, "200", "1000"):
        return None
    data = message.get("data")
    if not isinstance(data, dict) or not data:
        return None
    module = data.get("module") or DEFAULT_MODULE
    version = data.get("version")
    if not isinstance(module, str):
        module = DEFAULT_MODULE
    if not valid_version(version):
        raise BadJob(errors.JOB_FIELD, "version", module, None)
    _refuse_other_forms(data, module, version)
    method, digest = _digest(data, module, version)
    size = data.get("size")
    if type(size) is not int or not 0 < size <= _SIZE_MAX:
        raise BadJob(errors.JOB_FIELD, "size", module, version)
    url = data.get("url")
    if not isinstance(url, str) or not (
        url.startswith("https://") or url.startswith("http://")  # not a tuple: since 1.26 only
    ):
        raise BadJob(errors.JOB_FIELD, "url", module, version)
    extra = data.get("extData")
    if not isinstance(extra, dict):
        extra = {}
    reply_to = _shown(message.get("id")) if reply else None
    return Job(version, module, size, url, method, digest, extra, reply_to)


def valid_version(version):
    """Whether `version` is a version the platform knows: 1..64 of letters, digits, `.-_`."""
    if not isinstance(version, str) or not 0 < len(version) <= _VERSION_MAX:
        return False
    return all(letter in _WORD for letter in version)


def _refuse_other_forms(data, module, version):
    protocol = data.get("dProtocol")
    if protocol is not None:
        raise BadJob(errors.JOB_PROTOCOL, _shown(protocol), module, version)
    if data.get("files") is not None:
        raise BadJob(errors.JOB_FORM, "several files", module, version)
    if data.get("isDiff") in (1, "1", True):
        raise BadJob(errors.JOB_DIFF, "", module, version)


def _digest(data, module, version):
    # signMethod absent means MD5 given as `md5`; its spelling varies (MD5, Md5, SHA256, Sha256).
    name = data.get("signMethod", "md5")
    found = _METHODS.get(name.lower()) if isinstance(name, str) else None
    if found is None:
        raise BadJob(errors.JOB_FIELD, "signMethod " + _shown(name), module, version)
    method, length = found
    sign = data.get("sign")
    md5 = data.get("md5") if method == "md5" else None
    if sign is None:
        sign = md5
    digest = _unhex(sign, length)
    if digest is None or (md5 is not None and _unhex(md5, length) != digest):
        raise BadJob(errors.JOB_FIELD, "sign", module, version)
    return method, digest


def _shown(value):
    # str() of a list within a list within .. would end in a RuntimeError.
    return str(value)[:16] if isinstance(value, (str, int)) else type(value).__name__


def _unhex(text, length):
    if not isinstance(text, str) or len(text) != 2 * length:
        return None
    try:
        return binascii.unhexlify(text)
    except ValueError:
        return None
