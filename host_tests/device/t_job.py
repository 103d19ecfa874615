# What becomes of the platform's upgrade messages. MIT licence.

import gc
import json

from alink import errors
from alink.job.offer import BadJob, parse

MD5 = "5aea39a2a288d22d9b19b9cab95bf00c"
SHA256 = "6aed54b2c80834cc921daeb23e938d39137f3c6878c1e56d8cbe176ac2bcd258"
URL = "https://dl.example.net/ota/9f/toy.bin?auth_key=1758099999-0-0-abc"


def message(**data):
    base = {"size": 272, "version": "1.4.3", "url": URL, "signMethod": "Md5", "sign": MD5}
    base.update(data)
    base = {key: value for key, value in base.items() if value is not None}
    return {"code": "1000", "data": base, "id": 1758012345678, "message": "success"}


def refused(code, **data):
    try:
        parse(json.dumps(message(**data)))
    except BadJob as e:
        assert e.code == code, (e.code, e)
        assert e.step < 0
        return e
    raise AssertionError("accepted: %r" % data)


def job(**data):
    return parse(json.dumps(message(**data)))


def only(**data):
    (file,) = job(**data).files
    return file


def element(name="app.bin", **data):
    base = {"fileSize": 272, "fileName": name, "fileUrl": URL, "fileSign": MD5, "fileMd5": MD5}
    base.update(data)
    return {key: value for key, value in base.items() if value is not None}


def several(*elements, **data):
    return job(size=None, url=None, sign=None, files=list(elements), **data)


def test_a_push_as_the_platform_sends_it_is_understood():
    found = job(md5=MD5, extData={"ring": "beta", "_package_udi": '{"notes":"toy"}'})
    assert found.version == "1.4.3"
    assert found.size == 272
    (file,) = found.files
    assert file.size == 272
    assert file.url == URL
    assert file.stream is None
    assert file.method == "md5"
    assert len(file.digest) == 16
    assert found.module == "default"
    assert found.extra["ring"] == "beta"
    assert found.reply_to is None


def test_a_query_reply_is_understood_and_says_what_it_answers():
    text = json.dumps({"id": 1002, "code": 200, "data": message()["data"]})
    assert parse(text, reply=True).reply_to == "1002"


def test_every_spelling_of_the_method_is_understood():
    for name in ("MD5", "Md5", "md5"):
        assert only(signMethod=name).method == "md5"
    for name in ("SHA256", "Sha256", "sha256"):
        assert only(signMethod=name, sign=SHA256).method == "sha256"


def test_an_absent_method_means_md5():
    assert only(signMethod=None, sign=None, md5=MD5).method == "md5"


def test_upper_case_digests_are_the_same_digests():
    assert only(sign=MD5.upper()).digest == only().digest


def test_every_spelling_of_the_code_is_understood():
    for code in ("1000", 1000, "200", 200, None):
        text = message()
        if code is None:
            del text["code"]
        else:
            text["code"] = code
        assert parse(json.dumps(text)).version == "1.4.3"


def test_what_is_no_job_changes_nothing():
    for text in (
        b"",
        b"\x00\x5c{",
        b"[]",
        b"null",
        b'"text"',
        b'{"id":"1","code":200,"data":{}}',
        b'{"id":"1","code":200}',
        b'{"id":"1","code":429,"data":{"version":"1"}}',
        b'{"code":"1000","data":[1]}',
        b'{"code":"1000","data":"x"}',
        b"\xff\xfe{}",
    ):
        assert parse(text) is None, text


def test_jobs_this_firmware_cannot_do_are_refused_by_name():
    refused(errors.JOB_PROTOCOL, dProtocol="ftp")
    refused(errors.JOB_PROTOCOL, dProtocol=1)
    refused(errors.JOB_DIFF, isDiff=1, size=None, url=None, sign=None, files=[element()])
    refused(errors.JOB_FORM, dProtocol="mqtt", streamId=1, streamFileId=1, files=[element()])


def test_a_download_over_mqtt_is_understood():
    file = only(dProtocol="mqtt", url=None, streamId=90417, streamFileId=1)
    assert file.stream == (90417, 1)
    assert file.url is None
    assert file.size == 272
    for bad in ({"streamId": None}, {"streamId": "7"}, {"streamFileId": True}, {"streamId": -1}):
        data = {"dProtocol": "mqtt", "url": None, "streamId": 90417, "streamFileId": 1}
        data.update(bad)
        refused(errors.JOB_FIELD, **data)


def test_a_package_of_several_files_is_understood_in_order():
    found = several(element(), element("assets.tar", fileSize=16, fileUrl=URL + "2"))
    assert [(one.name, one.size) for one in found.files] == [("app.bin", 272), ("assets.tar", 16)]
    assert found.files[1].url == URL + "2"
    assert found.size == 288


def test_a_difference_is_told_from_a_whole_package():
    assert not only().diff
    assert not only(isDiff=0).diff
    for said in (1, "1", True):
        assert only(isDiff=said).diff


def test_one_file_in_a_list_is_understood_by_either_set_of_names():
    theirs = several(element())
    plain = several({"size": 272, "url": URL, "sign": MD5})
    assert theirs.files[0].digest == plain.files[0].digest
    assert theirs.key == plain.key


def test_a_damaged_list_of_files_is_refused_by_field():
    bad = (
        [],
        [1],
        "text",
        {},
        [element()] * 21,
        [element(fileSize=0)],
        [element(fileUrl=None)],
        [element(fileSign=None, fileMd5=None)],
        [element(name="")],
        [element(name=7)],
        [element(name="x" * 129)],
    )
    for files in bad:
        refused(errors.JOB_FIELD, size=None, url=None, sign=None, files=files)


def test_packages_that_differ_in_one_file_are_different_jobs():
    one = several(element(), element("b", fileSign="0" * 32, fileMd5=None))
    other = several(element(), element("b", fileSign="1" * 32, fileMd5=None))
    assert one.key != other.key


def test_a_signature_that_cannot_be_read_is_not_taken_for_none():
    assert only().signature is None
    assert only(digestsign="AAECAw==").signature == b"\0\1\2\3"
    assert only(digestsign=5).signature == b""
    assert only(digestsign="=").signature is not None


def test_an_incomplete_or_damaged_job_is_refused_by_field():
    for data in (
        {"version": None},
        {"version": ""},
        {"version": "1.0 beta"},
        {"version": "x" * 65},
        {"version": 14},
        {"size": None},
        {"size": 0},
        {"size": -1},
        {"size": "272"},
        {"size": 1 << 40},
        {"size": True},
        {"url": None},
        {"url": "ftp://example.net/x"},
        {"url": 7},
        {"sign": None},
        {"sign": MD5[:-1]},
        {"sign": "g" * 32},
        {"sign": SHA256},
        {"signMethod": "CRC32"},
        {"signMethod": 5},
        {"md5": "0" * 32},
        {"signMethod": "SHA256"},
    ):
        refused(errors.JOB_FIELD, **data)


def test_a_deeply_nested_value_does_not_stop_the_main_loop():
    deep = "[" * 3000 + "]" * 3000
    whole = json.dumps(message())
    for key in ("code", "id", "message"):
        parse('{"%s": %s, %s' % (key, deep, whole[1:]), reply=True)
        parse(whole[:-1] + ', "%s": %s}' % (key, deep), reply=True)
    for key in ("dProtocol", "signMethod", "sign", "version", "module", "files", "extData"):
        text = whole.replace('"data": {', '"data": {"%s": %s, ' % (key, deep))
        for payload in (text, whole.replace('"signMethod"', '"%s": %s, "was"' % (key, deep))):
            try:
                parse(payload)
            except BadJob as e:
                assert len(e.text(128)) <= 128


def test_a_package_of_twenty_files_is_understood_with_links_as_long_as_the_platforms():
    link = URL + "&security-token=" + "t0" * 400
    many = [element("part%d" % i, fileUrl=link + str(i)) for i in range(20)]
    found = several(*many)
    assert len(found.files) == 20
    assert found.size == 20 * 272
    assert found.files[19].url == link + "19"
    assert found.files[19].name == "part19"


def test_a_message_costs_little_beside_what_it_says():
    text = json.dumps(
        message(url=URL + "&security-token=" + "t0" * 300, md5=MD5, extData={"ring": "beta"})
    )
    payload = text.encode()
    parse(payload)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    found = parse(payload)
    spent = gc.mem_alloc() - before
    gc.enable()
    gc.collect()
    print(len(payload), "bytes of message,", spent, "of heap")
    assert found and spent < 5000


def test_a_refusal_knows_whose_job_it_was():
    e = refused(errors.JOB_FIELD, size=0, module="sensorhub")
    assert e.module == "sensorhub"
    assert e.version == "1.4.3"


def test_non_json_package_notes_do_no_harm():
    assert job(extData={"_package_udi": "plain {text"}).version == "1.4.3"
    assert job(extData="text").extra == {}


def test_the_link_is_never_shown():
    text = repr(job())
    assert "auth_key" not in text
    assert "example" not in text


def test_the_same_job_has_the_same_key_whatever_its_link():
    assert job().key == job(url="https://dl.example.net/x?auth_key=other").key
    assert job().key != job(version="1.4.4").key
    assert job().key != job(sign="0" * 32).key
