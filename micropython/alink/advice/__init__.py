# What each code means: number, name, the platform's step, advice. MIT licence.
#
# The tables are texts, read line by line when they are asked: as dictionaries they would take
# three times the memory. Loaded by errors.py for a question, one at a time (in one piece they are
# 4 KB, which a heap that is in trouble has not), and let go. Advice is short: with its code and
# name it fits into the 128 characters that the platform keeps of a report's `desc`.

from .. import parts

# Twenty codes each, the last one all that follow.
_TABLES = ("connection", "job", "download", "image", "board")

# Where the constant is not the name in capitals.
_CONSTANTS = {
    "CLOCK": "clock-not-set",
    "SUBSCRIBE": "subscribe-refused",
    "INSECURE": "insecure-link",
    "EXPIRED": "link-expired",
}


def row(code):
    """(name, step, advice) of an error code (int); KeyError for one that is not in the table."""
    table = _table(_TABLES[min(code // 20, 4)])
    start = table.find("\n%d " % code)
    if start < 0:
        raise KeyError(code)
    line = table[start + 1 : table.index("\n", start + 1)]
    _, name, step, advice = line.split(" ", 3)
    return name, int(step), advice


def name(code):
    """The name of a code (str)."""
    return row(code)[0]


def step(code):
    """The platform's step for a code (int, -1..-4)."""
    return row(code)[1]


def advice(code):
    """What a person can do about it (str)."""
    return row(code)[2]


def code(constant):
    """The code (int) of a constant's name ("LINK"); KeyError for one that there is not."""
    shown = _CONSTANTS.get(constant) or constant.lower().replace("_", "-")
    if constant == constant.upper():
        for name in _TABLES:
            table = _table(name)
            end = table.find(" %s -" % shown)
            if end >= 0:
                return int(table[table.rindex("\n", 0, end) + 1 : end])
    raise KeyError(constant)


def line(code, detail, size):
    """One line of all of it (str); cut in the detail to `size` characters, unless that is 0."""
    name, _, advice = row(code)
    head = "E%d %s: " % (code, name)
    if size:
        spare = size - len(head) - len(advice) - 2
        detail = detail[:spare] if spare > 0 else ""
    return head + (detail + "; " if detail else "") + advice


def _table(name):
    try:
        return parts.use("advice." + name).TABLE
    finally:
        parts.drop("advice." + name)
