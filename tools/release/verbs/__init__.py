"""The verbs of `image`: one module each."""

from tools.cli import Verb
from tools.release.verbs import build, explain, files, inspect, pack, sign

VERBS: tuple[Verb, ...] = (build, pack, inspect, files, sign, explain)
