"""The steps that `make mutate` takes out are still the lines it looks for."""

from __future__ import annotations

import pytest

from host_tests.long import mutate
from host_tests.long.mutants import Mutant


@pytest.mark.parametrize("mutant", mutate.ALL, ids=lambda mutant: mutant.step)
def test_a_step_of_the_update_can_still_be_taken_out(mutant: Mutant) -> None:
    assert mutate.mutated(mutant)
