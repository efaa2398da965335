# Two commands for a fresh machine (Python >= 3.11, make and a package index): `make demo` and `make test`.
PYTHON ?= python3
UV := .uv/bin/uv
CSP := .venv/bin/csp
UV_VERSION := 0.13.9
export UV_PYTHON_DOWNLOADS := never
# Compiled once here, else by whoever starts first, or at every start where nobody may write beside the libraries.
export UV_COMPILE_BYTECODE := 1

.PHONY: help setup demo test test-all lint dev bench clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(UV):
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; found " + sys.version.split()[0] + ". Give another with: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make an environment: its venv module is incomplete. On Debian: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.ready: $(UV) pyproject.toml uv.lock
	$(UV) sync --locked --quiet --python $(PYTHON)
	touch $@

setup: .venv/.ready ## the environment, from the lock

demo: .venv/.ready ## the whole pipeline on a fictional département
	$(CSP) demo

test: .venv/.ready ## the everyday tests
	.venv/bin/python -m pytest -m "not lent" -n 2 --dist worksteal -q

test-all: .venv/.ready ## every test
	.venv/bin/python -m pytest -n 2 --dist worksteal -q

lint: .venv/.ready ## style, types, architecture
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

dev: .venv/.ready ## the Dagster interface
	$(CSP) dev

bench: .venv/.ready ## the measures of docs/benchmarks.md
	$(UV) sync --locked --quiet --group bench
	.venv/bin/python -m tests.benchmarks

clean: ## remove the environments (never the data)
	rm -rf .venv .uv .udata .mypy_cache .ruff_cache .pytest_cache
