# What a person runs on the desk. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(VENV)/.ready
TESTS := $(VENV)/.ready-test

export PYTHONPATH := $(CURDIR)
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help env demo test test-all lint mutate powercut bench fuzz soak dist picture clean
help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

# The environment: made once, remade when what it is made of changes; with what tests need, where asked.
$(TOOLS): pyproject.toml tools/dev/setup_env.py
	@$(PYTHON) tools/dev/setup_env.py $(VENV)

$(TESTS): pyproject.toml host_tests/linkkit.txt tools/dev/setup_env.py
	@$(PYTHON) tools/dev/setup_env.py $(VENV) test

env: $(TOOLS)  ## the environment in .venv alone, with the command .venv/bin/alink

demo: $(TOOLS)  ## watch an update succeed, one fall back, and one of a few hundred bytes
	@$(BIN)/python -m tools.demo $(DEMO)

test: $(TESTS)  ## lint, then every test
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n auto

test-all: $(TESTS)  ## those too that are more of the same: cuts of power on three more ways to update
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n auto -m "long or not long"

lint: $(TESTS)  ## ruff on everything, mypy on host code and on device code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python tools/dev/typings.py .cache/typings
	@$(BIN)/mypy --config-file tools/dev/mypy_device.ini

mutate: $(TESTS)  ## remove each step of an update in turn: which test notices?
	@$(BIN)/python -m host_tests.long.mutate

powercut: $(TESTS)  ## cut the power at every flash operation of an update; POWERCUT=--help
	@$(BIN)/python -m host_tests.long.powercut $(POWERCUT)

bench: $(TESTS)  ## measure every published figure, write docs/figures.md; ONLY=section prints one
	@$(BIN)/python -m tools.bench $(ONLY)

fuzz: $(TESTS)  ## thousands of hostile inputs for each parser, and updates over a bad network
	@$(BIN)/python -m host_tests.long.fuzz $(FUZZ)

soak: $(TESTS)  ## 200 updates, every fifth a bad one: no board is lost, each fault named, nothing piles up
	@$(BIN)/python -m host_tests.long.soak $(SOAK)

dist: $(TOOLS)  ## a release in dist/: alink as .mpy, an archive of it, SHA256SUMS
	@$(BIN)/python -m tools.dev.package dist

picture: $(TESTS)  ## docs/page.png: the page of the stand-in, as a browser shows it
	@$(BIN)/python -m host_tests.long.picture

clean:  ## remove what make made
	rm -rf $(VENV) .cache build dist
	find host_tests tools -name __pycache__ -exec rm -rf {} +
