# The reference application on asyncio: as ../main.py, with tasks. MIT licence.

import asyncio

from alink import aio, parts, setup
from version import VERSION


async def work():
    """Your own code goes here, in as many tasks as you like: short steps between two awaits."""
    while True:
        await asyncio.sleep_ms(1000)


def start():
    """Network first, then the rest -> Updater; see main.py."""
    settings = setup.settings()
    setup.online(settings)  # replace it for Ethernet or PPP
    device = setup.device(settings)
    return setup.updater(device, VERSION, settings)


async def main():
    global setup
    updater = start()
    print("version", VERSION)
    setup = None
    parts.drop("setup")  # what only the start needs need not stay in RAM
    worker = asyncio.create_task(work())  # keep a name for it: what nobody holds may be collected
    await aio.run(updater)
    worker.cancel()


asyncio.run(main())
