# For an application on asyncio: the Updater as one of its tasks. MIT licence.

import asyncio

from micropython import const

_REST_MS = const(20)


async def run(updater):
    """Keep `updater` (Updater) going, one bounded step of it a turn: await it, or make it a task.

    It does not return. Asleep while there is nothing to do; while an update moves, the other tasks
    have their turn after each step. Unless the application has set an exception handler of its
    own, an exception that ends any task ends asyncio.run(), too: a program of which a part has
    crashed is restarted like any other, and on trial it is the image that falls.
    """
    scheduler = asyncio.get_event_loop()
    if scheduler.get_exception_handler() is None:
        scheduler.set_exception_handler(_crashed)
    while True:
        updater.poll()
        await asyncio.sleep_ms(0 if updater.busy else _REST_MS)


def _crashed(_, context):
    raise context["exception"]
