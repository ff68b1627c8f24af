# The tasks of the platform, thin aliases of `mlplatform`. Variables follow the target: make promote USE_CASE=iris
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.SILENT:
MAKEFLAGS += --no-print-directory
.PHONY: help setup setup-servers lint check test up down status logs clean run-pipeline \
	data-report new-use-case recurring-pipeline compile-pipeline promote rollback releases bench bench-quality demo \
	validate setup-checkers docs docs-serve references deploy-all build-images push-images contract canary shadow abort faults fuzz fuzz-inputs \
	screenshots

CONFIG ?= config/embedded.env
PLATFORM_HOME ?= $(CURDIR)/.platform
CALLED_FROM ?= $(CURDIR)
AZURITE_VERSION := 3.35.0
AXE_VERSION := 4.14.1
CHECKERS := checkov==3.3.30 kubernetes-validate==1.37.0 zizmor==1.32.0

export PLATFORM_HOME
export PLATFORM_ROOT := $(CURDIR)
export PLATFORM_CONFIG := $(if $(filter /%,$(CONFIG)),$(CONFIG),$(CURDIR)/$(CONFIG))
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Every step is its own process; without cached bytecode each would compile its imports again.
unexport PYTHONDONTWRITEBYTECODE
export NO_MKDOCS_2_WARNING := 1

# Variables of the command line reach the shell as GIVEN_…, so that any quoting works. A variable of
# the same name in the environment (COLUMNS is the width of a terminal) is ignored.
given = $(if $(findstring command,$(origin $(1))),$($(1)))
export GIVEN_CALLED_FROM := $(CALLED_FROM)
export GIVEN_USE_CASE := $(call given,USE_CASE)
export GIVEN_DATA := $(call given,DATA)
export GIVEN_NAME := $(call given,NAME)
export GIVEN_LABEL := $(call given,LABEL)
export GIVEN_ID := $(call given,ID)
export GIVEN_TIME := $(call given,TIME)
export GIVEN_TASK := $(call given,TASK)
export GIVEN_COLUMNS := $(call given,COLUMNS)
export GIVEN_BASE := $(call given,BASE)
export GIVEN_ROWS := $(call given,ROWS)
export GIVEN_SEED := $(call given,SEED)
export GIVEN_WEIGHTS := $(call given,WEIGHTS)
export GIVEN_TRIALS := $(call given,TRIALS)
export GIVEN_BUDGET_MINUTES := $(call given,BUDGET_MINUTES)
export GIVEN_RELEASE := $(call given,RELEASE)
export GIVEN_ENVIRONMENT := $(call given,ENVIRONMENT)
export GIVEN_INSTALLATION := $(call given,INSTALLATION)
export GIVEN_CONTEXT := $(call given,CONTEXT)
export GIVEN_OUTPUT := $(call given,OUTPUT)
export GIVEN_PROGRAM := $(call given,PROGRAM)
export GIVEN_CRON := $(call given,CRON)
export GIVEN_IMAGE_TAG := $(call given,IMAGE_TAG)
export GIVEN_IMAGE_REGISTRY := $(call given,IMAGE_REGISTRY)
export GIVEN_USE_CASE_PACKAGES := $(call given,USE_CASE_PACKAGES)
export GIVEN_PERCENT := $(call given,PERCENT)
export GIVEN_BASE_URL := $(call given,BASE_URL)
export GIVEN_FOLLOW := $(call given,FOLLOW)
unexport BASE COLUMNS DATA ROWS RELEASE ENVIRONMENT INSTALLATION OUTPUT PROGRAM FOLLOW ARGS NAME LABEL ID TIME TASK

SOURCE_PARAMETERS := USE_CASE DATA COLUMNS BASE ROWS SEED
RUN_PARAMETERS := $(SOURCE_PARAMETERS) WEIGHTS TRIALS BUDGET_MINUTES
# `$(call options,USE_CASE RELEASE)` passes the variables that were given: --use-case … --release …
option = $${GIVEN_$(1):+--$(subst _,-,$(shell echo $(1) | tr A-Z a-z)) "$$GIVEN_$(1)"}
options = $(foreach name,$(1),$(call option,$(name)))
STAMP := .venv/.setup-stamp
PROJECTS := $(wildcard pyproject.toml */pyproject.toml */*/pyproject.toml)

help: ## List the targets
	awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## Install everything into .venv (only Python is needed)

$(STAMP): uv.lock $(PROJECTS) scripts/setup.sh
	scripts/setup.sh

setup-servers: ## Install the servers that the adapter tests use
	if [ ! -x .tools/node_modules/.bin/azurite-blob ]; then \
		command -v npm >/dev/null || { echo "npm is needed for Azurite; Debian: apt-get install npm" >&2; exit 1; }; \
		npm install --loglevel=error --no-fund --no-audit --prefix .tools azurite@$(AZURITE_VERSION); \
	fi
	if [ ! -f .tools/axe/node_modules/axe-core/axe.min.js ]; then \
		command -v npm >/dev/null || { echo "npm is needed for axe; Debian: apt-get install npm" >&2; exit 1; }; \
		npm install --loglevel=error --no-fund --no-audit --prefix .tools/axe axe-core@$(AXE_VERSION); \
	fi
	command -v chromium >/dev/null || echo "chromium is not on PATH; Debian: apt-get install chromium"
	command -v redis-server >/dev/null || echo "redis-server is not on PATH; Debian: apt-get install redis-server"
	command -v prometheus >/dev/null || echo "prometheus is not on PATH; Debian: apt-get install prometheus"

setup-checkers: setup ## Install the tools of `make validate` that Python provides: checkov, schemas, helm
	python -m venv .tools/checkers
	.tools/checkers/bin/python -m pip install --quiet --disable-pip-version-check $(CHECKERS)
	PATH="$(CURDIR)/.tools/checkers/bin:$$PATH" scripts/get-helm.sh .tools/checkers/bin

validate: setup ## Render and check what is deployed: manifests, alerts, Terraform, charts
	PATH="$$PATH:$(CURDIR)/.tools/checkers/bin" python scripts/validate.py

docs: setup ## Build the documentation site into dist/site; a warning or a dead link fails
	mkdocs build --strict --quiet
	echo "the site is in dist/site/index.html"

docs-serve: setup ## Show the documentation site on http://127.0.0.1:8001 and rebuild it on changes
	mkdocs serve --dev-addr 127.0.0.1:8001

references: setup ## Write the generated pages of docs/reference: commands, settings, HTTP API, metrics, errors, storage, inputs
	python scripts/references.py

# ENVIRONMENT is the deprecated name of INSTALLATION.
deploy-all: setup ## Apply the manifests to a cluster: IMAGE_TAG=1.4.0 INSTALLATION=dev CONTEXT=<of kubectl, default: the current one>
	python scripts/deploy.py "$${GIVEN_INSTALLATION:-$${GIVEN_ENVIRONMENT:-dev}}" --image-tag "$$GIVEN_IMAGE_TAG" --context "$$GIVEN_CONTEXT"

build-images: ## Build the images: IMAGE_TAG=1.4.0 IMAGES="api-gateway ray" USE_CASE_PACKAGES= BUILD_ARGS=
	IMAGE_TAG="$$GIVEN_IMAGE_TAG" IMAGE_REGISTRY="$$GIVEN_IMAGE_REGISTRY" \
		USE_CASE_PACKAGES="$$GIVEN_USE_CASE_PACKAGES" scripts/build-images $(IMAGES)

push-images: ## Push them, digests to dist/images.json: IMAGE_TAG=1.4.0 IMAGE_REGISTRY=example.azurecr.io
	IMAGE_TAG="$$GIVEN_IMAGE_TAG" IMAGE_REGISTRY="$$GIVEN_IMAGE_REGISTRY" scripts/push-images $(IMAGES)

contract: setup ## Test a gateway against its HTTP contract: BASE_URL=http://127.0.0.1:8000
	BASE_URL="$${GIVEN_BASE_URL:?say which gateway: BASE_URL=http://127.0.0.1:8000}" \
		python -m pytest -q tests/contract

lint: setup ## Format, lint, layers, types
	ruff format --check --quiet . || { echo "ruff format . would change files" >&2; exit 1; }
	ruff check --quiet .
	lint-imports | tail -n 3
	mypy

check: lint ## `make lint` and the tests of the workspace: configurations, manifests, images, documents
	python -m pytest -q -m 'not slow' tests

test: setup ## Run the tests: ARGS="-k ledger", sequentially: ARGS="-n 0", with branch coverage: ARGS=--cov
	python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

up: setup ## Start the stack and wait until it is ready
	mlplatform up

down: setup ## Stop the stack
	mlplatform down

status: setup ## Show what runs, where, and how much memory it takes
	mlplatform status

logs: setup ## Show the logs: PROGRAM=gateway FOLLOW=1
	mlplatform logs $${GIVEN_PROGRAM:+"$$GIVEN_PROGRAM"} $${GIVEN_FOLLOW:+--follow}

clean: setup ## Delete the state of the stack (models, data, logs); the tools stay
	mlplatform clean

run-pipeline: $(if $(KFP_ENDPOINT),setup,up) ## Train and stage (KFP_ENDPOINT=: on that server): USE_CASE=spam DATA="path-or-url …" COLUMNS="body=text" BASE=latest WEIGHTS= ROWS= TRIALS=8 BUDGET_MINUTES=
	cd "$$GIVEN_CALLED_FROM" && mlplatform run-pipeline $(call options,$(RUN_PARAMETERS))

recurring-pipeline: setup ## Run the pipeline regularly on KFP_ENDPOINT: CRON="0 0 3 * * 1" USE_CASE=spam and so on
	cd "$$GIVEN_CALLED_FROM" && mlplatform recurring-pipeline $(call options,CRON $(RUN_PARAMETERS))

data-report: up ## Create a dataset version and show what is in it: USE_CASE=spam DATA= COLUMNS= BASE= ROWS=
	cd "$$GIVEN_CALLED_FROM" && mlplatform data-report $(call options,$(SOURCE_PARAMETERS))

new-use-case: setup ## Write the package of a use case for your data: NAME=churn DATA=path-or-url LABEL=column ID= TIME= TASK= OUTPUT=
	cd "$$GIVEN_CALLED_FROM" && mlplatform new-use-case $(call options,DATA LABEL ID TIME TASK OUTPUT) "$${GIVEN_NAME:?give it a name: NAME=churn}"

compile-pipeline: setup ## Write the pipeline for a Kubeflow server: OUTPUT=dist/pipeline.yaml
	cd "$$GIVEN_CALLED_FROM" && mlplatform compile-pipeline $(call options,OUTPUT)

promote: setup ## Promote the canary, or else the release in staging: USE_CASE=spam RELEASE= ENVIRONMENT=production
	mlplatform promote $(call options,USE_CASE RELEASE ENVIRONMENT)

canary: setup ## Start a canary, or change its percentage: PERCENT=10 USE_CASE=spam RELEASE= ENVIRONMENT=
	mlplatform canary $(call options,PERCENT USE_CASE RELEASE ENVIRONMENT)

shadow: setup ## Send a release copies of the requests: PERCENT=100 USE_CASE=spam RELEASE= ENVIRONMENT=
	mlplatform shadow $(call options,PERCENT USE_CASE RELEASE ENVIRONMENT)

abort: setup ## End canary and shadow: USE_CASE=spam RELEASE= ENVIRONMENT=
	mlplatform abort $(call options,USE_CASE RELEASE ENVIRONMENT)

rollback: setup ## Roll back to the previous stable release: USE_CASE=spam ENVIRONMENT=production
	mlplatform rollback $(call options,USE_CASE ENVIRONMENT)

releases: setup ## List releases and what each environment serves: USE_CASE=
	mlplatform release list $(call options,USE_CASE)

bench: setup ## Run the benchmarks (pipeline, skew, batch, serving, …), with other tools for comparison: ARGS="--quick batch skew"
	mlplatform bench $(ARGS)

bench-quality: setup ## Measure the spam models on real mail, compared with a plain baseline (SHARED_DATA): ARGS=--quick
	RAY_AUTH_MODE=disabled mlplatform bench quality $(ARGS) # a Ray of its own

faults: setup ## Break the servers under load and check that nothing is lost: ARGS="--quick kill-gateway"
	mlplatform faults $(ARGS)

fuzz-inputs: setup ## Read 10,000 mutated files of each format: nothing crashes, hangs or is lost
	python -m pytest -q -n 0 --timeout 0 --hypothesis-profile fuzz -k no_bytes_break_a_reader data-pipeline/tests/test_data_inputs.py

fuzz: setup ## Send the gateway thousands of requests generated from its OpenAPI document
	mlplatform faults openapi-fuzz

screenshots: setup ## Take the pictures of the console in docs/images from the running stack
	python scripts/screenshots.py $(ARGS)

demo: setup ## Run the demo on the running stack: USE_CASE=spam
	scripts/demo.sh
