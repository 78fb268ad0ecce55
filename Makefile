# One way in. Needs Python >= 3.11 and make; everything else is installed into .venv from uv.lock.

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export REVOPS_HOME ?= $(CURDIR)/.revops
export DAGSTER_HOME ?= $(REVOPS_HOME)/dagster
export DAGSTER_DISABLE_TELEMETRY := 1
export UV_PROJECT_ENVIRONMENT := $(VENV)
# Trust what the machine trusts: company networks have certificates of their own. The second name is
# the one that older versions of uv know.
export UV_SYSTEM_CERTS ?= 1
export UV_NATIVE_TLS ?= 1
export PYTHONDONTWRITEBYTECODE ?=

.DEFAULT_GOAL := help
.PHONY: help demo ui test thorough check stacks identities chaos bench clean

help: ## Say what there is to run.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null 2>&1 || test -x $(BIN)/uv || \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@PATH="$$PATH:$(BIN)" uv sync --frozen --inexact --quiet $(GROUPS)
	@touch $@

demo: $(READY) ## Run the nightly job on the sandbox company and show the scorecard and alerts.
	@$(BIN)/revops demo

ui: $(READY) ## Sandbox, Dagster webserver and daemon on 127.0.0.1, until Ctrl-C.
	@$(BIN)/revops ui

test: $(READY) ## The tests.
	@$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder tests

thorough: $(READY) ## The tests on every simulated and random company that they name.
	@REVOPS_THOROUGH=1 $(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder tests

check: $(READY) ## Linters and types.
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

stacks: $(READY) ## Every combination of systems on two seeds; a quarter of an hour.
	@REVOPS_ALL_STACKS=1 REVOPS_THOROUGH=1 $(BIN)/python -m pytest -n 2 tests/end_to_end/test_stacks.py

identities: $(READY) ## The identities on three companies of ten times the usual size; an hour or more.
	@REVOPS_SCALE=$${REVOPS_SCALE:-10} REVOPS_THOROUGH=1 \
	    $(BIN)/python -m pytest -v tests/end_to_end/test_large_companies.py

chaos: $(READY) ## 10,000 alerts, faulty receivers, 200 kills; storms; a living installation; an hour and a half.
	@$(BIN)/python -m chaos

bench: GROUPS := --group bench
bench: $(READY) ## Benchmarks: ratios against the limit and against peers, in one run.
	@PATH="$$PATH:$(BIN)" uv sync --frozen --inexact --quiet --group bench
	@$(BIN)/python -m bench

clean: ## Remove the state and the environment of this clone.
	rm -rf .revops .venv
