# Deadlines that passed days ago: ticks wrap after 12 days, half of that is told. MIT licence.

from alink import deferral, modules
from mqtt_fakes import Clock

_DAY_MS = 24 * 3600 * 1000


class Store:
    def get_json(self, key):
        return None

    def set_json(self, key, value):
        pass

    def erase(self, *keys):
        pass


def clock(module):
    found = Clock()
    found.time = lambda: found.total // 1000
    module.time = found
    return found


def test_a_version_asked_for_again_after_a_week_is_reported_again():
    turned = clock(modules)
    part = modules.Module("default", None, "1.0.0")
    assert part.may_repeat()
    assert not part.may_repeat()
    turned.sleep_ms(7 * _DAY_MS)
    assert part.may_repeat()


def test_a_job_put_off_is_asked_for_after_a_week_without_a_link():
    turned = clock(deferral)
    put_off = deferral.Deferral(Store())
    put_off.put_off("default/1.1.0/key", 5 * 24 * 3600)
    for _ in range(11):
        turned.sleep_ms(_DAY_MS)
        put_off.over()
    assert put_off.due()


def test_a_job_put_off_is_not_asked_for_early():
    turned = clock(deferral)
    put_off = deferral.Deferral(Store())
    put_off.put_off("default/1.1.0/key", 60)
    turned.sleep_ms(59999)
    assert not put_off.due()
    turned.sleep_ms(1)
    assert put_off.due()
