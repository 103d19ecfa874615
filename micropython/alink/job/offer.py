# An upgrade message -> Job, or one clear reason why not. MIT licence.
#
# The platform offers a job in two ways with the same `data` ("OTA updates", 89307): pushed on
# /ota/device/upgrade, and as the reply to thing/ota/firmware/get. Both come through parse().
# Loaded for one message, before any buffer of a download is made, and let go again.

import binascii
import hashlib
import json

from micropython import const

from ..errors import AlinkError
from ..versions import valid

_E_JOB_FORM = const(20)
_E_JOB_FIELD = const(21)
_E_JOB_PROTOCOL = const(22)
_E_JOB_DIFF = const(24)
_E_JOB_LENGTH = const(31)
_E_NO_MEMORY = const(84)

_SIZE_MAX = const(536870912)  # far above any flash, and a small integer on the chip
_FILES_MAX = const(20)  # of a package (the C SDK's limit)
_NAME_MAX = const(128)
_MODULE_MAX = const(64)
_NAMES = ("fileName", "fileSize", "fileUrl", "fileSign", "fileMd5")


class Facts:
    """Named values: a Job or a File. Has no code of its own, which would live as long as a run.

    print() shows nothing of it: a link is a bearer secret.
    """


def File(size, method, digest, url=None, stream=None, name="", signature=None, diff=False):
    """One download of a job.

    size: int, bytes. method: "md5" or "sha256". digest: bytes, of the download. url: str, a
    signed link, or None; without its query once the download has begun (see states.py). stream:
    (streamId, fileId), two int, of a download over MQTT, or None. name: str, "" unless the package
    has several files. signature: bytes, the platform's `digestsign`, or None. diff: whether the
    platform says that it is a difference.
    """
    return _facts(
        size=size,
        method=method,
        digest=digest,
        url=url,
        stream=stream,
        name=name,
        signature=signature,
        diff=diff,
    )


def Job(version, module, files, extra, reply_to=None):
    """One upgrade offered to this device.

    version: str, the target, to be reported exactly so in the end. module: str ("default" for
    the whole device). files: list of File, in the order of the package, at least one. extra: dict,
    the batch's custom data (extData), or {}. reply_to: str, the id of the query that this
    answers, or None for a push. Beside these it has size: int, bytes of all downloads together;
    key: str, what makes two messages the same job: module, version and digest.
    """
    size = 0
    for file in files:
        size += file.size
    digest = files[0].digest
    if len(files) > 1:
        digest = hashlib.sha256(b"".join([file.digest for file in files])).digest()
    return _facts(
        version=version,
        module=module,
        files=files,
        extra=extra,
        reply_to=reply_to,
        size=size,
        key="%s/%s/%s" % (module, version, binascii.hexlify(digest[:8]).decode()),
    )


def _facts(**values):
    facts = Facts()
    for name in values:
        setattr(facts, name, values[name])
    return facts


class BadJob(AlinkError):
    """A job that cannot be done; `module` (str) and `version` (str or None) say whose it was."""

    def __init__(self, code, detail, module, version):
        super().__init__(code, detail)
        self.module = module
        self.version = version


def parse(payload, reply=False):
    """The Job in an upgrade push or query reply; None when the message offers nothing.

    payload: bytes, JSON; or what overlong.Scan makes of a longer one. reply: whether it answers a
    query. None: not JSON, an error code, or
    empty `data` (no job): nothing has to be answered. Raises BadJob (codes JOB_*) when it is a job
    that this firmware cannot do, which has to be answered with the error's step, or the platform
    offers it for ever; MemoryError when there is no room for it now.
    """
    if isinstance(payload, tuple):
        module, version, size, most = payload
        code = _E_JOB_LENGTH if size > most else _E_NO_MEMORY
        raise BadJob(code, "an offer of %d bytes" % size, module, version)
    try:
        message = json.loads(payload)
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    # "1000" in pushes, 200 in replies, sometimes neither.
    if message.get("code", 200) not in (200, 1000, "200", "1000"):
        return None
    data = message.get("data")
    if not isinstance(data, dict) or not data:
        return None
    module = data.get("module") or "default"
    version = data.get("version")
    if not isinstance(module, str):
        module = "default"
    if len(module) > _MODULE_MAX:
        # (It is kept until it is answered: not all of it.)
        raise BadJob(_E_JOB_FIELD, "module", module[:_MODULE_MAX], None)
    if not valid(version):
        raise BadJob(_E_JOB_FIELD, "version", module, None)
    try:
        files = _files(data)
    except AlinkError as e:
        raise BadJob(e.code, e.detail, module, version)
    extra = data.get("extData")
    if not isinstance(extra, dict):
        extra = {}
    return Job(version, module, files, extra, _shown(message.get("id")) if reply else None)


def _files(data):
    # Absent means MD5 given as `md5`; its spelling varies (MD5, Md5, SHA256, Sha256).
    method = data.get("signMethod", "md5")
    method = method.lower() if isinstance(method, str) else _shown(method)
    if method not in ("md5", "sha256"):
        raise AlinkError(_E_JOB_FIELD, "signMethod " + method[:16])
    protocol = data.get("dProtocol")
    if protocol is not None and protocol != "mqtt":
        raise AlinkError(_E_JOB_PROTOCOL, _shown(protocol))
    diff = data.get("isDiff") in (1, "1", True)
    several = data.get("files")
    if several is None:
        return [_file(data, method, protocol, diff)]
    if diff:
        raise AlinkError(_E_JOB_DIFF, "several files")
    if protocol is not None:
        raise AlinkError(_E_JOB_FORM, "several files over MQTT")
    if not isinstance(several, list) or not 0 < len(several) <= _FILES_MAX:
        raise AlinkError(_E_JOB_FIELD, "files")
    for one in several:
        _rename(one)
    return [_file(one, method, None) for one in several]


def _rename(data):
    # The elements of a list have names of their own. The C SDK looks for those of a single file
    # where the list has one element.
    if not isinstance(data, dict):
        raise AlinkError(_E_JOB_FIELD, "files")
    for i in range(len(_NAMES)):
        if _NAMES[i] in data:
            data[_NAMES[i][4:].lower()] = data[_NAMES[i]]
    name = data.get("name")
    if name is not None and not (isinstance(name, str) and 0 < len(name) <= _NAME_MAX):
        raise AlinkError(_E_JOB_FIELD, "fileName")


def _file(data, method, protocol, diff=False):
    length = 16 if method == "md5" else 32
    sign = data.get("sign")
    md5 = data.get("md5") if length == 16 else None
    digest = _unhex(md5 if sign is None else sign, length)
    if digest is None or (md5 is not None and _unhex(md5, length) != digest):
        raise AlinkError(_E_JOB_FIELD, "sign")
    size = data.get("size")
    if type(size) is not int or not 0 < size <= _SIZE_MAX:
        raise AlinkError(_E_JOB_FIELD, "size")
    url = stream = None
    if protocol is not None:
        stream = (data.get("streamId"), data.get("streamFileId"))
        if type(stream[0]) is not int or type(stream[1]) is not int or min(stream) < 0:
            raise AlinkError(_E_JOB_FIELD, "streamId")
    else:
        url = data.get("url")
        if not isinstance(url, str) or not (
            url.startswith("https://") or url.startswith("http://")  # not a tuple: since 1.26 only
        ):
            raise AlinkError(_E_JOB_FIELD, "url")
    # A signature that is there and cannot be read is no signature of anything: it must not pass
    # as none.
    signature = data.get("digestsign")
    if signature is not None:
        try:
            signature = binascii.a2b_base64(signature) if isinstance(signature, str) else b""
        except ValueError:
            signature = b""
    return File(size, method, digest, url, stream, data.get("name") or "", signature, diff)


def _unhex(text, length):
    try:
        if isinstance(text, str) and len(text) == 2 * length:
            return binascii.unhexlify(text)
    except ValueError:
        pass
    return None


def _shown(value):
    # str() of a list within a list within .. would end in a RuntimeError.
    return str(value)[:16] if isinstance(value, (str, int)) else type(value).__name__
