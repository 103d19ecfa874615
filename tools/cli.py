"""What the command lines flash, image, cloud and sim share: verbs, help, and how a run ends.

What is refused or has failed is told with what to do next in one line on stderr; with --json that,
and wrong usage, is an object with `error` and `advice` (empty after Ctrl-C alone). exit_codes.py
has what a run ends with.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import json
import os
import re
import select
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from tools.exit_codes import FAILED, INTERRUPTED, WRONG_USAGE
from tools.terminal import painted_help

WARNING = "warning: "  # how such a line begins
_JSON = "--json"
_NARROW = 40  # columns: on a narrower terminal lines of help wrap, which is all that happens


class Refused(Exception):
    """Something cannot be done: what is wrong, and what to do next.

    `cause` is one clause without a full stop; `advice` is one sentence or two. `str()` joins both:
    that is printed, and the exit code is 1.
    """

    def __init__(self, cause: str, advice: str) -> None:
        super().__init__(f"{cause}. {advice}")
        self.cause = cause
        self.advice = advice


class Verb(Protocol):
    """What a verb's module offers. Import what is slow (esptool, mpremote) inside run()."""

    NAME: str  # one word, or two where the first is a group: "device add"
    HELP: str  # one line in the list of verbs; behind an empty line what the verb's own help says
    EXAMPLES: str  # one command a line, shown below the verb's own help

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's options."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it; the exit code. Raise Refused (cause, advice) for what cannot be done."""
        raise NotImplementedError


@dataclass(frozen=True)
class Program:
    """A command line.

    `name` begins its messages, and is what `alink` calls it; `typed` is what it is called from a
    checkout. `verbs` is the package that has its VERBS, in GROUPS a line for the first of two
    words, and in add_arguments() what all of them take, if there is such: imported late, so that
    Ctrl-C meanwhile ends it as at any other time. `more` stands below the help in place of each
    verb's first example.
    """

    name: str
    typed: str
    what: str
    verbs: str
    more: str = ""

    def main(
        self,
        arguments: Sequence[str] | None = None,
        called: str = "",
        behind: Sequence[str] = (),
    ) -> int:
        """Run one verb; the exit code. `called`: as what, where not as `typed`. `behind`: words
        that the verb gets behind those that were typed.
        """
        global _alink
        _alink = called.startswith("alink")
        words = sys.argv[1:] if arguments is None else list(arguments)
        try:
            return self._run(words, called or self.typed, behind)
        except Refused as exc:
            self._tell(words, exc.cause, exc.advice)
        except BrokenPipeError as exc:
            if not nobody_reads():
                self._tell(words, *_of_system(exc))
        except OSError as exc:
            self._tell(words, *_of_system(exc))
        except UnicodeError as exc:
            self._tell(words, f"this is not text as it should be: {exc}", "Save it as UTF-8.")
        except KeyboardInterrupt as exc:
            self._tell(words, str(exc) or "stopped by Ctrl-C")
            return INTERRUPTED
        return FAILED

    def _run(self, words: list[str], called: str, behind: Sequence[str]) -> int:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may hold anything
        parser = help_parser(called, self.what)
        self.fill(parser)
        if not words:
            parser.print_help(sys.stderr)
            return WRONG_USAGE
        options = parsed(parser, words, behind)
        code: int = options.run(options)
        sys.stdout.flush()  # here a reader that has gone is noticed, and not when Python ends
        return code

    def _tell(self, words: list[str], cause: str, advice: str = "") -> None:
        if _JSON in words:
            print(_refusal(cause, advice), file=sys.stderr)
        else:
            text = f"{cause}. {advice}" if advice else cause
            print(f"{self.name}: {worded(text)}", file=sys.stderr)

    def fill(self, parser: argparse.ArgumentParser) -> None:
        """Give a parser the verbs, and the help that teaches them."""
        package = importlib.import_module(self.verbs)
        called = parser.prog
        first = "\n".join(f"  {verb.EXAMPLES.splitlines()[0]}" for verb in package.VERBS)
        parser.epilog = worded(
            (self.more or f"examples:\n{first}\n")
            + f"\n{called} VERB --help tells a verb's options and shows more examples."
        )
        verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
        shared = getattr(package, "add_arguments", None)
        groups: dict[str, Any] = {}
        for verb in package.VERBS:
            group, _, name = verb.NAME.rpartition(" ")
            if group and group not in groups:
                members = verbs.add_parser(
                    group, help=package.GROUPS[group], formatter_class=_Help
                )
                groups[group] = members.add_subparsers(
                    dest="action", metavar="ACTION", required=True
                )
            one = _add(groups[group] if group else verbs, name, verb)
            if shared is not None:
                shared(one)


def json_option(parser: argparse.ArgumentParser) -> None:
    """--json, of what a program may want to read: nothing else is on stdout then."""
    parser.add_argument(_JSON, action="store_true", help="for programs")


def offered(action: argparse.Action, values: Iterable[str]) -> None:
    """What a shell completes for an option whose values the verb itself checks."""
    action.offered = tuple(values)  # type: ignore[attr-defined]


def as_json(said: Any) -> str:
    """One line of JSON. In ASCII: no encoding spoils it, nothing in it talks to a terminal."""
    return json.dumps(said)


def sorted_out(lines: Iterable[str]) -> dict[str, list[str]]:
    """What a person would read beside a result, for programs: its notes, and its warnings."""
    found: dict[str, list[str]] = {"notes": [], "warnings": []}
    for line in lines:
        kind = "warnings" if line.startswith(WARNING) else "notes"
        found[kind].append(worded(line.removeprefix(WARNING)))
    return found


def _refusal(cause: str, advice: str) -> str:
    return as_json({"error": worded(cause), "advice": worded(advice)})


def parsed(
    parser: argparse.ArgumentParser, words: Sequence[str], behind: Sequence[str] = ()
) -> argparse.Namespace:
    """What was typed. Wrong usage ends in exit code 2: told as argparse does, or as JSON."""
    try:
        _check_order(parser, words)
        return parser.parse_args([*words, *behind])
    except _WrongUsage as wrong:
        told_by = _verb(parser, words) if wrong.parser is parser else wrong.parser
        advice = wrong.advice or f"`{told_by.prog} --help` tells what it takes."
        if _JSON not in words:
            argparse.ArgumentParser.error(told_by, f"{wrong.cause}. {advice}")
        print(_refusal(wrong.cause, advice), file=sys.stderr)
        sys.exit(WRONG_USAGE)


def _check_order(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Raise _WrongUsage for an option of a verb in front of it: argparse would take the option's
    value for the verb.
    """
    for at, word in enumerate(words):
        choices = _choices(parser)
        if word.startswith("-"):
            name = word.partition("=")[0]
            known = name in parser._option_string_actions
            alone = all(one.startswith("-") for one in words[at:])  # what is missing is told then
            if choices is None or known or alone or word == "--":
                return
            verb = next((i for i, one in enumerate(words) if i > at and one in choices), None)
            rest = ["VERB", *words[at:]] if verb is None else [*words[verb:], *words[at:verb]]
            raise _WrongUsage(
                parser,
                f"{name} stands in front of the verb",
                f"Options go behind it: `{parser.prog} {shlex.join(_masked(rest))}`.",
            )
        if choices is None or word not in choices:
            return
        parser = choices[word]


def _masked(words: Sequence[str]) -> list[str]:
    """The words without a secret that stands behind an option: no option takes one."""
    told: list[str] = []
    for word in words:
        name, equals, _ = word.partition("=")
        behind = bool(told) and "=" not in told[-1] and _is_secret(told[-1])
        if behind and not word.startswith("-"):
            told.append("...")
        else:
            told.append(f"{name}=..." if equals and _is_secret(name) else word)
    return told


def _is_secret(option: str) -> bool:
    hides = any(word in option for word in ("secret", "pass", "token"))
    return hides and option.startswith("--") and not option.endswith(("-file", ":"))


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser] | None:
    """The verbs of a parser, by name; None where it has none."""
    for one in parser._actions:
        if isinstance(one, argparse._SubParsersAction):
            return dict(one.choices)
    return None


def _verb(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the verb that was typed: argparse itself tells of what a verb does not know
    with the usage of the whole program.
    """
    for word in words:
        found = (_choices(parser) or {}).get(word)
        if found is None:
            break
        parser = found
    return parser


class _WrongUsage(Exception):
    def __init__(self, parser: argparse.ArgumentParser, cause: str, advice: str = "") -> None:
        super().__init__(cause)
        self.parser = parser
        self.cause = cause
        self.advice = advice


class _Parser(argparse.ArgumentParser):
    """Its help has colours where a person looks on; what is wrong is told by `parsed`.

    A part of an option's name is refused: another option that begins alike would change its sense.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        raise _WrongUsage(self, " ".join(_masked(message.split(" "))))

    def _print_message(self, message: str, file: Any = None) -> None:
        file = file or sys.stderr
        super()._print_message(painted_help(message, file), file)


def help_parser(called: str, what: str, more: str = "") -> argparse.ArgumentParser:
    """A parser whose help has `what` wrapped and `more` as it stands, however narrow it is."""
    return _Parser(prog=called, description=_wrapped(what), epilog=more, formatter_class=_Help)


def _add(verbs: Any, name: str, verb: Verb) -> argparse.ArgumentParser:
    line, _, more = verb.HELP.partition("\n\n")
    examples = "\n".join(f"  {one}" for one in verb.EXAMPLES.splitlines())
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=line,
        description=_wrapped(worded(more) or line[0].upper() + line[1:] + "."),
        epilog=worded(f"examples:\n{examples}"),
        formatter_class=_Help,
    )
    verb.add_arguments(parser)
    for action in parser._actions:
        action.help = action.help and worded(action.help)
    parser.set_defaults(run=verb.run)
    return parser


class _Help(argparse.RawDescriptionHelpFormatter):
    """Examples as they are typed; and argparse itself fails on a terminal of a few columns."""

    def __init__(self, prog: str, **more: Any) -> None:
        super().__init__(prog, **{**more, "width": _width()})


def _width() -> int:
    return max(_NARROW, shutil.get_terminal_size().columns - 2)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _width(), break_on_hyphens=False)


_COMMAND = re.compile(
    r"(?:\bpython )?(?:(?:\btools/)?\b(flash|image)\.py|-m tools\.(cloud|sim|image))\b"
)


_alink = False  # whether this run was typed as `alink ...`


def worded(text: str) -> str:
    """A text with the commands in it as they are typed here: where `alink` is, `alink flash`."""
    if not _alink:
        return text
    return _COMMAND.sub(lambda found: f"alink {found[1] or found[2]}", text)


# What to do about an error of the system: whoever met it knew no better.
_REMEDIES = {
    errno.ENOENT: "Correct its name{here}.",
    errno.ENOTDIR: "Correct the path: what should be a folder in it is a file.",
    errno.EISDIR: "Name a file: this is a folder.",
    errno.EEXIST: "Name another, or take that one away first.",
    errno.EACCES: "Only who may do that can: `ls -ld` shows whose it is.",
    errno.EPERM: "Only who may do that can: `ls -ld` shows whose it is.",
    errno.EROFS: "Name a place that can be written to.",
    errno.ENOSPC: "Make room there, or write to another place.",
    errno.EDQUOT: "Make room there, or write to another place.",
    errno.EFBIG: "Make room there, or write to another place.",
    errno.ENAMETOOLONG: "Give it a shorter name.",
    errno.EMFILE: "Allow more open files (`ulimit -n`), or close some programs.",
    errno.ENFILE: "Allow more open files (`ulimit -n`), or close some programs.",
    errno.ENOMEM: "Close some programs, and try again.",
}
_OTHERWISE = "That is all the system says: look at it there, then run the command again."


def _of_system(error: OSError) -> tuple[str, str]:
    """(what is wrong, what to do about it)."""
    where = f"{error.filename}: " if error.filename else ""
    remedy = _REMEDIES.get(error.errno or 0, _OTHERWISE)
    return f"{where}{error.strerror or error}", remedy.format(here=_here(error.filename))


def _here(name: object) -> str:
    """Where a name that is no whole path was looked for."""
    if not isinstance(name, str) or os.path.isabs(name):
        return ""
    try:
        return f": it was looked for in {os.getcwd()}"
    except OSError:
        return ": the current folder is gone"


def nobody_reads() -> bool:
    """Whether it is standard output that was closed: whoever read this has enough."""
    try:
        out = sys.stdout.fileno()
    except (OSError, ValueError):
        return False
    poll = select.poll()
    poll.register(out, 0)
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), out)  # for what Python itself writes at the end
    return True
