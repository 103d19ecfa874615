"""Devices with other firmware than alink's: what they need of the stand-in, as of the platform."""

from __future__ import annotations

import json
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from host_tests.kit.raw_mqtt import DN, PK, online
from tools.cloud import LocalCloud

NTP = f"/ext/ntp/{PK}/{DN}/request"
NTP_REPLY = f"/ext/ntp/{PK}/{DN}/response"


@pytest.mark.parametrize("sent", ["1571724098000", 100])
def test_a_device_without_a_clock_gets_the_time_over_mqtt(
    cloud: LocalCloud, sent: str | int
) -> None:
    with online(cloud, None) as device:
        assert device.subscribe(NTP_REPLY) == [0]
        device.publish(NTP, {"deviceSendTime": sent})
        topic, payload = device.message()
    reply = json.loads(payload)
    assert (topic, reply.pop("deviceSendTime")) == (NTP_REPLY, str(sent))
    asked, answered = (m.time for m in cloud.messages[-2:])
    times = [int(reply[key]) for key in ("serverRecvTime", "serverSendTime")]
    assert int(asked * 1000) <= times[0] <= times[1] <= int(answered * 1000)
    assert cloud.violations == []


@pytest.mark.parametrize("payload", ["{}", "[]", "no", '{"deviceSendTime":[]}'])
def test_a_request_for_the_time_that_is_none_is_told(cloud: LocalCloud, payload: str) -> None:
    with online(cloud, None) as device:
        device.subscribe(NTP_REPLY)
        device.publish(NTP, payload)
        device.ping()
    assert [v.rule for v in cloud.violations] == ["bad message"]


@pytest.mark.parametrize("suite", ["AES128-SHA256", "AES256-SHA256", "ECDHE-RSA-AES128-SHA256"])
def test_a_device_whose_tls_knows_rsa_alone_can_sign_in_and_download(
    cloud: LocalCloud, suite: str
) -> None:
    context = ssl.create_default_context(cadata=cloud.ca_der)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    for port in (cloud.mqtts_port, cloud.https_port):
        with (
            socket.create_connection(("127.0.0.1", port), 15) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            assert (tls.cipher() or ("",))[0] == suite
            shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
            key = shown.public_key()
            assert isinstance(key, rsa.RSAPublicKey)
            assert key.key_size == 2048


def test_who_was_evicted_is_in_the_log(cloud: LocalCloud) -> None:
    with online(cloud, None) as first, online(cloud, None, cid="another") as second:
        assert first.is_closed()
        second.ping()
    told = [n.text for n in cloud.notes if n.kind == "offline"]
    assert told[0] == "evicted: a second connection with the same identity"
