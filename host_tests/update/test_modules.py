"""Modules beside the slot: a set of files is updated by itself, and nothing gets lost meanwhile.

Most tests share one board that stays on; each brings a version of its own.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.kit.archives import gzip, link, tar, targz
from host_tests.kit.assets import BIG, FILES, Assets
from host_tests.kit.rig import DN, PK, Rig


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assets]:
    with Rig(tmp_path_factory.mktemp("modules")) as rig:
        assets = Assets(rig)
        rig.start("1.0.0", FILES)
        rig.wait(lambda: rig.cloud.version(PK, DN, "other") == "0", "the modules' reports")
        yield assets
        assert not rig.cloud.violations


def test_each_module_reports_its_version_and_is_asked_for_after_the_sign_in(
    assets: Assets,
) -> None:
    rig = assets.rig
    reports = [(json.loads(m.payload)["params"], m.qos) for m in rig.sent("/ota/device/inform/")]
    assert reports[:3] == [
        ({"version": "1.0.0"}, 1),
        ({"version": "0", "module": "assets"}, 1),
        ({"version": "0", "module": "other"}, 1),
    ]
    asked = rig.wait(lambda: len(rig.sent("/firmware/get")) >= 3 and rig.sent("/firmware/get"), "")
    assert [json.loads(m.payload)["params"] for m in asked[:3]] == [
        {},
        {"module": "assets"},
        {"module": "other"},
    ]


def test_a_set_of_files_is_updated_over_tls_without_a_restart(assets: Assets) -> None:
    rig = assets.rig
    package = targz({"web/index.html": b"<one>", "big.bin": BIG})
    assets.succeeds("a1", package, "big.bin=50000 web/index.html=<one>")
    said = [p for p in rig.progress() if p.get("module") == "assets"]
    assert said[0]["step"] == "1"
    assert said[-1] == {"step": "100", "desc": "installed", "module": "assets"}
    assert rig.cloud.version(PK, DN) == "1.0.0"
    assert rig.cloud.version(PK, DN, "assets") == "a1"
    assert rig.cloud.version(PK, DN, "other") == "0"
    assert rig.untouched()
    assert [d.scheme for d in rig.fetched()] == ["https"]


def test_a_plain_tar_with_sha256_replaces_the_whole_set(assets: Assets) -> None:
    assets.succeeds("a2", tar({"n": b"2"}), "n=2", sign_method="SHA256")


def test_several_files_arrive_in_order_as_one_set_with_one_progress(assets: Assets) -> None:
    rig = assets.rig
    mark, steps = len(rig.fetched()), len(rig.progress())
    package = [
        ("w.tgz", targz({"web/a": b"a"})),
        ("big/raw.bin", BIG),
        ("t.tar", tar({"b": b"b"})),
    ]
    rig.cloud.faults.expire_next = 1
    rig.cloud.faults.cut_after = 30_000  # of the second file
    rig.cloud.faults.cut_times = None
    assets.succeeds("a3", package, "b=b big/raw.bin=50000 web/a=a")
    rig.cloud.faults.cut_after = None
    done = [(d.file, d.status, d.range_start) for d in rig.fetched()[mark:]]
    assert done[0] == ("w.tgz", 403, None)
    assert done[1] == ("w.tgz", 206, 0)
    assert done[2] == ("big/raw.bin", 206, 0)
    assert done[3] == ("big/raw.bin", 206, 30_000 // 4096 * 4096), "the link loss was not resumed"
    assert done[4] == ("t.tar", 206, 0)
    percent = [int(p["step"]) for p in rig.progress()[steps:]]
    assert percent == sorted(percent)
    assert percent[0] == 1
    assert percent[-1] == 100


def test_an_expired_link_of_a_later_file_is_replaced(assets: Assets) -> None:
    rig = assets.rig
    mark = len(rig.fetched())
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 20_000, 0.1
    assets.push("a4", [("one.bin", BIG), ("two.bin", b"2")])
    rig.wait(lambda: len(rig.fetched()) > mark, "the first file")
    rig.cloud.faults.expire_next = 1
    rig.cloud.faults.drip_bytes = 0
    rig.ends("a4", "SUCCEEDED")
    rig.says("files a4 one.bin=50000 two.bin=2")
    done = [(d.file, d.status) for d in rig.fetched()[mark:]]
    assert done == [("one.bin", 206), ("two.bin", 403), ("two.bin", 206)]


@pytest.mark.parametrize("dialect", ["file", "plain"])
def test_a_list_of_one_file_is_taken_with_either_names(assets: Assets, dialect: str) -> None:
    assets.rig.cloud.dialect.single_as_files = dialect
    try:
        version = f"one-{dialect}"
        assets.succeeds(version, [("s.tar", tar({"s": dialect.encode()}))], f"s={dialect}")
        assets.succeeds(f"{version}-raw", [("a/s.txt", b"raw")], "a/s.txt=raw")
    finally:
        assets.rig.cloud.dialect.single_as_files = ""


def test_a_wrong_digest_of_any_file_leaves_the_old_set(assets: Assets) -> None:
    cloud = assets.rig.cloud
    assets.succeeds("good", tar({"n": b"good"}), "n=good")
    assets.fails("d1", tar({"n": b"d1"}), "digest", -3, data={"sign": "0" * 32, "md5": None})
    release = cloud.add_release(PK, "d2", [("a", b"a"), ("b", b"b")], "assets")
    files = [
        {
            "fileName": file.name,
            "fileSize": file.size,
            "fileUrl": cloud.link(PK, DN, "d2", module="assets", number=number),
            "fileSign": file.md5 if number == 0 else "0" * 32,
        }
        for number, file in enumerate(release.files)
    ]
    assets.fails("d2", [("a", b"a"), ("b", b"b")], "digest", -3, data={"files": files})


HOSTILE: list[tuple[str, Any, str, int]] = [
    ("climbs", targz({"ok": b"1", "../evil": b"x"}), "member", -3),
    ("absolute", tar({"/boot.py": b"x"}), "member", -3),
    ("symlink", tar({"ok": b"1"}, link("evil", "/")), "member", -3),
    ("hardlink", tar({"ok": b"1"}, link("evil", "ok", tarfile.LNKTYPE)), "member", -3),
    ("twice", tar({"a": b"1", "./a": b"2"}), "member", -3),
    ("bomb", targz({"zeros": bytes(5_000_000)}), "too-many", -3),
    ("truncated", tar({"a": BIG})[:50_000], "archive", -3),
    ("short-gzip", targz({"a": BIG})[:50_000], "archive", -3),
    ("no-archive", BIG, "archive", -3),
    ("window", gzip(tar({"a": BIG[:9000] * 4}), 15), "archive", -3),
    ("stored-climb", [("ok.tar", tar({"a": b"1"})), ("../../boot.py", b"x")], "member", -3),
    ("stored-twice", [("ok.tar", tar({"a": b"1"})), ("a", b"x")], "member", -3),
    ("stored-big", [("a", b"1"), ("b", bytes(200_001))], "too-many", -3),
]


def test_no_hostile_archive_touches_the_old_files_or_anything_else(assets: Assets) -> None:
    assets.succeeds("before", tar({"n": b"old"}), "n=old")
    for version, package, name, step in HOSTILE:
        assets.fails(version, package, name, step)
    assets.succeeds("after", tar({"n": b"new"}), "n=new")


def test_what_fails_its_self_test_is_taken_back_and_refused_the_fourth_time(
    assets: Assets,
) -> None:
    bad = tar({"bad": b"", "n": b"x"})
    assert "returned False" in assets.fails("t1", bad, "module-test", -1)
    assert "ZeroDivisionError" in assets.fails("t2", tar({"crash": b""}), "module-test", -1)
    for _ in range(2):
        assets.fails("t1", bad, "module-test", -1)
    mark = len(assets.rig.fetched())
    assets.fails("t1", bad, "attempts", -1)
    assert len(assets.rig.fetched()) == mark, "it was downloaded again"


def test_a_package_of_twenty_files_arrives_with_links_as_long_as_the_platforms(
    assets: Assets,
) -> None:
    cloud = assets.rig.cloud
    package = [(f"{number:02d}-{'n' * 60}", b"%d" % number) for number in range(20)]
    release = cloud.add_release(PK, "twenty", package, "assets")
    files = [
        {
            "fileName": file.name,
            "fileSize": file.size,
            "fileUrl": cloud.link(PK, DN, "twenty", module="assets", number=number)
            + "#"
            + "s" * 500,
            "fileSign": file.md5,
            "fileMd5": file.md5,
        }
        for number, file in enumerate(release.files)
    ]
    assert len(json.dumps(files)) > 17_000
    assets.rig.push("twenty", module="assets", data={"files": files})
    assets.rig.ends("twenty", "SUCCEEDED")
    assets.rig.says(f"files twenty {' '.join(f'{name}={int(text)}' for name, text in package)}\n")


@pytest.mark.parametrize("what", ["extData", "files"])
def test_an_offer_too_long_to_be_taken_is_answered_and_not_left_to_time_out(
    assets: Assets, what: str
) -> None:
    long: Any = {"notes": "n" * 70_000}
    if what == "files":
        long = [{"fileName": "n" * 120, "fileUrl": "u" * 4000} for _ in range(20)]
    assets.succeeds(f"short-{what}", tar({"n": b"1"}), "n=1")
    assets.push(f"long-{what}", tar({"n": b"2"}), data={what: long})
    desc = assets.rig.ends(f"long-{what}", "FAILED")
    assert " job-length: an offer of " in desc
    assert {p.get("module") for p in assets.rig.progress() if p["desc"] == desc} == {"assets"}
    assert [p["step"] for p in assets.rig.progress() if p["desc"] == desc] == ["-1"]
    assets.succeeds(f"next-{what}", tar({"n": b"3"}), "n=3")


def test_a_job_of_a_form_that_fits_no_module_is_answered_by_name(assets: Assets) -> None:
    rig = assets.rig
    package = [("a", b"a"), ("b", b"b")]
    desc = _refused(rig, "two", package, "default")
    assert " job-form: several files" in desc, "several files for the slot"
    assert " job-module: nobody" in _refused(rig, "n1", b"x", "nobody", force=True)
    assert " job-protocol: coap" in _refused(rig, "n2", b"x", "assets", dProtocol="coap")
    assert " job-field: signMethod" in _refused(rig, "n3", b"x", "assets", signMethod="CRC32")
    assert " job-refused: not now" in _refused(
        rig, "n4", b"x", "assets", extData={"answer": "not now"}
    )


def _refused(rig: Rig, version: str, package: Any, module: str, **options: Any) -> str:
    rig.cloud.add_release(PK, version, package, module)
    mark = len(rig.fetched()), len(rig.progress())
    rig.push(version, module=module, **options)
    rig.wait(lambda: [p for p in rig.progress()[mark[1] :] if p["step"] == "-1"], "the answer")
    assert len(rig.fetched()) == mark[0]
    said = rig.progress()[-1]
    assert said.get("module", "default") == module
    if module != "nobody":
        rig.ends(version, "FAILED")
    return str(said["desc"])


def test_every_spelling_of_method_and_code_is_taken(assets: Assets) -> None:
    rig = assets.rig
    udi = {"_package_udi": "no { JSON", "more": [1, None]}
    spellings: list[tuple[tuple[str, str], str | int, bool]] = [
        (("Md5", "SHA256"), "1000", False),
        (("MD5", "Sha256"), 200, True),
        (("md5", "sha256"), 1000, False),
        (("Md5", "SHA256"), "200", True),
    ]
    for n, (methods, code, text) in enumerate(spellings):
        rig.cloud.dialect.sign_methods = methods
        rig.cloud.dialect.push_code = code
        rig.cloud.dialect.push_id_text = rig.cloud.dialect.push_message = text
        method = "SHA256" if n % 2 else "Md5"
        version = f"s{n}"
        body = tar({"n": version.encode()})
        assets.succeeds(version, body, f"n={version}", sign_method=method, extData=udi)
    upgrade = f"/ota/device/upgrade/{PK}/{DN}"
    mark = len(rig.progress())
    for empty in (b'{"code":"1000","data":{},"id":1}', b'{"code":"500","data":{"version":"x"}}'):
        rig.cloud.publish(PK, DN, upgrade, empty)
    assets.succeeds("s9", tar({"n": b"s9"}), "n=s9")
    assert all(int(p["step"]) > 0 for p in rig.progress()[mark:]), "nothing was answered"


def test_a_job_for_another_module_waits_for_the_one_that_runs(assets: Assets) -> None:
    rig = assets.rig
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 10_000, 0.1
    assets.push("w1", tar({"big": BIG}))
    rig.wait(lambda: rig.cloud.task(PK, DN, "w1").state == "IN_PROGRESS", "the first job")
    assets.push("w2", tar({"o": b"2"}), module="other")
    assets.push("w3", b"x", module="nobody", force=True)
    rig.cloud.faults.drip_bytes = 0
    rig.ends("w1", "SUCCEEDED")
    rig.ends("w2", "SUCCEEDED")
    assert " job-module: nobody" in rig.ends("w3", "FAILED"), "it would be offered for ever"
    files = [d.file for d in rig.fetched()[-2:]]
    assert files == ["assets-w1.bin", "other-w2.bin"]


@pytest.mark.parametrize("scheme", ["https", "mqtt"])
@pytest.mark.parametrize("pack", [tar, targz])
def test_a_set_of_files_arrives_whole_though_its_job_comes_again_and_again(
    assets: Assets, scheme: str, pack: Callable[..., bytes]
) -> None:
    rig = assets.rig
    version = f"{pack.__name__}-{scheme}"
    begun = len(rig.fetched()), len(rig.cloud.blocks)
    again = rig.board.console_text().count("from the start again")
    rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 1500, 0.03
    try:
        assets.push(version, pack({"big": BIG, "last": b"<1>"}), scheme=scheme)
        rig.wait(lambda: (len(rig.fetched()), len(rig.cloud.blocks)) != begun, "the download")
        for _ in range(8):
            rig.push(version, module="assets", scheme=scheme, override=True)
    finally:
        rig.cloud.faults.drip_bytes = 0
    rig.ends(version, "SUCCEEDED")
    rig.says(f"files {version} big=50000 last=<1>\n")
    assert rig.board.console_text().count("from the start again") == again


def test_a_job_put_off_is_asked_for_again_by_its_module(assets: Assets) -> None:
    rig = assets.rig
    asked = len(rig.sent("/firmware/get"))
    assets.push("p1", tar({"n": b"p1"}), extData={"answer": 1})
    rig.wait(lambda: rig.progress() and rig.progress()[-1]["desc"] == "deferred", "the deferral")
    # Another module's job in between takes nothing away from it.
    assets.push("p2", tar({"o": b"p2"}), module="other")
    rig.ends("p2", "SUCCEEDED")
    rig.wait(lambda: len(rig.sent("/firmware/get")) > asked, "the query")
    assert rig.cloud.task(PK, DN, "p1").state == "IN_PROGRESS"
    rig.push("p1", module="assets", override=True, extData={})
    rig.ends("p1", "SUCCEEDED")
    # The last test of this board: what it has is still there when its power comes back.
    rig.board.power_cut()
    rig.board.power_on()
    rig.says("files p1 n=p1")
    rig.wait_count("signed in", 2)


def test_a_job_for_a_module_waits_until_the_slot_is_updated_and_confirmed(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        assets = Assets(rig)
        rig.start("1.0.0", FILES)
        rig.cloud.dialect.single_as_files = "file"  # the slot takes a list of one, too
        rig.cloud.faults.drip_bytes, rig.cloud.faults.drip_delay_s = 10_000, 0.05
        image = rig.update("1.1.0", rig.image("1.1.0", FILES))
        rig.wait(lambda: rig.cloud.task(PK, DN, "1.1.0").state == "IN_PROGRESS", "the slot's job")
        rig.cloud.dialect.single_as_files = ""
        assets.push("m1", targz({"n": b"m1"}), force=True)
        assert rig.steps() == [1]
        rig.cloud.faults.drip_bytes = 0
        rig.ends("1.1.0", "SUCCEEDED")
        rig.ends("m1", "SUCCEEDED")
        rig.confirmed(1)
        assert rig.holds(1, image)
        rig.says("files m1 n=m1")
        # A reset in the middle of a set: from its first byte, with nothing of it left over.
        rig.cloud.faults.cut_after, rig.cloud.faults.cut_times = 40_000, None
        assets.push("m2", tar({"left": b"over", "big": BIG}))
        mark = len(rig.fetched())
        rig.wait(lambda: len(rig.fetched()) > mark, "the second request")
        rig.board.power_cut()
        assert rig.board.read_file("/assets/current") == b"a m1\n"
        rig.cloud.faults.cut_after = None
        mark = len(rig.fetched())
        rig.board.power_on()
        rig.ends("m2", "SUCCEEDED")
        assert rig.fetched()[mark].range_start == 0
        rig.says("files m2 big=50000 left=over")
        # A self-test that resets the board has failed, too, and not for ever.
        assets.push("m3", tar({"reset": b""}))
        assert " attempts: failed 3 times" in rig.ends("m3", "FAILED")
        assert rig.board.console_text().count("the self-test resets") == 3
        assert assets.shown()[-1] == "m2 big=50000 left=over"
        rig.board.power_cut()
        assert sorted(f for f in rig.board.files() if "/b/" in f) == [
            "/assets/b/big",
            "/assets/b/left",
        ]
