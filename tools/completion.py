"""What makes a shell complete `alink`: every verb, option and file, also behind `cloud --at`.

Behind `--at PLACE` are the verbs of another program: the shell gets a second script, as of a
command of its own, and a function in front that says which of the two is meant.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.places import output_path

SHELLS = ("bash", "zsh", "fish")
# Where the platform has the product; an instance of one is written behind it, REGION/INSTANCE.
PLACES = (
    *("desk", "cn-shanghai", "ap-southeast-1", "ap-northeast-1"),
    *("us-west-1", "us-east-1", "eu-central-1"),
)
AT = "alink-at"  # the command that the second script is for; nobody has it

_BASH = """
# Behind `alink cloud --at PLACE` (in bash --at=PLACE is three words).
_alink() {
  local at=3
  [[ "${COMP_WORDS[3]-}" == = ]] && at=4
  if [[ "${COMP_WORDS[1]-}" != cloud || $COMP_CWORD -lt 2 ]]; then
    _shtab_alink "$@"
  elif [[ $COMP_CWORD -eq 2 ]]; then
    _shtab_alink "$@"
    COMPREPLY+=($(compgen -W --at -- "${COMP_WORDS[2]}"))
  elif [[ "${COMP_WORDS[2]}" != --at ]]; then
    _shtab_alink "$@"
  elif [[ $COMP_CWORD -le $at ]]; then
    local word="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=($(compgen -W "PLACES" -- "${word#=}"))
  else
    local words=("${COMP_WORDS[@]:$((at + 1))}") count=$((COMP_CWORD - at))
    local COMP_WORDS=(AT "${words[@]}") COMP_CWORD=$count
    _shtab_alink_at "$@"
  fi
}

complete -o bashdefault -F _alink alink
"""
_ZSH = """
# Behind `alink cloud --at PLACE`, or --at=PLACE.
_alink() {
  if [[ $words[2] != cloud || $words[3] != --at(|=*) ]]; then
    _shtab_alink "$@"
    [[ $words[2] == cloud && $CURRENT -eq 3 ]] && compadd -- --at
  elif [[ $words[3] == --at=* && $CURRENT -eq 3 ]]; then
    compadd -P --at= -- PLACES
  elif [[ $words[3] == --at && $CURRENT -eq 3 ]]; then
    compadd -- --at
  elif [[ $words[3] == --at && $CURRENT -eq 4 ]]; then
    compadd -- PLACES
  else
    local at=4
    [[ $words[3] == --at=* ]] && at=3
    words=(AT "${(@)words[at+1,-1]}")
    (( CURRENT -= at - 1 ))
    _shtab_alink_at "$@"
  fi
}

typeset -A opt_args

if [[ $zsh_eval_context[-1] == eval ]]; then
  compdef _alink -N alink
else
  _alink "$@"
fi
"""
_FISH = """
# Behind `alink cloud --at PLACE`, or --at=PLACE.
function _alink_at
  set -l words (commandline -opc)
  test "$words[2]" = cloud; or return 1
  switch "$words[3]"
    case '--at=*'
      return 0
    case --at
      test (count $words) -ge 4
      return
  end
  return 1
end

function _alink_behind
  set -l words (commandline -opc)
  set -l from 5
  string match -q -- '--at=*' "$words[3]"; and set from 4
  complete -C "AT $words[$from..-1] "(commandline -ct)
end

complete -c alink -n '_shtab_alink_using cloud; and not _alink_at' -l at -x -a 'PLACES' -d PLACE
complete -c alink -n _alink_at -f -a '(_alink_behind)'
"""


def script(shell: str, parser: argparse.ArgumentParser, behind: argparse.ArgumentParser) -> str:
    """The script for a shell; `behind`: what there is behind `cloud --at PLACE`."""
    import shtab

    for one in (parser, behind):
        _complete_values(one)
    behind.prog = AT
    both = [str(shtab.complete(one, shell)) for one in (behind, parser)]
    last = {"bash": "\ncomplete -o ", "zsh": "\ntypeset -A opt_args", "fish": ""}[shell]
    own = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}[shell]
    if last:
        both = [one.rpartition(last)[0] for one in both]
    if shell == "zsh":
        both[1] = both[1].removeprefix("#compdef alink")
        both[0] = both[0].replace(f"#compdef {AT}", "#compdef alink", 1)
    return "\n".join(both) + own.replace("PLACES", " ".join(PLACES)).replace("AT ", f"{AT} ")


def _complete_values(parser: argparse.ArgumentParser) -> None:
    import shtab

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                _complete_values(one)
        elif action.type in (Path, output_path):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif hasattr(action, "offered"):
            action.choices = action.offered
