"""The download trusts only a verified server, and takes only links that are safe to use."""

from __future__ import annotations

import ssl

import pytest
import trustme

from host_tests.kit.hostile_http import HostileServer, answer, server_context
from host_tests.kit.http_download import (
    BODY,
    DAY,
    NOW,
    QUERY,
    SECRET,
    authority,
    certificate,
    download,
    fetch,
    trusted,
)

OK = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}"


def refused(tls: ssl.SSLContext, host: str = "localhost") -> str:
    """Download from a server that must not be trusted; returns the error's text.

    Checks that it was refused before the request, with the link's secret, had been sent.
    """
    with HostileServer(answer(OK, BODY), tls) as server:
        outcome = download(server.url(f"/fw.bin?{QUERY}", host))
    assert (outcome.error, outcome.start) == ("tls", None)
    assert server.connections == 1
    assert server.requests == []
    assert f"https://{host}:{server.port}/fw.bin" in outcome.text
    return outcome.text


def test_a_certificate_for_another_host_is_refused() -> None:
    other = server_context(authority().issue_cert("example.org"))
    assert "name" in refused(other).lower()


def test_a_certificate_for_the_name_does_not_do_for_the_address() -> None:
    refused(certificate(), host="127.0.0.1")


def test_a_certificate_of_another_ca_is_refused() -> None:
    text = refused(server_context(trustme.CA().issue_cert("localhost")))
    assert "not correctly signed by the trusted CA" in text


def test_an_expired_certificate_is_refused() -> None:
    text = refused(certificate(not_before=NOW - 3 * DAY, not_after=NOW - DAY))
    assert "expired" in text


def test_a_certificate_that_is_not_valid_yet_is_refused() -> None:
    text = refused(certificate(not_before=NOW + DAY, not_after=NOW + 3 * DAY))
    assert "future" in text


def test_the_platforms_roots_are_trusted_unless_told_otherwise() -> None:
    # ca=None is the built-in bundle, which this test's CA is not part of.
    with HostileServer(answer(OK, BODY), trusted()) as server:
        assert download(server.url(), ca=None).error == "tls"


def test_an_rsa_certificate_on_the_bare_address_is_good() -> None:
    leaf = authority().issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)
    with HostileServer(answer(OK, BODY), server_context(leaf)) as server:
        assert download(server.url(host="127.0.0.1")).error is None


@pytest.mark.parametrize("year", [1970, 2000, 2023])
def test_a_clock_that_is_not_set_is_named_instead_of_blaming_the_certificate(year: int) -> None:
    with HostileServer(answer(OK, BODY), trusted()) as server:
        outcome = download(server.url(f"/fw.bin?{QUERY}"), year=year)
    assert outcome.error == "clock-not-set"
    assert server.connections == 0


def test_a_plain_link_needs_no_clock_once_it_is_allowed() -> None:
    with HostileServer(answer(OK, BODY), None) as server:
        outcome = download(server.url(f"/fw.bin?{QUERY}"), year=2000, allow_http=True)
    assert outcome.error is None


def test_a_plain_link_is_refused_before_anything_is_sent() -> None:
    with HostileServer(answer(OK, BODY), None) as server:
        outcome = download(server.url(f"/fw.bin?{QUERY}"))
        upper = download(server.url(f"/fw.bin?{QUERY}").replace("http", "HTTP", 1))
    assert (outcome.error, upper.error) == ("insecure-link", "insecure-link")
    assert server.connections == 0


def test_allowing_plain_links_does_not_stop_the_verifying_of_https() -> None:
    stranger = server_context(trustme.CA().issue_cert("localhost"))
    assert fetch(answer(OK, BODY), tls=stranger, allow_http=True).error == "tls"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://localhost/fw.bin", "job-protocol"),
        ("/fw.bin", "job-protocol"),
        ("", "job-protocol"),
        ("https:/localhost/fw.bin", "job-protocol"),
        ("https://", "job-field"),
        ("https:///fw.bin", "job-field"),
        ("https://:443/fw.bin", "job-field"),
        ("https://localhost:port/fw.bin", "job-field"),
        ("https://localhost:0/fw.bin", "job-field"),
        ("https://localhost:65536/fw.bin", "job-field"),
        ("https://localhost:/fw.bin", "job-field"),
        ("https://[::1]/fw.bin", "job-field"),
        ("https://user:pass@localhost/fw.bin", "job-field"),
        ("https://localhost/fw.bin HTTP/1.1\r\nX: y", "job-field"),
        ("https://localhost/fw.bin\nX: y", "job-field"),
        ("https://localhost/fw\x00.bin", "job-field"),
        ("https://localhost/固件.bin", "job-field"),
        ("https://localhost", "job-field"),
    ],
)
def test_a_link_that_is_no_link_is_refused_by_name(url: str, error: str) -> None:
    query = f"?Signature={SECRET}"
    assert download(url + query).error == error


def test_a_fragment_is_not_sent_and_an_upper_case_scheme_is_understood() -> None:
    with HostileServer(answer(OK, BODY), trusted()) as server:
        outcome = download(server.url("/fw.bin?a=1#part").replace("https", "HTTPS"))
    assert outcome.error is None
    assert server.requests[0].startswith(b"GET /fw.bin?a=1 HTTP/1.")
