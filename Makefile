# Two commands do everything: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := layers/patchcord:.
ARGS ?=

.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/ready: requirements/dev.txt requirements/runtime.txt layers/patchcord/requirements.txt bin/patchcord
	@echo "making the environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	@ln -sf ../../bin/patchcord $(BIN)/patchcord
	@touch $@

run: $(VENV)/ready  ## the whole product on this machine, with a day of calls (ARGS=--once ends after the day)
	@$(BIN)/python -m sandbox $(ARGS)

cli: $(VENV)/ready  ## the patchcord command: ARGS="calls --stack patchcord-dev -p acme"; .venv/bin/patchcord is the same
	@$(BIN)/patchcord $(ARGS)

test: $(VENV)/ready  ## all tests
	@$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(VENV)/ready  ## ruff, mypy --strict, import-linter, cfn-lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/cfn-lint template.yaml

golden: $(VENV)/ready  ## golden rows: FILE=path LEVEL=decision|twin
	@$(BIN)/python -m tests.golden $(if $(FILE),--file $(FILE)) $(if $(LEVEL),--level $(LEVEL))

traffic: $(VENV)/ready  ## what is sent to the CRMs, gathered in build/traffic.jsonl for checking against their documentation
	@mkdir -p build && rm -f build/traffic.jsonl
	@PATCHCORD_TRAFFIC=$(CURDIR)/build/traffic.jsonl $(BIN)/python -m pytest -n auto tests/contract
	@PATCHCORD_RECORD=$(CURDIR)/build/traffic.jsonl $(BIN)/python -m tests.golden --level twin
	@sed -i -E '/^\{"vendor": "(mango|ringostat)"/d' build/traffic.jsonl # telephony has no machine-readable contract
	@echo "$$(wc -l < build/traffic.jsonl) exchanges in build/traffic.jsonl"

vendors: $(VENV)/ready  ## docs/vendors.md from the declarations and the contract suite's results
	@mkdir -p build
	@$(BIN)/python -m pytest -n auto tests/contract --junitxml=build/contract.xml
	@$(BIN)/python -m tests.contract.page build/contract.xml

simulate: $(VENV)/ready  ## random histories with everything that fails: N=10000 SEED=1, or SCRIPT=path of one history
	@$(BIN)/python -m tests.simulation --n $(or $(N),1000) --seed $(or $(SEED),1) $(if $(SCRIPT),--script $(SCRIPT))

openapi: $(VENV)/ready  ## docs/openapi.json from the routes of template.yaml and the handlers
	@mkdir -p build && $(BIN)/python -m sandbox.openapi > build/openapi.json && mv build/openapi.json docs/openapi.json

bench: $(VENV)/ready  ## start-up, speed, round trips, as ratios of one run
	@$(BIN)/python -m bench

load: $(VENV)/ready  ## a burst of a thousand events for one project, and what becomes of it, of callers and of another project
	@$(BIN)/python -m bench.load

mutate: $(VENV)/ready  ## deliberate faults, one at a time, and which check notices each (ARGS="claim" only those)
	@$(BIN)/python -m tests.mutation $(ARGS)

lock: $(VENV)/ready  ## layers/patchcord/requirements.lock: the hash of each file that the layer takes, after a change of its pins
	@$(MAKE) --no-print-directory -C layers/patchcord lock PYTHON=$(CURDIR)/$(BIN)/python

.venv-sam/ready: requirements/build.txt
	@echo "making the environment for SAM in .venv-sam …"
	@$(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/pip install --quiet --disable-pip-version-check -r requirements/build.txt
	@touch $@

build validate: SAM := env -u PYTHONPATH SAM_CLI_TELEMETRY=0 PYTHON=$(CURDIR)/.venv-sam/bin/python .venv-sam/bin/sam

build: .venv-sam/ready  ## the artefacts for AWS, in .aws-sam/build (no account, no Docker)
	@$(SAM) build $(ARGS)
	@echo "built: .aws-sam/build/template.yaml, layer in .aws-sam/build/PatchcordLayer; docs/aws.md says how to deploy"

validate: .venv-sam/ready  ## sam validate --lint
	@$(SAM) validate --lint

.PHONY: help run cli test lint golden traffic vendors openapi simulate mutate bench load lock build validate
