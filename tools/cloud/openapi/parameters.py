"""The parameters of a call, out of its query: `Name`, `Name.1` for lists, `Name.1.Key` for more.

What is missing or no number is refused as the gateway does it, before the service sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl

from tools.cloud.openapi.errors import BAD_PAGE, GatewayError, ServiceError

PAGE_MAX = 100


class Parameters:
    """What a call was given."""

    def __init__(self, query: str, called: str = "") -> None:
        self.called = called  # where this server was called: scheme, host and port
        self._given = dict(parse_qsl(query, keep_blank_values=True))

    def text(self, name: str) -> str:
        """A mandatory text."""
        value = self.maybe(name)
        if value is None:
            raise GatewayError(400, f"Missing{name}", f"{name} is mandatory for this action.")
        return value

    def maybe(self, name: str) -> str | None:
        """A text, or None."""
        return self._given.get(name) or None

    def number(self, name: str) -> int | None:
        """A number, or None."""
        value = self.maybe(name)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            raise _invalid(name) from None

    def flag(self, name: str) -> bool | None:
        """True, false, or None."""
        value = self.maybe(name)
        if value is not None and value.lower() not in ("true", "false"):
            raise _invalid(name)
        return None if value is None else value.lower() == "true"

    def choice(self, name: str, of: Sequence[str], default: str) -> str:
        """One of some words."""
        value = self.maybe(name) or default
        if value not in of:
            raise _invalid(name)
        return value

    def texts(self, name: str) -> list[str]:
        """`name.1`, `name.2`, ... in their order."""
        numbers = sorted(
            int(key[len(name) + 1 :])
            for key in self._given
            if key.startswith(name + ".") and key[len(name) + 1 :].isdecimal()
        )
        return [self._given[f"{name}.{number}"] for number in numbers]

    def structures(self, name: str) -> list[Parameters]:
        """`name.1.Key`, `name.2.Key`, ...: the parameters of each."""
        found: dict[int, dict[str, str]] = {}
        for key, value in self._given.items():
            head, _, rest = key.partition(".")
            number, _, member = rest.partition(".")
            if head == name and number.isdecimal() and member:
                found.setdefault(int(number), {})[member] = value
        made = []
        for _, members in sorted(found.items()):
            one = Parameters("")
            one._given = members
            made.append(one)
        return made

    def page(self, default: int | None = None, most: int = PAGE_MAX) -> tuple[int, int]:
        """(number from 1, size); both are mandatory without a default size."""
        if default is None:
            for name in ("CurrentPage", "PageSize"):
                self.text(name)
        number, size = self.number("CurrentPage") or 1, self.number("PageSize") or default or 1
        if number < 1 or not 1 <= size <= most:
            raise ServiceError(BAD_PAGE, "The specified page size or page number is invalid.")
        return number, size


def _invalid(name: str) -> GatewayError:
    return GatewayError(400, f"Invalid{name}", f"Specified parameter {name} is not valid.")
