"""What happens in a rollout, as lines for people."""

from __future__ import annotations

from tools.cloud.operator.show import Row
from tools.cloud.platform import batches


def line(event: Row) -> str:
    """An event as a line for people."""
    head = ""
    if "phase" in event:
        head = f"phase {event['phase']} of {event['of']} ({event['for']}): "
    texts = {
        "begins": lambda: f"begins with {event['devices']} device(s)",
        "batch": lambda: f"job {event['job']}, {event['devices']} device(s)",
        "skipped": lambda: f"skipped, {event['why']}",
        "progress": lambda: batches.told(event["counts"]),
        "soaks": lambda: f"enough have succeeded, soaks for {event['minutes']:g} min",
        "passed": lambda: f"passed, {event['succeeded']} of {event['devices']} succeeded",
        "paused": lambda: f"paused, {event['held']} device(s) held back",
        "resumed": lambda: f"resumed, {event['devices']} device(s) again",
        "done": lambda: f"done: {event['succeeded']} of {event['devices']} devices succeeded",
        "unreachable": lambda: f"waits: {event['why']}",
        "stopped": lambda: _stopped(event),
    }
    return head + texts[event["event"]]()


def _stopped(event: Row) -> str:
    names = [f"{one['device']} ({one['why'] or 'not finished'})" for one in event["failed"][:5]]
    more = len(event["failed"]) - len(names)
    told = ", ".join(names) + (f" and {more} more" if more > 0 else "")
    return f"stopped: {event['why']}; {event['cancelled']} task(s) cancelled\n  {told}".rstrip()
