# The whole interface for a contributor. Needs Python 3.11 or later, with venv, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export ONCE

.DEFAULT_GOAL := help
.PHONY: help install clients demo serve test test-slow coverage lint types imports check bench bench-gpu conformance fix clean

help:                 ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

install: $(STAMP)     ## Everything into .venv; quick when nothing changed.

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "darkroom needs Python 3.11 or later; try: make PYTHON=python3.11")'
	@echo "Installing into .venv; this takes some minutes."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[diffusers,openvino,postgres,ray,s3,dev]'
	@touch $@

clients: install      ## The clients that the compat tests run, into build/clients; quick when nothing changed.
	@$(BIN)/python -m tests.compat.install

demo: install         ## Serve both documented requests with tiny weights. ONCE=1 ends by itself.
	@$(BIN)/python demo/demo.py

serve: install        ## Run the server on its default address.
	$(BIN)/darkroom serve

test: install clients ## Quick tests, some minutes: no accelerator; no network once the clients are installed.
	$(BIN)/python -m pytest -m "not slow and not gpu" -n logical --maxprocesses 4 --dist loadfile

test-slow: install    ## The tests that take their time.
	$(BIN)/python -m pytest -m "slow and not gpu"

coverage: install clients ## Which lines and branches the quick tests leave out.
	$(BIN)/coverage run -m pytest -m "not slow and not gpu"
	$(BIN)/coverage report --show-missing --skip-covered

lint: install         ## Style and formatting.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install        ## Static types, strict.
	$(BIN)/basedpyright

imports: install      ## Who may import whom.
	$(BIN)/lint-imports

check: lint types imports test  ## Everything CI runs, in CI's order.

bench: install        ## Measure; writes build/bench.json. ONLY=api, durability or engine runs one group.
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

bench-gpu: install    ## The engine's figures on a CUDA device, if there is one; writes build/bench-gpu.json.
	$(BIN)/python -m bench.engine.gpu

conformance: install  ## Write docs/conformance.md and docs/faults.md from the marks of the tests.
	$(BIN)/python -m tests.conformance
	$(BIN)/python -m tests.faults

fix: install          ## Rewrite whatever a tool can rewrite.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:                ## Remove what the targets above made, .venv included.
	rm -rf .venv build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find src tests bench demo -name __pycache__ -type d -prune -exec rm -rf {} +
