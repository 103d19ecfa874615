# What a download tries again, how often and how late, and what it does not. MIT licence.

import time

from alink import errors, parts
from alink.errors import AlinkError
from download_fakes import BODY, URL, Source, Target, fails, file, run


def test_a_broken_connection_costs_only_the_chunk_it_broke_in():
    source = Source(("cut", 5000), ("cut", 9000))
    assert run(source) == BODY
    assert source.opened == [0, 4096, 8192]


def test_a_server_that_ignores_the_range_does_not_garble_the_image():
    source = Source(("cut", 5000), "whole")
    target = Target()
    assert run(source, target) == BODY
    assert target.begun == 2


def test_an_expired_link_is_replaced_and_the_download_goes_on():
    source = Source(("cut", 5000), errors.EXPIRED)
    assert run(source) == BODY
    assert source.opened == [0, 4096, 4096]
    assert source.urls[2] == URL + "2"


def test_links_that_keep_expiring_end_after_two_fresh_ones():
    source = Source(*[errors.EXPIRED] * 5)
    e = fails(errors.EXPIRED, source)
    assert len(source.opened) == 3
    assert e.step == -2


def test_a_server_that_stays_away_ends_the_file_after_its_tries():
    source = Source(*[errors.LINK] * 20)
    e = fails(errors.DOWNLOAD, source, tries=4)
    assert len(source.opened) == 4
    assert "link" in e.text()


def test_tries_count_only_without_progress():
    cuts = [("cut", 4096), errors.LINK, ("cut", 8192), errors.LINK]
    assert run(Source(*cuts), tries=3) == BODY


def test_the_pause_grows_and_is_capped():
    source = Source(*[errors.TIMEOUT] * 6)
    began = time.ticks_ms()
    run(source, retry_min_ms=10, retry_max_ms=40)
    took = time.ticks_diff(time.ticks_ms(), began)
    assert took >= 10 + 20 + 40 * 4, took


def test_the_overall_deadline_holds_however_often_it_progresses():
    e = fails(errors.DOWNLOAD, Source(*[errors.LINK] * 99), tries=99, deadline_ms=50)
    assert "too long" in e.text()


def test_what_another_try_cannot_mend_is_not_tried_again():
    for code in (errors.TLS, errors.HTTP_REDIRECT, errors.HTTP_CHUNKED):
        source = Source(code)
        fails(code, source)
        assert len(source.opened) == 1


def test_a_proxys_answer_passes_and_costs_no_update():
    for code in (errors.HTTP_LENGTH, errors.HTTP_HEAD, errors.HTTP_STATUS):
        assert run(Source(code, ("cut", 4096), code)) == BODY
    # Without TLS it need not even be the server that has said it.
    for code in (errors.HTTP_REDIRECT, errors.HTTP_CHUNKED):
        one = Source(code)
        assert run(one, the_file=file(url="http" + URL[5:])) == BODY
        assert len(one.opened) == 2


def test_who_reads_of_a_failed_download_is_sent_to_what_is_at_fault():
    fails(errors.HTTP_LENGTH, Source(*[errors.HTTP_LENGTH] * 9), tries=3)
    for detail, code in (
        ("HTTP 404 (x)", errors.HTTP_STATUS),
        ("HTTP 400 (x)", errors.HTTP_STATUS),
        ("HTTP 408 (x)", errors.DOWNLOAD),
        ("HTTP 429 (x)", errors.DOWNLOAD),
        ("HTTP 503 (x)", errors.DOWNLOAD),
    ):
        given = [AlinkError(errors.HTTP_STATUS, detail) for _ in range(9)]
        assert detail[:8] in fails(code, Source(*given), tries=3).detail


def test_an_unset_clock_keeps_its_own_advice():
    e = fails(errors.CLOCK, Source(*[errors.CLOCK] * 9), tries=3)
    assert "set the time" in e.text()


def test_pauses_double_up_to_their_most_and_end_after_the_tries():
    backoff = parts.use("backoff")
    asked = []
    plain = backoff.pause_ms

    def pause_ms(*args):
        asked.append(args)
        return 0

    backoff.pause_ms = pause_ms
    try:
        fails(
            errors.DOWNLOAD,
            Source(*[errors.LINK] * 9),
            tries=5,
            retry_min_ms=100,
            retry_max_ms=500,
        )
        assert asked == [(100, 500, n) for n in range(4)], asked
    finally:
        backoff.pause_ms = plain


def test_a_fleet_that_lost_its_server_does_not_come_back_all_at_once():
    backoff = parts.use("backoff")
    for before, least in ((0, 100), (1, 200), (2, 400), (3, 500), (99, 500)):
        waits = [backoff.pause_ms(100, 500, before) for _ in range(60)]
        assert least <= min(waits) and max(waits) < least * 5 // 4
        assert len(set(waits)) > 5, waits
    assert backoff.pause_ms(0, 0, 5) == 0
    assert backoff.pause_ms(900, 500, 5) >= 900


def test_want_of_memory_is_left_to_the_run_and_nothing_is_open():
    source = Source(errors.NO_MEMORY)
    fails(errors.NO_MEMORY, source)
    assert len(source.opened) == 1
