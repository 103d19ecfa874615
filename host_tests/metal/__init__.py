"""The same tests on a board of flesh and blood: `pytest host_tests --port P` (see conftest.py)."""
