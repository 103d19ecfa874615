# What a reset has left is taken up again, and a board without any of it is plainly idle. MIT
# licence.

from alink.after_reset import begin

FELL = [-4, "E90 ...", "default", "default/1.1.0"]


class Up:
    """As much of an Updater as begin() touches."""

    def __init__(self):
        self.run = self.after = self.deferral = None
        self.states = []

    def set_state(self, state):
        self.states.append(state)


class Journal:
    """Stands in for nvs.py, with these values."""

    def __init__(self, **values):
        self.values = values

    def __call__(self, namespace):
        assert namespace == "alink_ota"
        return self

    def get_bytes(self, key):
        return self.values.get(key)

    get_json = get_bytes


class Parts:
    """Stands in for parts.py: notes what is loaded; look: what outcome.look() comes to."""

    def __init__(self, look):
        self.look = look
        self.loaded = []

    def use(self, name):
        self.loaded.append(name)
        return self

    fault = None

    def ask(self, name, function, up, *args):
        if name == "after_reset.rehearsal":
            assert (function, up) == ("fault", "by https")
            self.loaded.append(name)
            if self.fault == "memory":
                raise MemoryError
            return self.fault
        assert (name, function) == ("after_reset.outcome", "look")
        self.loaded.append(name)
        self.args = args
        if self.look == "check":  # an interrupted trial is checked at once
            up.run = "a run"
            return None, None
        return self.look

    def Deferral(self, store):
        return "put off"

    def After(self, up, found, fell):
        return found, fell

    def Proving(self, up, store):
        return "proves itself"


class Trial:
    def __init__(self, runs):
        self.running = lambda: runs
        self.watch = lambda: self
        self.failed = []

    def fail(self, text):
        self.failed.append(text)


def begun(look=(None, None), runs=False, fault=None, **values):
    """-> (Up, names of what was loaded) after a reset that has left these values in NVS."""
    plain = begin.Store, begin.parts, begin.trial, begin._loader
    begin.Store = Journal(**values)
    begin.parts = found = Parts(look)
    found.fault = fault
    begin.trial = trial = Trial(runs)
    begin._loader = lambda: "there"
    up = Up()
    up.device = up
    up._settings = ("host", 8883, "by https")
    try:
        begin.begin(up)
    finally:
        begin.Store, begin.parts, begin.trial, begin._loader = plain
    assert up.loader_ok == "there"
    assert trial.failed == ([] if fault in (None, "memory") else ["rehearsal " + fault])
    return up, found.loaded


def test_a_board_with_nothing_open_loads_nothing_and_is_idle():
    up, loaded = begun()
    assert (up.states, loaded, up.after, up.deferral) == (["idle"], [], None, None)


def test_a_job_that_was_put_off_stays_put_off():
    assert begun(defer=b"x")[0].deferral == "put off"


def test_a_fall_that_was_not_told_yet_is_told():
    up, loaded = begun(fell=FELL)
    assert up.after == (None, FELL) and up.states == ["idle"]
    assert "after_reset.outcome" not in loaded


def test_a_trial_that_is_open_is_looked_into_and_followed():
    record = {"version": "1.1.0"}
    up, _ = begun((record, None), True, trial=b"x")
    assert up.after == "proves itself" and up.states == ["on trial"]
    up, _ = begun((record, FELL), trial=b"x", fell=FELL)
    assert up.after == (record, FELL) and up.states == ["idle"]
    up, _ = begun((None, FELL), trial=b"x")
    assert up.after == (None, FELL)


def test_an_image_that_somebody_else_put_on_trial_has_to_prove_itself_too():
    up, loaded = begun(runs=True)
    assert up.after == "proves itself" and up.states == ["on trial"]
    assert loaded == ["after_reset.rehearsal", "after_reset.proving"]


def test_an_image_that_could_fetch_no_further_one_falls_before_its_application_needs_the_memory():
    begun(runs=True, fault="requests.py has no get")
    up, _ = begun(runs=True, fault="memory")
    assert up.states == ["on trial"], "a download frees some first"
    assert "after_reset.rehearsal" not in begun((None, FELL), trial=b"x")[1], "it is on trial only"


def test_an_interrupted_trial_that_is_being_checked_keeps_its_own_state():
    up, _ = begun("check", trial=b"x")
    assert up.run == "a run" and up.states == []
