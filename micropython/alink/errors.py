# A failure with a number; its name, the platform's step and a sentence of advice on demand.
# MIT licence.
#
# Every failure in alink is an AlinkError. The table in advice/ is the only place that maps a
# code to the platform's step ("OTA updates", 89307: -1 upgrade failed, -2 download failed, -3
# verification failed, -4 flash writing failed) and to words. It is 3 KB that a healthy board never
# needs: loaded for a question and let go. The codes have names here for programs (errors.LINK and
# so on, looked up in the same table); the package itself keeps them as constants of its compiler,
# _E_LINK = const(5), which take no RAM.

from . import parts


def __getattr__(name):
    try:
        if name[0].isupper():
            return parts.ask("advice", "code", name)
    except KeyError:
        pass  # there is none of that name
    raise AttributeError(name)


class AlinkError(Exception):
    """A failure with a name.

    code: int, one of the table's. detail: str, what exactly happened; never a secret and never a
    whole signed link. Attributes beside them, read from the table: name (str), step (int, -1..-4),
    advice (str).
    """

    def __init__(self, code, detail=""):
        super().__init__(code, detail)
        self.code = code
        self.detail = str(detail)

    def __getattr__(self, name):
        # Asked for what __init__ has not made.
        if name in ("name", "step", "advice"):
            return parts.ask("advice", name, self.code)
        raise AttributeError(name)

    def text(self, size=0):
        """One line: number, name, detail and advice, with at most `size` characters (int; 0: all
        of it), cut in the detail alone. The platform keeps 128 of a report's `desc` ("OTA
        updates", 89307).
        """
        try:
            return parts.ask("advice", "line", self.code, self.detail, size)
        except MemoryError:
            return "E%d %s" % (self.code, self.detail[:60])

    # What print() shows, and a traceback.
    __str__ = __repr__ = text
