"""A few hundred hostile inputs for each target of `make fuzz`, and proof that they notice."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from host_tests.kit.device_process import ROOT
from host_tests.long.fuzz import gateway, images, inputs, on_device, web
from host_tests.long.fuzz.target import Outcome
from host_tests.long.fuzz.targets import TARGETS
from tools.cloud.downloads import links
from tools.cloud.mqtt import topics
from tools.images import compiled_cache

SEED = 20


@pytest.mark.parametrize("name", sorted(n for n, t in TARGETS.items() if t.short))
def test_hostile_inputs_break_no_promise(name: str) -> None:
    target = TARGETS[name]
    done: list[int] = []
    outcome = target.run(SEED, target.short, done.append)
    assert not outcome.findings, outcome.report()
    assert outcome.inputs == sum(done) == target.short


def test_fuzzing_needs_nothing_that_only_a_test_run_sets() -> None:
    environment = {k: v for k, v in os.environ.items() if k != compiled_cache.NAME}
    done = subprocess.run(
        [sys.executable, "-m", "host_tests.long.fuzz", "--target", "files", "--count", "3"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_finding_can_be_seen_again_by_its_seed() -> None:
    drawn = inputs.examples(images.heads, 7, 300)
    assert drawn == inputs.examples(images.heads, 7, 300)
    assert drawn != inputs.examples(images.heads, 8, 300)


def test_an_exception_and_a_silent_end_on_the_device_are_findings() -> None:
    outcome = Outcome(2)
    on_device.read_output("at 0\nBAD 0 raised it\nat 1\nDONE held=5", 0, [b"a", b"b"], outcome)
    assert [one.data for one in outcome.findings] == [b"a"]
    on_device.read_output("at 0\nat 1\nNLR jump failed", 0, [b"a", b"b"], outcome)
    assert [one.data for one in outcome.findings] == [b"a", b"b"]


def test_a_gateway_that_lets_a_device_use_foreign_topics_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topics, "is_own", lambda topic, identity: True)
    assert gateway.run(SEED, 100, lambda n: None).findings


def test_a_server_that_serves_edited_links_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = links._mac
    monkeypatch.setattr(links, "_mac", lambda key, head: plain(key, head.partition("?")[0]))
    assert web.run(SEED, 300, lambda n: None).findings
