# What is settled after a reset: a confirmation, a rehearsal, a trial put off, one checked again.
# MIT licence.

import json
import sys

from after_fakes import Said, Store, Up, Watch
from alink import log, parts
from alink.after_reset import confirm, rehearsal, standing
from alink.errors import AlinkError
from alink.job import again


class Chip:
    """esp32 and machine for confirm.py."""

    def __init__(self, error=None):
        self.error = error
        self.marked = 0
        self.timeouts = []
        self.Partition = self

    def mark_app_valid_cancel_rollback(self):
        if self.error is not None:
            raise self.error
        self.marked += 1

    def WDT(self, timeout):
        self.timeouts.append(timeout)
        return self


def confirming(chip, boot, stretch):
    plain = confirm.esp32, confirm.machine
    confirm.esp32 = confirm.machine = chip
    sys.modules["alink_boot"] = boot
    try:
        confirm.confirm(stretch)
    finally:
        confirm.esp32, confirm.machine = plain
        del sys.modules["alink_boot"]


def test_a_confirmation_ends_the_watch_over_the_trial():
    chip = Chip()
    boot = {"trial": "the watch", "wdt": None}
    confirming(chip, boot, True)
    assert boot == {"trial": None, "wdt": chip}
    assert chip.timeouts[0] > 23 * 24 * 3600 * 1000
    # An application's own watchdog is not lengthened.
    boot = {"trial": "the watch", "wdt": "its own"}
    confirming(Chip(), boot, False)
    assert boot == {"trial": None, "wdt": "its own"}
    # And without a trial there is none to put off.
    chip = Chip()
    confirming(chip, {"trial": None, "wdt": None}, True)
    assert (chip.marked, chip.timeouts) == (1, [])


def test_a_confirmation_that_flash_does_not_take_leaves_the_trial_as_it_is():
    boot = {"trial": "the watch", "wdt": None}
    try:
        confirming(Chip(OSError(5)), boot, True)
    except AlinkError as e:
        assert e.code == 81
    else:
        raise AssertionError("confirmed")
    assert boot["trial"] == "the watch"


def test_a_board_that_could_open_its_next_download_passes_its_rehearsal():
    level = log.level
    for secure in (True, False):
        assert rehearsal.fault(secure) is None
    assert log.level == level
    assert not [one for one in sys.modules if one.startswith("alink.job")]


def test_a_module_of_the_applications_that_hides_the_firmwares_is_found_before_it_is_too_late():
    class Hiding:
        dumps = None

    level = log.level
    sys.modules["json"] = Hiding
    try:
        assert rehearsal.fault(True) == "json.py has no loads"
    finally:
        del sys.modules["json"]
    assert log.level == level
    assert rehearsal.fault(True) is None


def after(found=None, fell=None):
    store = Store()
    standing.journal = lambda: store
    return standing.After(Up(), found, fell)


def test_a_trial_put_off_is_begun_again_only_for_its_own_job():
    found = {"key": "default/1.1.0", "version": "1.1.0", "size": 4, "method": "md5"}
    one = after(dict(found))
    assert not one.condemns("default/1.2.0")
    assert one.condemns("default/1.1.0"), "it is in the slot already"
    assert one._up.run is None, "its time has not come"
    one._due = True
    assert one.condemns("default/1.1.0")
    assert one._up.run.checking
    assert one._record is None


def test_another_job_for_the_slot_makes_a_trial_put_off_forgotten():
    one = after({"key": "default/1.1.0", "version": "1.1.0"})
    one.overtaken("default/1.1.0")
    assert one._record is not None
    one.overtaken("default/1.2.0")
    assert one._record is None
    assert standing.journal().erased[0] == "trial"


def test_what_came_of_a_trial_is_not_told_of_another_job():
    fell = [-4, "E90 ...", "default", "default/1.1.0"]
    one = after(fell=fell)
    one.overtaken("assets/3")
    assert one._fell is fell, "that is another module's"
    one.overtaken("default/1.2.0")
    assert one._fell is None
    assert standing.journal().erased == ["fell"]
    # What is no job's own (safe mode) is told, whatever is offered.
    fell = [-1, "E91 ...", "default", ""]
    one = after(fell=fell)
    one.overtaken("default/1.2.0")
    assert one._fell is fell


def test_a_damaged_note_of_a_fall_stops_nothing():
    fell = [-4, "E90 ...", "default", "default/1.1.0"]
    for note in ([], fell[:3], fell + [1], {"0": 1, "1": 2, "2": 3, "3": 4}, "four", 4):
        one = after(fell=note)
        one._up.device = one._up
        assert one.step() and one.passes() and not one.condemns("default/1.1.0"), note


class Short(Said):
    """The parts as they are; the memory is short for the n-th of what is asked for."""

    def __init__(self, n):
        super().__init__()
        self.left = n

    def use(self, name):
        return self.ask(name, "use")

    def drop(self, *names):
        pass

    def ask(self, name, function, *args):
        self.left -= 1
        if not self.left:
            raise MemoryError
        if name == "after_reset.confirm":
            sys.modules["alink_boot"]["trial"] = None
        self.said.append((name, function, args))
        return parts.use(name)


def test_a_confirmation_for_which_memory_is_short_goes_on_where_it_was():
    # Begun anew it would take the image that runs for one whose trial was put off.
    class Device:
        connected = True

    for n in range(1, 4):
        sys.modules["alink_boot"] = {"trial": Watch()}
        one = after({"key": "default/1.1.0", "version": "1.1.0"})
        one._up.device = Device
        one._up.feed = None
        standing.parts = short = Short(n)
        try:
            one.taken()
            for _ in range(2):
                try:
                    over = one.step()
                except MemoryError:
                    over = None
                if n == 1 and over is None:
                    assert sys.modules["alink_boot"]["trial"] is not None
            assert over, n
            names = [name for name, _, _ in short.said]
            assert names.count("after_reset.confirm") == 1, (n, names)
            assert names.index("after_reset.confirm") == 0
            assert "attempts" in names
            assert one._record is None and one._at is None
            assert standing.journal().erased[0] == "trial"
            assert one._up.states == ["confirmed", "idle"]
        finally:
            standing.parts = parts
            del sys.modules["alink_boot"]


class Slot:
    """A target that is checked in so many steps, or raises."""

    def __init__(self, steps, error=None):
        self.left = steps
        self.error = error

    def begin_check(self, size, method, digest, block):
        assert (size, method, digest, len(block)) == (4, "md5", b"\x01\x02", 4096)

    def finish(self):
        if self.error is not None:
            raise self.error
        self.left -= 1
        return not self.left


FOUND = {"version": "1.1.0", "size": 4, "method": "md5", "digest": "0102", "next": 9}


def checking(slot, found):
    up = Up()
    up.options = (None, slot)
    again.record = Said()
    run = again.Again(up, Store(), found)
    plain = parts.use
    restarted = []
    again.parts = Said()
    again.parts.use = lambda name: Restart(restarted)
    turns = 1
    try:
        while not run.step():
            turns += 1
    finally:
        again.parts = parts
        assert parts.use is plain
    return up, turns, restarted, [name for name, _, _ in again.record.said]


class Restart:
    def __init__(self, restarted):
        self.restart = restarted.append


def test_an_interrupted_trial_boots_again_when_its_slot_is_as_it_was():
    up, turns, restarted, said = checking(Slot(3), dict(FOUND))
    assert turns == 3, "a block in each turn of the main loop"
    assert (restarted, said) == ([up], ["boot_next"])
    assert up.states == ["checking the interrupted trial of 1.1.0"]
    _, (_, found, _), _ = again.record.said[0]
    assert "next" not in found


def test_an_interrupted_trial_whose_slot_has_changed_is_downloaded_again():
    broken = dict(FOUND)
    del broken["size"]
    for slot, found in (
        (Slot(1, AlinkError(66)), dict(FOUND)),
        (Slot(1), dict(FOUND, digest="01x")),
        (Slot(1), broken),
    ):
        up, _, restarted, said = checking(slot, found)
        assert (restarted, said) == ([], ["clear"])
        assert up.missed, "nobody would ask for the job"


def test_only_an_answer_that_offers_nothing_says_that_nothing_is_offered():
    def heard(message):
        up = Up()
        again.unasked(up, message if isinstance(message, bytes) else json.dumps(message).encode())
        return bool(up.after.said)

    assert heard({"id": "17", "code": 200, "data": {}})
    assert heard({"id": 17, "code": "200"})
    for message in (
        {"id": "18", "code": 200, "data": {}},  # of another question
        {"id": "17", "code": 500},
        {"id": "17", "code": 200, "data": {"version": "1.1.0"}},
        b"no json",
        b"[17]",
    ):
        assert not heard(message), message
