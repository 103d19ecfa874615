"""`alink flash|image|cloud|sim VERB`: the command that `pip install .` gives, from any folder.

Installed, the tools lie with boards/ and micropython/ in a folder `alink_desk` of their own, as in
a checkout: their imports, and the files that they bring, are found from there.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

if __package__ != "tools":  # installed, or run as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools.cli import help_parser, nobody_reads, parsed
from tools.completion import SHELLS, script
from tools.exit_codes import DONE, FAILED, WRONG_USAGE
from tools.programs import ALL, CLOUD, PLATFORM, cloud

HOME = Path(__file__).resolve().parents[1]
_MORE = """\
examples:
  alink flash flash --board ESP32_GENERIC --firmware F.bin --app my_app --version 1.0.0
  alink image build --firmware F.bin --app my_app --version 1.1.0 -o release-1.1.0.bin
  alink cloud serve
  alink sim run desk.bin

alink NAME --help tells more of each. The shell completes words and files after
  bash: eval "$(alink completion bash)"          in ~/.bashrc
  zsh:  eval "$(alink completion zsh)"           in ~/.zshrc, after compinit
  fish: alink completion fish > ~/.config/fish/completions/alink.fish
"""
_WHAT = (
    "Over-the-air updates for ESP32 boards: flash a board, make a release, try both on the desk."
)


def version() -> str:
    """The release of alink: of these tools, and of the package that they put on boards."""
    text = (HOME / "micropython" / "alink" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    assert found is not None
    return found[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb of one of the four; returns the exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    for program in ALL:
        if words[:1] == [program.name]:
            run = cloud if program is CLOUD else program.main
            return run(words[1:], f"alink {program.name}")
    parser, _ = _parser()
    if not words:
        parser.print_help(sys.stderr)
        return WRONG_USAGE
    text = completion(parsed(parser, words).shell)
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        nobody_reads()
        return FAILED
    return DONE


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of everything, and those in it that still have to be filled with verbs."""
    what = (
        "Over-the-air updates for ESP32 boards: flash boards, make releases, try both on the desk."
    )
    parser = help_parser("alink", what, _MORE)
    parser.add_argument("--version", action="version", version=f"alink {version()}")
    names = parser.add_subparsers(dest="name", metavar="NAME", required=True)
    programs = {one.name: names.add_parser(one.name, help=one.what) for one in ALL}
    shell = names.add_parser("completion", help="print what makes a shell complete `alink`")
    shell.add_argument("shell", choices=SHELLS)
    return parser, programs


def completion(shell: str) -> str:
    """The script with which a shell completes every verb, option and file."""
    parser, programs = _parser()
    for one in ALL:
        one.fill(programs[one.name])
    behind = help_parser("alink cloud --at PLACE", PLATFORM.what)
    PLATFORM.fill(behind)
    return script(shell, parser, behind)


if __name__ == "__main__":
    sys.exit(main())
