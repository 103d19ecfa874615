# An upgrade message -> Job, or one clear reason why not. MIT licence.
#
# The platform offers a job in two ways with the same `data` ("OTA updates", 89307): pushed on
# /ota/device/upgrade, and as the reply to thing/ota/firmware/get. Both come through parse().

import binascii
import hashlib
import json

from .. import errors
from ..errors import AlinkError

DEFAULT_MODULE = "default"

# The platform's spellings of signMethod, lower-cased -> (hashlib name, digest length in bytes).
_METHODS = {"md5": ("md5", 16), "sha256": ("sha256", 32)}
_VERSION_MAX = 64
_SIZE_MAX = 1 << 29  # far above any flash, and a small integer on the chip
_FILES_MAX = 20  # of a package (the C SDK's limit)
_NAME_MAX = 128
_FILE_KEYS = (
    ("fileName", "name"),
    ("fileSize", "size"),
    ("fileUrl", "url"),
    ("fileSign", "sign"),
    ("fileMd5", "md5"),
)
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"


class File:
    """One download of a job.

    name: str, "" unless the package has several files. size: int, bytes. method: "md5" or
    "sha256". digest: bytes, of the download. url: str, a signed link (a bearer secret, never
    shown), or None. stream: (streamId, fileId), two int, of a download over MQTT, or None.
    signature: bytes, the platform's `digestsign`, or None.
    """

    def __init__(self, size, method, digest, url=None, stream=None, name="", signature=None):
        self.size = size
        self.method = method
        self.digest = digest
        self.url = url
        self.stream = stream
        self.name = name
        self.signature = signature

    def __repr__(self):
        return "<File %s %d bytes, %s>" % (self.name, self.size, self.method)


class Job:
    """One upgrade offered to this device.

    version: str, the target, to be reported exactly so in the end. module: str ("default" for
    the whole device). files: list of File, in the order of the package, at least one. extra: dict,
    the batch's custom data (extData), or {}. reply_to: str, the id of the query that this
    answers, or None for a push.
    """

    def __init__(self, version, module, files, extra, reply_to=None):
        self.version = version
        self.module = module
        self.files = files
        self.extra = extra
        self.reply_to = reply_to

    @property
    def size(self):
        """Bytes of all downloads together (int)."""
        return sum([file.size for file in self.files])

    @property
    def key(self):
        """What makes two messages the same job (str): module, version and digest."""
        digest = self.files[0].digest
        if len(self.files) > 1:
            digest = hashlib.sha256(b"".join([file.digest for file in self.files])).digest()
        return "%s/%s/%s" % (self.module, self.version, binascii.hexlify(digest[:8]).decode())

    def __repr__(self):
        return "<Job %s %s, %d bytes>" % (self.module, self.version, self.size)


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
    try:
        files = _files(data)
    except AlinkError as e:
        raise BadJob(e.code, e.detail, module, version)
    extra = data.get("extData")
    if not isinstance(extra, dict):
        extra = {}
    reply_to = _shown(message.get("id")) if reply else None
    return Job(version, module, files, extra, reply_to)


def valid_version(version):
    """Whether `version` is a version the platform knows: 1..64 of letters, digits, `.-_`."""
    if not isinstance(version, str) or not 0 < len(version) <= _VERSION_MAX:
        return False
    return all(letter in _WORD for letter in version)


def _files(data):
    if data.get("isDiff") in (1, "1", True):
        raise AlinkError(errors.JOB_DIFF)
    # Absent means MD5 given as `md5`; its spelling varies (MD5, Md5, SHA256, Sha256).
    name = data.get("signMethod", "md5")
    method = _METHODS.get(name.lower()) if isinstance(name, str) else None
    if method is None:
        raise AlinkError(errors.JOB_FIELD, "signMethod " + _shown(name))
    protocol = data.get("dProtocol")
    if protocol is not None and protocol != "mqtt":
        raise AlinkError(errors.JOB_PROTOCOL, _shown(protocol))
    several = data.get("files")
    if several is None:
        return [_file(data, method, protocol is not None)]
    if protocol is not None:
        raise AlinkError(errors.JOB_FORM, "several files over MQTT")
    if not isinstance(several, list) or not 0 < len(several) <= _FILES_MAX:
        raise AlinkError(errors.JOB_FIELD, "files")
    # The C SDK looks for the names of a single file where the list has one element.
    return [_file(_renamed(one), method, False) for one in several]


def _renamed(element):
    if not isinstance(element, dict):
        raise AlinkError(errors.JOB_FIELD, "files")
    data = dict(element)
    for theirs, ours in _FILE_KEYS:
        if theirs in element:
            data[ours] = element[theirs]
    name = data.get("name")
    if name is not None and not (isinstance(name, str) and 0 < len(name) <= _NAME_MAX):
        raise AlinkError(errors.JOB_FIELD, "fileName")
    return data


def _file(data, method, over_mqtt):
    digest = _digest(data, method)
    size = data.get("size")
    if type(size) is not int or not 0 < size <= _SIZE_MAX:
        raise AlinkError(errors.JOB_FIELD, "size")
    url = stream = None
    if over_mqtt:
        stream = (data.get("streamId"), data.get("streamFileId"))
        if type(stream[0]) is not int or type(stream[1]) is not int or min(stream) < 0:
            raise AlinkError(errors.JOB_FIELD, "streamId")
    else:
        url = data.get("url")
        if not isinstance(url, str) or not (
            url.startswith("https://") or url.startswith("http://")  # not a tuple: since 1.26 only
        ):
            raise AlinkError(errors.JOB_FIELD, "url")
    signature = _signature(data.get("digestsign"))
    return File(size, method[0], digest, url, stream, data.get("name") or "", signature)


def _digest(data, method):
    sign = data.get("sign")
    md5 = data.get("md5") if method[0] == "md5" else None
    if sign is None:
        sign = md5
    digest = _unhex(sign, method[1])
    if digest is None or (md5 is not None and _unhex(md5, method[1]) != digest):
        raise AlinkError(errors.JOB_FIELD, "sign")
    return digest


def _signature(text):
    # One that is there and cannot be read is no signature of anything: it must not pass as none.
    if text is None:
        return None
    try:
        return binascii.a2b_base64(text) if isinstance(text, str) else b""
    except ValueError:
        return b""


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
