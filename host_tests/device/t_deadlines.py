# Deadlines that passed days ago: ticks wrap after 12 days, half of that is told. MIT licence.

from alink import clock, deferral
from alink.job import gate
from mqtt_fakes import Clock

_DAY_MS = 24 * 3600 * 1000


class Store:
    def get_json(self, key):
        return None

    def set_json(self, key, value):
        pass

    def erase(self, *keys):
        pass


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
