# Every command of the project by a short name: `make help` lists them.
# The Python to build with can be chosen: make PYTHON=python3.12 demo

PYTHON ?= python3
ENVIRONMENT := .venv
BIN := $(ENVIRONMENT)/bin
PACKAGES := $(ENVIRONMENT)/.packages
INSTALLED := $(ENVIRONMENT)/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help environment demo dev notebook test soak lint screenshots lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

environment: $(INSTALLED) ## make the virtual environment in .venv

demo: $(INSTALLED) ## train and evaluate models on simulated trips, without the network
	$(BIN)/duration-prediction demo

dev: $(INSTALLED) ## start Dagster and MLflow with their web pages
	$(BIN)/duration-prediction dev

# Jupyter is not among the locked packages: what is locked stays as it is beside it.
notebook: $(INSTALLED) ## open the notebook on the months of DURATION_HOME (installs Jupyter)
	@test -x $(BIN)/jupyter-lab || \
		$(BIN)/python -m pip install --quiet --no-build-isolation -e '.[notebook]'
	$(BIN)/jupyter-lab notebooks/duration-prediction.ipynb

test: $(INSTALLED) ## run all tests
	$(BIN)/python -m pytest

# Three years of published months, processes that are killed: takes hours.
# DURATION_TEST_SOAK_ROWS=50000 trains on samples, which takes a quarter of the time.
soak: $(INSTALLED) ## run the long tests (DURATION_TEST_SOAK_FOLDER keeps their homes)
	$(BIN)/python -m pytest -m soak

lint: $(INSTALLED) ## check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

screenshots: $(INSTALLED) ## make the pictures in docs/images again (needs Chromium)
	DURATION_TEST_SCREENSHOTS=docs/images $(BIN)/python -m pytest duration_assets_tests/web

# Versions stay as they are while they fit pyproject.toml; UPGRADE=--upgrade takes the newest.
lock: ## pin every package in requirements.txt, with hashes (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: see its documentation." >&2; exit 1; }
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--no-strip-extras --generate-hashes --no-annotate --custom-compile-command "make lock" \
		--output-file requirements.txt --quiet $(UPGRADE)

clean: ## remove the environment, builds and caches; homes with data stay
	rm -rf $(ENVIRONMENT) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A changed requirements.txt makes a new environment, so that nothing old is left in it.
$(PACKAGES): requirements.txt
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name one:" \
			"make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
			"Name another one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(ENVIRONMENT)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	@touch $@

# Built with the setuptools that requirements.txt has just installed: nothing unpinned comes in.
$(INSTALLED): $(PACKAGES) pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@
