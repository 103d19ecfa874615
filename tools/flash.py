"""A board out of its bag: flash it, give it its identity, put your code on it, ask how it is.

    python tools/flash.py VERB --help

Exit codes: 0 done, 1 refused or failed (cause and next step on stderr), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Protocol

if __name__ == "__main__" and not __package__:  # run as a file: python tools/flash.py
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.cli import Refused
from tools.flashing.verbs import check as check_verb
from tools.flashing.verbs import deploy as device_deploy
from tools.flashing.verbs import flash as flash_verb
from tools.flashing.verbs import monitor as device_monitor
from tools.flashing.verbs import provision as device_provision
from tools.flashing.verbs import selftest as device_selftest
from tools.flashing.verbs import status as device_status


class Verb(Protocol):
    """What a verb's module offers. Import what is slow (esptool, mpremote) inside run()."""

    NAME: str
    HELP: str  # one line in the list of verbs
    EXAMPLES: str  # one command a line, shown below the verb's own help

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's options."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it; the exit code. Raise Refused (cause, advice) for what cannot be done."""
        raise NotImplementedError


# In the order of a board's life. A new verb is a module of tools/flashing and a line here.
VERBS: tuple[Verb, ...] = (
    check_verb,
    flash_verb,
    device_provision,
    device_deploy,
    device_status,
    device_selftest,
    device_monitor,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    parser = _parser()
    if not (sys.argv[1:] if arguments is None else arguments):
        parser.print_help(sys.stderr)
        return 2
    options = parser.parse_args(arguments)
    try:
        code: int = options.run(options)
        return code
    except Refused as exc:
        print(f"{options.verb}: {exc}", file=sys.stderr)
    except OSError as exc:
        where = f"{exc.filename}: " if exc.filename else ""
        print(f"{options.verb}: {where}{exc.strerror or exc}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{options.verb}: stopped by Ctrl-C", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flash.py",
        description=(__doc__ or "").split("\n")[0],
        epilog="examples:\n"
        + "\n".join(f"  {verb.EXAMPLES.splitlines()[0]}" for verb in VERBS)
        + "\n\nflash.py VERB --help tells a verb's options and shows more examples.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in VERBS:
        sub = verbs.add_parser(
            verb.NAME,
            help=verb.HELP,
            description=verb.HELP[0].upper() + verb.HELP[1:] + ".",
            epilog="examples:\n" + "\n".join(f"  {line}" for line in verb.EXAMPLES.splitlines()),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_arguments(sub)
        sub.set_defaults(run=verb.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
