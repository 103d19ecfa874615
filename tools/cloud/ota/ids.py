"""The `id` of what devices send: a number from 0 to 4294967295, written as text.

Devices that put the time in milliseconds there exist, and the platform answers them: an id is
taken as it comes. What breaks the rule is on the record, for who wrote the device's program.
"""

from __future__ import annotations

from tools.cloud.identity import Identity
from tools.cloud.records import Records

ID_MAX = 4294967295


def check(records: Records, identity: Identity, given: object) -> None:
    """Note an id that is no number of 32 bits. Raises TypeError for what no reply could carry."""
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise TypeError("id is neither a string nor a number")
    text = str(given)
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= ID_MAX):
        records.violation(identity, "id", f"{text[:32]!r} is not within 0 and {ID_MAX}")
