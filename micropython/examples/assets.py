# Files with a version of their own, beside the program: pages, tables, a model. MIT licence.
#
# They are a module of the device, named "assets" here, which the product on the platform has to
# have, too. Made and sent without a release of the program: see docs/modules.md.

import time

from alink import parts, setup
from version import VERSION

updater = files = None


def greeting():
    """A line out of the current files; what is in the program until there are some."""
    if files.path is None:
        return "no files yet"
    with open(files.path + "/greeting.txt") as f:
        return f.readline().strip()


def check():
    """Whether the new files are good: called when files.path is theirs; False takes them back."""
    text = greeting()
    print("assets:", text)
    return bool(text)


def main():
    global updater, files, setup
    settings = setup.settings()
    setup.online(settings)
    updater = setup.updater(setup.device(settings), VERSION, settings)
    setup = None
    parts.drop("setup")
    from alink import FilesTarget

    files = FilesTarget("/assets", max_size=100_000, wbits=12)
    updater.module("assets", files, files.version or "0", self_test=check)
    print("assets:", files.version, greeting())
    while True:
        updater.poll()
        if not updater.busy:
            time.sleep_ms(20)


main()
