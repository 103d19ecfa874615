"""A board's settings as the content of its NVS partition, for `flash --provision`.

The image takes the place of the whole partition. It is made in memory alone: there are secrets in
it.
"""

from __future__ import annotations

import io

from tools.chip import nvs
from tools.cli import Refused
from tools.flashing.settings import NAMESPACE, Value, as_bytes, check_together, from_file

# Namespaces that the firmware fills by itself, and fills again: Wi-Fi and radio calibration.
_FIRMWARE = ("nvs.net80211", "phy", "misc", "dhcp_state")


def settings_for_flash(name: str) -> dict[str, Value]:
    """The settings of a file ("-": standard input), and what is asked for beside them.

    Raises Refused: unfit, or missing where nobody can be asked; OSError.
    """
    from tools.flashing.asking import complete

    values = from_file(name)
    check_together(values)
    complete(values, set())
    check_together(values)
    return values


def nvs_image(values: dict[str, Value], size: int) -> bytes:
    """The NVS partition of `size` bytes that gives alink these settings; read back, and equal.

    Numbers are i32 and everything else is a blob, as `provision` stores them. Raises Refused when
    they have no room.
    """
    from esp_idf_nvs_partition_gen import nvs_partition_gen as generator

    kept = {key: value for key, value in values.items() if value != ""}  # an open network's
    made = io.BytesIO()
    try:
        # One page is left free, as ESP-IDF needs it to make room; nvs_close() adds it.
        store = generator.nvs_open(made, size - nvs.PAGE, generator.Page.VERSION2)
        generator.write_entry(store, NAMESPACE, "namespace", "", "")
        for key, value in kept.items():
            if isinstance(value, int):
                generator.write_entry(store, key, "data", "i32", value)
            else:
                generator.write_entry(store, key, "data", "binary", as_bytes(value))
        generator.nvs_close(store)
    except generator.InsufficientSizeError:
        raise Refused(
            f"the settings do not fit the {size} bytes of the nvs partition",
            "Give it more room in the table, or take a smaller ca.",
        ) from None
    image = made.getvalue()
    wanted = {
        (NAMESPACE, key): value if isinstance(value, int) else as_bytes(value)
        for key, value in kept.items()
    }
    if len(image) != size or nvs.Entries(image).values != wanted:
        raise Refused(
            "the image of the settings does not read back as it was made",
            "This is a fault of alink's tools: flash without --provision, and provision then.",
        )
    return image


def check_replaceable(there: bytes, port: str) -> None:
    """Refuse to replace the NVS partition `there` of a board when its owner has something in it.

    What is there is named by its keys, never by its values.
    """
    entries = nvs.Entries(there)
    owned = [name for name in entries.values if name[0] not in _FIRMWARE]
    if not owned and not entries.unread:
        return
    name = entries.values.get((NAMESPACE, "device_name"))
    who = f" ({_printable(name)})" if isinstance(name, bytes) else ""
    spaces = ", ".join(dict.fromkeys(space for space, _ in owned)) or "entries it cannot read"
    raise Refused(
        f"the board on {port} has settings already{who}: {spaces}; --provision replaces all that "
        "is in its NVS",
        "To keep them leave --provision out (flash.py provision changes single ones); to replace "
        "them add --force.",
    )


def _printable(name: bytes) -> str:
    return "".join(c for c in name.decode("utf-8", "replace") if c.isprintable())
