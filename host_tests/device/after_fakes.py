# As much of an Updater, of its journal and of a trial as after_reset/ touches. MIT licence.


class Said:
    """Takes any call, and notes its name and what it was given."""

    def __init__(self):
        self.said = []

    def __getattr__(self, name):
        return lambda *args, **more: self.said.append((name, args, more))


class Store:
    def __init__(self):
        self.erased = []

    def get_int(self, key, default=0):
        return default

    def erase(self, *keys):
        self.erased.extend(keys)


class Up:
    """As much of an Updater as a trial put off touches."""

    run = None
    version = "1.0.0"

    def __init__(self):
        self.options = (None,) * 8 + (0, 1000, 0)
        self.states = []
        self.asked = {"default": "17"}
        self.missed = None
        self.after = Said()

    def set_state(self, state):
        self.states.append(state)


class Watch:
    def linked(self, up):
        pass
