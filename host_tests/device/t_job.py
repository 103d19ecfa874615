# What becomes of the platform's upgrade messages. MIT licence.

import json

from alink import errors
from alink.job import BadJob, parse

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


def test_a_push_as_the_platform_sends_it_is_understood():
    found = job(md5=MD5, extData={"ring": "beta", "_package_udi": '{"notes":"toy"}'})
    assert found.version == "1.4.3"
    assert found.size == 272
    assert found.url == URL
    assert found.method == "md5"
    assert len(found.digest) == 16
    assert found.module == "default"
    assert found.extra["ring"] == "beta"
    assert found.reply_to is None


def test_a_query_reply_is_understood_and_says_what_it_answers():
    text = json.dumps({"id": 1002, "code": 200, "data": message()["data"]})
    assert parse(text, reply=True).reply_to == "1002"


def test_every_spelling_of_the_method_is_understood():
    for name in ("MD5", "Md5", "md5"):
        assert job(signMethod=name).method == "md5"
    for name in ("SHA256", "Sha256", "sha256"):
        assert job(signMethod=name, sign=SHA256).method == "sha256"


def test_an_absent_method_means_md5():
    assert job(signMethod=None, sign=None, md5=MD5).method == "md5"


def test_upper_case_digests_are_the_same_digests():
    assert job(sign=MD5.upper()).digest == job().digest


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
    refused(errors.JOB_PROTOCOL, dProtocol="mqtt", url=None, streamId=1, streamFileId=1)
    refused(errors.JOB_PROTOCOL, dProtocol="ftp")
    refused(errors.JOB_DIFF, isDiff=1)
    refused(errors.JOB_FORM, url=None, size=None, sign=None, files=[{"fileSize": 1}])


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
                assert len(e.desc()) <= 128


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
