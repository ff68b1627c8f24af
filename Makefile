# Every task of the platform. Variables are given behind the target: make promote USE_CASE=iris
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.SILENT:
MAKEFLAGS += --no-print-directory
.PHONY: help setup setup-servers check test up down status logs clean run-pipeline \
	compile-pipeline promote rollback releases bench demo

CONFIG ?= config/embedded.env
PLATFORM_HOME ?= $(CURDIR)/.platform
CALLED_FROM ?= $(CURDIR)
AZURITE_VERSION := 3.35.0

export PLATFORM_HOME
export PLATFORM_ROOT := $(CURDIR)
export PLATFORM_CONFIG := $(if $(filter /%,$(CONFIG)),$(CONFIG),$(CURDIR)/$(CONFIG))
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# What recipes take from the command line reaches the shell as GIVEN_…, so that any quoting
# holds; a variable of the same name in the environment (COLUMNS is a terminal's width) is not
# meant.
given = $(if $(findstring command,$(origin $(1))),$($(1)))
export GIVEN_CALLED_FROM := $(CALLED_FROM)
export GIVEN_USE_CASE := $(call given,USE_CASE)
export GIVEN_DATA := $(call given,DATA)
export GIVEN_COLUMNS := $(call given,COLUMNS)
export GIVEN_ROWS := $(call given,ROWS)
export GIVEN_TRIALS := $(call given,TRIALS)
export GIVEN_RELEASE := $(call given,RELEASE)
export GIVEN_ENVIRONMENT := $(call given,ENVIRONMENT)
export GIVEN_OUTPUT := $(call given,OUTPUT)
export GIVEN_PROGRAM := $(call given,PROGRAM)
export GIVEN_FOLLOW := $(call given,FOLLOW)
unexport COLUMNS DATA ROWS RELEASE ENVIRONMENT OUTPUT PROGRAM FOLLOW ARGS

WITH_CONFIG = .venv/bin/dotenv -f "$$PLATFORM_CONFIG" run --no-override --
EMBEDDED = $(WITH_CONFIG) python -m embedded
STAMP := .venv/.setup-stamp
PROJECTS := $(wildcard pyproject.toml */pyproject.toml */*/pyproject.toml)

help: ## List the targets
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Install everything into .venv (nothing but Python is needed)

$(STAMP): uv.lock $(PROJECTS) scripts/setup.sh
	scripts/setup.sh

setup-servers: ## Install what the tests of the Azure and Redis adapters talk to
	if [ ! -x .tools/node_modules/.bin/azurite-blob ]; then \
		command -v npm >/dev/null || { echo "npm is needed for Azurite; Debian: apt-get install npm" >&2; exit 1; }; \
		npm install --loglevel=error --no-fund --no-audit --prefix .tools azurite@$(AZURITE_VERSION); \
	fi
	command -v redis-server >/dev/null || echo "redis-server is not on PATH; Debian: apt-get install redis-server"

check: setup ## Format, lint, layers, the two configurations
	ruff format --check --quiet . || { echo "ruff format . would change files" >&2; exit 1; }
	ruff check --quiet .
	lint-imports | tail -n 3
	python -m pytest -q -m 'not slow' tests

test: setup ## Run all tests: ARGS="-k ledger"
	python -m pytest $(ARGS)

up: setup ## Start the stack and wait until it is ready
	$(EMBEDDED) up

down: setup ## Stop the stack
	$(EMBEDDED) down

status: setup ## Show what runs, where, and how much memory it takes
	$(EMBEDDED) status

logs: setup ## Show the logs: PROGRAM=gateway FOLLOW=1
	$(EMBEDDED) logs $${GIVEN_PROGRAM:+"$$GIVEN_PROGRAM"} $${GIVEN_FOLLOW:+--follow}

clean: setup ## Delete the state of the stack (models, data, logs); the tools stay
	$(EMBEDDED) clean

run-pipeline: up ## Train and stage: USE_CASE=spam DATA=path-or-url COLUMNS="body=text" ROWS= TRIALS=4
	data="$$GIVEN_DATA"; \
	case "$$data" in ""|/*|*://*) ;; *) data="$$GIVEN_CALLED_FROM/$$data";; esac; \
	$(WITH_CONFIG) python -m training run \
		$${GIVEN_USE_CASE:+--use-case "$$GIVEN_USE_CASE"} $${data:+--data "$$data"} \
		$${GIVEN_COLUMNS:+--columns "$$GIVEN_COLUMNS"} $${GIVEN_ROWS:+--rows "$$GIVEN_ROWS"} \
		$${GIVEN_TRIALS:+--trials "$$GIVEN_TRIALS"}

compile-pipeline: setup ## Write the pipeline for a Kubeflow server: OUTPUT=dist/pipeline.yaml
	output="$${GIVEN_OUTPUT:-dist/pipeline.yaml}"; \
	case "$$output" in /*) ;; *) output="$$GIVEN_CALLED_FROM/$$output";; esac; \
	mkdir -p "$$(dirname "$$output")"; \
	$(WITH_CONFIG) python -m training compile --output "$$output"

promote: setup ## Staging to production: USE_CASE=spam RELEASE=<id, default: what staging serves>
	$(WITH_CONFIG) python -m releases promote $${GIVEN_USE_CASE:+--use-case "$$GIVEN_USE_CASE"} \
		$${GIVEN_RELEASE:+--release "$$GIVEN_RELEASE"}

rollback: setup ## Serve what was served before: USE_CASE=spam ENVIRONMENT=production
	$(WITH_CONFIG) python -m releases rollback $${GIVEN_USE_CASE:+--use-case "$$GIVEN_USE_CASE"} \
		$${GIVEN_ENVIRONMENT:+--environment "$$GIVEN_ENVIRONMENT"}

releases: setup ## List the releases and what serves where: USE_CASE=
	$(WITH_CONFIG) python -m releases list $${GIVEN_USE_CASE:+--use-case "$$GIVEN_USE_CASE"}

bench: setup ## Measure pipeline, skew, batch and gateway: ARGS="--quick batch skew"
	$(WITH_CONFIG) python benchmarks/run.py $(ARGS)

demo: setup ## Show it all on the running stack, drift included: USE_CASE=spam
	scripts/demo.sh
