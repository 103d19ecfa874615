"""The verbs of `sim`: one module each."""

from tools.cli import Verb
from tools.sim.verbs import create, run, status

VERBS: tuple[Verb, ...] = (create, run, status)
