"""Update packages: GenerateOTAUploadURL, Create-, Delete-, List- and QueryOTAFirmware."""

from __future__ import annotations

import re
from typing import Any

from tools.cloud.openapi.errors import illegal
from tools.cloud.openapi.ledger import VERIFY, Firmware
from tools.cloud.openapi.parameters import Parameters
from tools.cloud.openapi.services import Services, paged
from tools.cloud.openapi.times import utc
from tools.cloud.openapi.uploads import SUFFIXES
from tools.cloud.ota import differences
from tools.cloud.ota.tasks import DEFAULT_MODULE, described
from tools.cloud.store import UNFINISHED, PackageFile, Release

PACKAGES = 500
FULL, DIFFERENCE = 0, 1
# Status of a package.
NOT_NEEDED, UNVERIFIED, VERIFIED, VERIFYING, FAILED = -1, 0, 1, 2, 3
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_()-]{0,39}")
_FILE_NAME_CHARS = 32
_UDI_CHARS = 4096
_DESC_CHARS = 100
_METHODS = {"md5": "Md5", "sha256": "SHA256"}


def generate_upload_url(services: Services, given: Parameters) -> dict[str, Any]:
    """A place to upload one file to, and the form fields of the upload."""
    suffix = given.choice("FileSuffix", SUFFIXES, "bin")
    ticket = services.uploads.ticket(given.called, suffix)
    return {
        "Data": {
            "Host": ticket.host,
            "Key": ticket.key,
            "OSSAccessKeyId": ticket.owner,
            "Policy": ticket.policy,
            "Signature": ticket.signature,
            "FirmwareUrl": ticket.url,
            "ObjectStorage": "OSS",
            "UtcCreate": utc(ticket.created),
        }
    }


def create(services: Services, given: Parameters) -> dict[str, Any]:
    """Make a package of what was uploaded."""
    name, version = given.text("FirmwareName"), given.text("DestVersion")
    if not _NAME.fullmatch(name):
        raise illegal(
            "FirmwareName has 1 to 40 letters, digits, - _ ( ), and begins with a letter."
        )
    product_key = services.product(given.text("ProductKey"))
    now = services.clock.time()
    there = services.ledger.firmwares(now)
    if len(there) >= PACKAGES:
        raise illegal(f"There are {PACKAGES} firmwares already.")
    if any(one.name == name for one in there):
        raise illegal("The FirmwareName is used already.")
    source = _source(given, version)
    for text, most in (("FirmwareDesc", _DESC_CHARS), ("Udi", _UDI_CHARS)):
        if len(given.maybe(text) or "") > most:
            raise illegal(f"{text} has more than {most} characters.")
    method = _METHODS.get((given.maybe("SignMethod") or "MD5").lower())
    if method is None:
        raise illegal("SignMethod is MD5 or SHA256.")
    module = given.maybe("ModuleName") or DEFAULT_MODULE
    files, urls = _uploaded(services, given)
    for file, one in zip(files, given.structures("MultiFiles") or [given], strict=True):
        _check_told(one, file, method, several=one is not given)
    udi = given.maybe("Udi") or ""
    if source:
        release = differences.add(
            services.book, services.files, product_key, version, files[0], source, module
        )
    else:
        if services.store.release(product_key, module, version) is not None:
            raise illegal(f"The module {module} has a firmware of version {version} already.")
        release = services.book.add_release(
            services.files,
            product_key,
            version,
            files,
            module,
            method,
            {"extData": {"_package_udi": udi}} if udi else None,
        )
    if any((one.release, one.source) == (release.id, source) for one in there):
        raise illegal(f"There is a differential firmware from {source} to {version} already.")
    for url in urls:
        services.uploads.done(url)
    made = services.ledger.add_firmware(
        release,
        source,
        name,
        now,
        desc=given.maybe("FirmwareDesc") or "",
        verify=given.flag("NeedToVerify") is not False,
        udi=udi,
    )
    services.records.note("api", "-", f"package {name}: {version} of {product_key} created")
    return {"Data": {"FirmwareId": made.id, "UtcCreate": utc(made.created)}}


def _source(given: Parameters, version: str) -> str:
    """The version that a difference to `version` is from; "" for a whole one."""
    kind = given.number("Type") or FULL
    source = given.maybe("SrcVersion") if kind == DIFFERENCE else None
    if kind not in (FULL, DIFFERENCE):
        raise illegal("Type is 0 or 1.")
    if kind == DIFFERENCE and (not source or source == version):
        raise illegal("A differential firmware needs a SrcVersion that is not its DestVersion.")
    return source or ""


def _uploaded(services: Services, given: Parameters) -> tuple[list[tuple[str, bytes]], list[str]]:
    several = given.structures("MultiFiles")
    if several and given.maybe("FirmwareUrl"):
        raise illegal("FirmwareUrl and MultiFiles exclude each other.")
    urls = [one.text("Url") for one in several] or [given.text("FirmwareUrl")]
    files = []
    for number, url in enumerate(urls):
        found = services.uploads.read(url)
        if found is None:
            raise illegal("No file was uploaded to this URL within the last hour.")
        name, content = found
        if several:
            name = several[number].text("Name")
            if len(name) > _FILE_NAME_CHARS:
                raise illegal(f"The name of a file has more than {_FILE_NAME_CHARS} characters.")
        files.append((name, content))
    return files, urls


def _check_told(told: Parameters, file: tuple[str, bytes], method: str, *, several: bool) -> None:
    """What the call says of a file has to be so."""
    is_ = described(*file)
    digest = is_.md5 if method == "Md5" else is_.sha256
    expected = {"Size" if several else "FirmwareSize": str(is_.size)}
    expected["SignValue" if several else "FirmwareSign"] = digest
    if several:
        expected["FileMd5"] = is_.md5
    for name, value in expected.items():
        given = told.maybe(name)
        if given is not None and given.lower() != value:
            raise illegal(f"{name} is not that of the file that was uploaded.")


def delete(services: Services, given: Parameters) -> dict[str, Any]:
    """Remove a package that nobody waits for."""
    firmware, release = services.firmware(given.text("FirmwareId"))
    if services.store.tasks(
        "release = ? and state in ('CONFIRM', 'QUEUED', 'NOTIFIED', 'IN_PROGRESS')", release.id
    ):
        raise illegal("Devices are updating to this firmware; cancel their tasks first.")
    if not firmware.source and release.differences:
        raise illegal("There are differential firmwares to this one; delete them first.")
    services.store.remove_release(release, firmware.source)
    services.ledger.remove_firmware(firmware.id)
    services.records.note("api", "-", f"package {firmware.name} deleted")
    return {}


def query(services: Services, given: Parameters) -> dict[str, Any]:
    """One package, with its files and what its verification has come to."""
    firmware, release = services.firmware(given.text("FirmwareId"))
    info = _said(services, firmware, release)
    if release.further and not firmware.source:
        info["MultiFiles"] = [
            {
                "Name": one.name,
                "Size": one.size,
                "FileMd5": one.md5,
                "SignValue": _sign(release, one),
            }
            for one in release.files
        ]
    info["VerifyProgress"] = verify_progress(services, firmware)
    info["Udi"] = firmware.udi
    return {"FirmwareInfo": info}


def list_(services: Services, given: Parameters) -> dict[str, Any]:
    """Packages, the newest first; of a product, of a version, or all."""
    found = []
    for firmware in reversed(services.ledger.firmwares(services.clock.time())):
        release = services.store.release_by_id(firmware.release)
        if given.maybe("ProductKey") in (None, release.product_key) and given.maybe(
            "DestVersion"
        ) in (None, release.version):
            found.append((firmware, release))
    page, said = paged(found, given.page())
    infos = [_said(services, firmware, release) for firmware, release in page]
    return {**said, "FirmwareInfo": {"SimpleFirmwareInfo": infos}}


def _said(services: Services, firmware: Firmware, release: Release) -> dict[str, Any]:
    info: dict[str, Any] = {
        "FirmwareId": firmware.id,
        "FirmwareName": firmware.name,
        "FirmwareDesc": firmware.desc,
        "ProductKey": release.product_key,
        "ProductName": release.product_key,
        "ModuleName": release.module,
        "DestVersion": release.version,
        "SignMethod": release.sign_method.upper(),
        "Type": DIFFERENCE if firmware.source else FULL,
        "Status": status(services, firmware),
        "UtcCreate": utc(firmware.created),
        "UtcModified": utc(firmware.created),
    }
    file = release.files[0]
    if firmware.source:
        info["SrcVersion"] = firmware.source
        difference = release.difference(firmware.source)
        file = difference.file if difference is not None else file
    if firmware.source or not release.further:
        info["FirmwareSize"], info["FirmwareSign"] = file.size, _sign(release, file)
    return info


def _sign(release: Release, file: PackageFile) -> str:
    return file.md5 if release.sign_method == "Md5" else file.sha256


# --- verification ---


def status(services: Services, firmware: Firmware) -> int:
    """-1 to 3: what the last verification of a package has come to."""
    if not firmware.verify:
        return NOT_NEEDED
    counts = _verifying(services, firmware)
    if not counts:
        return UNVERIFIED
    if counts.keys() & UNFINISHED:
        return VERIFYING
    return VERIFIED if counts.keys() == {"SUCCEEDED"} else FAILED


def verify_progress(services: Services, firmware: Firmware) -> int:
    """0 to 100: the share of devices that have verified a package."""
    counts = _verifying(services, firmware)
    return 100 * counts.get("SUCCEEDED", 0) // sum(counts.values()) if counts else 0


def _verifying(services: Services, firmware: Firmware) -> dict[str, int]:
    jobs = [
        job
        for job in services.ledger.jobs(services.clock.time())
        if (job.firmware, job.kind) == (firmware.id, VERIFY)
    ]
    return services.store.counts(jobs[-1].batch) if jobs else {}
