"""The steps that `make mutate` takes out are still what it looks for, and so are the tests."""

from __future__ import annotations

import re
import shlex

import pytest

from host_tests.long import mutate
from host_tests.long.mutants import Mutant

MUTANTS = pytest.mark.parametrize("mutant", mutate.ALL, ids=lambda mutant: mutant.step)


@MUTANTS
def test_a_step_of_the_update_can_still_be_taken_out(mutant: Mutant) -> None:
    assert mutate.mutated(mutant)


@MUTANTS
def test_the_tests_that_should_notice_are_still_there(mutant: Mutant) -> None:
    file, *chosen = shlex.split(mutant.tests)
    names = re.findall(r"^def (test_\w+)", (mutate.ROOT / file).read_text(), re.MULTILINE)
    assert names
    if chosen:
        option, words = chosen
        assert option == "-k"
        for word in words.split(" or "):
            test = word.split(" and ")[0]  # what follows chooses among its parameters
            assert [name for name in names if test in name], word
