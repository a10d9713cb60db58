# Two commands are enough: `make run` starts lambdad from a fresh clone, `make test` shows that all of it holds.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: run test check format unit acceptance fuzz bench docs clean

run: $(VENV)/installed
	$(BIN)/lambdad up

test: check
	$(BIN)/python -m pytest tests

check: $(VENV)/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/tested
	$(BIN)/python -m pytest tests/unit tests/component tests/contract tests/fuzz

acceptance: $(VENV)/tested
	$(BIN)/python -m pytest tests/acceptance tests/security

SECONDS ?= 600
fuzz: $(VENV)/tested
	$(BIN)/python -m pip install --quiet --editable '.[test,fuzz]'
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

format: $(VENV)/tested
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/tested
	$(BIN)/python -m bench

docs: $(VENV)/installed
	$(BIN)/python -m lambdad.assembly.compatibility > docs/compatibility.md

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "lambdad needs Python 3.11 or newer; name one with make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/tested: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
