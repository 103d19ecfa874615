# An image on trial waits for its time, is tested once, and is told of before it is confirmed. MIT
# licence.

import sys

from after_fakes import Said, Store, Up, Watch
from alink import parts
from alink.after_reset import proving, standing


def test_the_applications_own_test_is_made_once_in_a_session_and_not_after_the_report():
    made = []

    class Proof(Said):
        def ask(self, name, function, *args):
            made.append(name)

    up = Up()
    up.self_test = None

    class Device:
        session = 1

    up.device = Device
    sys.modules["alink_boot"] = boot = {"trial": Watch()}
    one = proving.Proving(up, Store())
    assert one.left == 0, "of the options, where the owner has set nothing"
    proving.parts = Proof()
    try:
        assert one.passes() and one.passes()
        assert made == ["proof"], "what greets may need a second try, for want of memory"
        Device.session = 2
        assert one.passes() and one.passes()
        assert made == ["proof"] * 2
        # The platform has the version: what fails now would be told to nobody.
        one.taken()
        Device.session = 3
        assert not one.passes()
        assert made == ["proof"] * 2
        # Somebody else has marked it valid: there is nothing to fall back from.
        one = proving.Proving(up, Store())
        boot["trial"] = None
        assert not one.passes()
        assert made == ["proof"] * 2
    finally:
        proving.parts = parts
        del sys.modules["alink_boot"]


def test_a_version_that_was_told_is_confirmed_by_what_is_loaded_then():
    found = {"key": "default/1.1.0", "version": "1.1.0"}
    fell = [-1, "E102 ...", "default", ""]

    class Journal(Store):
        def get_json(self, key):
            return fell

    class Loads:
        short = True

        def use(self, name):
            assert name == "after_reset.standing"
            return standing

        def ask(self, name, function, store):
            if self.short:
                raise MemoryError
            assert (name, function) == ("record", "load")
            return found

    up = Up()

    class Device:
        connected = True

    up.device = Device
    up.after = one = proving.Proving(up, Store())
    sys.modules["alink_boot"] = {"trial": Watch()}
    proving.parts = loads = Loads()
    plain = standing.journal
    standing.journal = Journal
    try:
        assert not one.step() and up.after is one, "nothing was told yet"
        one.taken()
        try:
            one.step()
        except MemoryError:
            loads.short = False
        assert up.after is one, "it is tried again"
        assert not one.step()
        assert (up.after._record, up.after._fell) == (found, fell)
        assert not up.after.passes() and up.after._report
        # Ended by somebody else it is followed at once, as one that was put off.
        sys.modules["alink_boot"]["trial"] = None
        up.after = one = proving.Proving(up, Store())
        assert not one.step() and up.after is not one
        assert up.after.passes() and not up.after._report
    finally:
        proving.parts = parts
        standing.journal = plain
        del sys.modules["alink_boot"]
