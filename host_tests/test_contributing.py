"""What a contributor is told and given: the hook checks what `make lint` checks."""

from __future__ import annotations

import re

from host_tests.kit.rig import ROOT


def test_the_hook_checks_what_make_lint_checks_and_asks_nobody_else() -> None:
    config = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (\S+)", config) == ["local"]
    hooks = re.findall(r"^        entry: (.*)$", config, re.MULTILINE)
    for setting in ("language: system", "pass_filenames: false"):
        assert config.count(f"        {setting}\n") == len(hooks)
    rule = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert rule is not None
    lint = [line.strip().removeprefix("@$(BIN)/") for line in rule[1].splitlines()]
    assert [hook.removeprefix(".venv/bin/") for hook in hooks] == lint
