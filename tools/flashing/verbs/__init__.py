"""The verbs of `flash`, in the order of a board's life: one module each."""

from tools.cli import Verb
from tools.flashing.verbs import check, deploy, flash, monitor, provision, selftest, status

VERBS: tuple[Verb, ...] = (check, flash, provision, deploy, status, selftest, monitor)
