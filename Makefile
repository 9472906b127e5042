# Everything a clone needs, from Python 3.11 to 3.13 and make alone. `make` lists the targets.

VENV := .venv
BIN := $(VENV)/bin
# pip's own notices would bury what the target prints
PIP = $(BIN)/python -m pip --disable-pip-version-check
PINS := pyproject.toml constraints.txt
PARAMS ?= params/demo.yaml
# say PYTHON=/path/to/python to choose the interpreter of the environment
PYTHON ?=
# say ARGS="-k fills" to hand pytest something more
ARGS ?=
PYTEST = $(BIN)/python -m pytest -ra --no-fold-skipped

.DEFAULT_GOAL := help
.PHONY: help env study test test-slow check format bench lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-15s %s\n", $$1, $$2 }'

env: $(VENV)/.core ## create .venv and install cryptolab with the pinned versions

study: $(VENV)/.core ## run the main study offline on the simulated market and print where the report is
	@CRYPTOLAB_HOME="$(CURDIR)" $(BIN)/cryptolab run study --params $(PARAMS)

test: $(VENV)/.dev ## run all tests but the slow ones; each skip is listed with what enables it
	@$(PYTEST) -m "not slow" $(ARGS)

test-slow: $(VENV)/.dev ## run the slow tests, Hypothesis with many more examples
	@$(PYTEST) -m slow --hypothesis-profile=slow $(ARGS)

check: $(VENV)/.dev ## lint, format, architecture, types, and no outputs in notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/nbstripout --keep-id --verify notebooks/*.ipynb

format: $(VENV)/.dev ## let ruff repair what it can, and strip the notebooks' outputs
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout --keep-id notebooks/*.ipynb

bench: $(VENV)/.dev ## measure cryptolab beside its peers
	@$(BIN)/python -m benchmarks $(ARGS)

# One version of each package for all three Pythons (fork-strategy), so that a number does not depend on the Python.
# Pins stay as they are unless pyproject.toml rules them out: `make lock UV_ARGS=--upgrade` takes the newest.
UV_COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(UV_ARGS)
lock: $(VENV)/.core ## write constraints.txt and requirements.lock from pyproject.toml
	@$(PIP) install --quiet "uv>=0.9"
	$(UV_COMPILE) --all-extras --output-file constraints.txt
	$(UV_COMPILE) --constraints constraints.txt --generate-hashes --output-file requirements.lock

clean: ## remove the environment and all caches; data, reports and logs stay
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are younger than the pins they were installed from: a changed pin reinstalls, else nothing runs.
$(VENV)/.core: $(PINS) | $(BIN)/pip
	@echo "Installing cryptolab and the pinned packages into $(VENV) (a few minutes, once)."
	@$(PIP) install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(PINS) | $(BIN)/pip
	@echo "Installing what the tests and checks need into $(VENV)."
	@$(PIP) install --quiet -c constraints.txt -e ".[dev]"
	@touch $(VENV)/.core $@

# pip comes last into an environment, so it stands for a whole one. Each candidate is really run: it may be a shim that
# fails, too old or new, or (Debian) come without what makes environments.
$(BIN)/pip:
	@for python in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3 python); do \
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
			>/dev/null 2>&1; then \
			echo "Creating $(VENV) with $$("$$python" -V)."; \
			exec "$$python" -m venv $(VENV); \
		fi; \
	done; \
	echo "$(if $(PYTHON),PYTHON=$(PYTHON) is not,There is no) Python 3.11, 3.12 or 3.13 with its venv module:" \
		"install one (Debian: apt-get install python3-venv) or name one: make PYTHON=/path/to/python3." >&2; \
	exit 1
