# Deadlines that passed days ago: ticks wrap after 12 days, half of that is told. MIT licence.

import json

from alink import clock, deferral
from alink.job import gate
from clock_fakes import Clock

_DAY_MS = 24 * 3600 * 1000


class Store:
    kept = None

    def get_json(self, key):
        return self.kept and json.loads(self.kept)

    def set_json(self, key, value):
        self.kept = json.dumps(value)

    def erase(self, *keys):
        self.kept = None


class Part:
    repeated = None


def turned(module):
    found = Clock()
    found.time = lambda: found.total // 1000
    module.time = found
    clock.time = found
    return found


def test_a_version_asked_for_again_after_a_week_is_reported_again():
    ticks = turned(gate)
    part = Part()
    assert gate._may_repeat(part)
    assert not gate._may_repeat(part)
    ticks.sleep_ms(7 * _DAY_MS)
    assert gate._may_repeat(part)


def test_a_job_put_off_is_asked_for_after_a_week_without_a_link():
    ticks = turned(deferral)
    put_off = deferral.Deferral(Store())
    put_off.put_off("default/1.1.0/key", 5 * 24 * 3600)
    for _ in range(11):
        ticks.sleep_ms(_DAY_MS)
        put_off.over()
    assert put_off.due()


def test_a_job_put_off_is_not_asked_for_early():
    ticks = turned(deferral)
    put_off = deferral.Deferral(Store())
    put_off.put_off("default/1.1.0/key", 60)
    ticks.sleep_ms(59999)
    assert not put_off.due()
    ticks.sleep_ms(1)
    assert put_off.due()


def test_of_two_modules_put_off_each_is_asked_for_in_its_own_time():
    ticks = turned(deferral)
    store = Store()
    put_off = deferral.Deferral(store)
    put_off.put_off("default/1.1.0/aa", 60)
    put_off.put_off("assets/7/bb", 3600, 2)
    for _ in range(2):
        assert put_off.holds("default/1.1.0/aa")
        assert put_off.holds("assets/7/bb")
        assert not put_off.holds("assets/8/cc")
        assert [put_off.faults("default/1.1.0/aa"), put_off.faults("assets/7/bb")] == [0, 2]
        put_off = deferral.Deferral(store)  # as after a reset
    ticks.sleep_ms(60000)
    assert put_off.due()
    assert not put_off.holds("default/1.1.0/aa")
    assert put_off.holds("assets/7/bb")
    assert not put_off.clear("default/1.2.0/dd"), "one is left"
    ticks.sleep_ms(3539000)
    assert not put_off.due()
    ticks.sleep_ms(1000)
    assert put_off.due()
    assert put_off.clear("assets/7/bb")
    assert store.kept is None


def test_a_newer_job_of_a_module_takes_the_place_of_the_one_put_off():
    ticks = turned(deferral)
    put_off = deferral.Deferral(Store())
    put_off.put_off("assets/7/bb", 60, 3)
    put_off.put_off("assets/8/cc", 3600)
    assert not put_off.holds("assets/7/bb")
    assert put_off.faults("assets/8/cc") == 0
    ticks.sleep_ms(60000)
    assert not put_off.due()
    assert put_off.clear("assets/9/dd")


def test_a_job_that_nobody_offers_any_more_is_forgotten():
    ticks = turned(deferral)
    store = Store()
    put_off = deferral.Deferral(store)
    put_off.put_off("default/1.1.0/aa", 60)
    asked = 0
    while not put_off.over():
        ticks.sleep_ms(1000)
        asked += put_off.due()
        assert ticks.total < 600000
    assert asked == 6
    assert store.kept is None


def test_what_another_alink_has_put_off_is_no_trouble():
    turned(deferral)
    for kept in (
        "7",
        '"x"',
        "{}",
        '["default/1/aa", 0, 60]',
        '[["default/1/aa", 0, 60]]',
        "[[1]]",
    ):
        store = Store()
        store.kept = kept
        assert deferral.Deferral(store).clear("default/1/aa")
