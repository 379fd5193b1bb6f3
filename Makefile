# Two commands for a newcomer: `make demo` and `make test`. Needs Python 3.11 or newer with venv, and make.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt
PYTEST := $(BIN)/python -m pytest
# Test processes side by side: one a core, and one that works while others wait for a browser.
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)

.PHONY: demo test thorough check torture bench format clean

demo: .venv/.demo
	@exec $(BIN)/integration demo

test: .venv/.test
	@$(BIN)/python tests/browser.py
	@$(PYTEST) -q -n $(WORKERS) --dist worksteal

# What `make test` samples, whole: every screen in every language, every page on every database.
thorough: .venv/.test
	@$(BIN)/python tests/browser.py
	@$(PYTEST) -q -n $(WORKERS) --dist worksteal --thorough

check: .venv/.check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m migrations.check
	@$(BIN)/python -m sidebar.translations.check

torture: .venv/.test
	@$(BIN)/python -m tests.torture.chaos_sync --seeds $${SEEDS:-100}
	@$(BIN)/python -m tests.torture.chaos_large --orders $${LARGE:-10000}
	@$(BIN)/python -m tests.torture.crash_actions --runs $${RUNS:-2000}

bench: .venv/.test
	@$(BIN)/python -m tests.bench

format: .venv/.check
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Deskside needs Python 3.11 or newer; $(PYTHON) is older. Say PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.demo: .venv/.made setup.cfg pyproject.toml constraints.txt
	@echo "installing …"
	@$(PIP) -e '.[demo]'
	@touch $@

.venv/.test: .venv/.made setup.cfg pyproject.toml constraints.txt
	@echo "installing what the tests need …"
	@$(PIP) -e '.[demo,test]'
	@touch $@

.venv/.check: .venv/.made setup.cfg pyproject.toml constraints.txt
	@echo "installing what the checks need …"
	@$(PIP) -e '.[demo,test,check]'
	@touch $@
