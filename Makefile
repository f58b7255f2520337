# `make` or `make help` lists the targets. VENV=/some/where keeps the environment between checkouts.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
VENV ?= .venv
BASE_PYTHON ?= python3
CACHE ?= $(HOME)/.cache/geolearn
BIN := $(VENV)/bin
# uv installs the lock ten times faster than pip.
UV := 0.13.9
STAMP := $(VENV)/.geolearn-$(firstword $(shell cat requirements/lock.txt setup.py | sha256sum | cut -c1-16))

.PHONY: help demo test test-slow lint types check env scatter lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: env ## set up, then run the main job on the built-in shapes and write a report
	$(BIN)/geolearn demo -o out/demo

test: env scatter ## set up, then run the test-suite
	$(BIN)/python -m pytest

test-slow: env scatter ## the long tests: full fuzz runs, whole archives, long trainings
	$(BIN)/python -m pytest -m slow

lint: env ## style checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: env ## static types
	$(BIN)/pyright --pythonpath $(BIN)/python

check: test lint types ## everything that has to pass before a change lands

env: $(STAMP) ## create the environment from the lock
	@# An environment kept between checkouts serves the one that called last.
	@[ "$$(cat $(VENV)/.checkout 2>/dev/null)" = "$(CURDIR)" ] || { \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	  echo "$(CURDIR)" > $(VENV)/.checkout; }

$(STAMP): requirements/lock.txt
	$(BASE_PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(f"the lock is for Python 3.11, this is {v[0]}.{v[1]}; set BASE_PYTHON=python3.11" if v != (3, 11) else 0)'
	rm -rf $(VENV)
	$(BASE_PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/lock.txt
	touch $(STAMP)

# torch-scatter has no wheel: compiled once (minutes) and kept per torch version. Without a compiler its tests skip.
scatter: env
	@$(BIN)/python -c 'import torch_scatter' 2>/dev/null || { \
	  wheels=$(CACHE)/wheels/torch-$$($(BIN)/python -c 'import torch; print(torch.__version__)'); mkdir -p $$wheels; \
	  ls $$wheels/torch_scatter-*.whl >/dev/null 2>&1 || { echo "compiling torch-scatter, once, some minutes"; \
	    $(BIN)/python -m pip wheel --quiet --no-cache-dir --no-deps --no-build-isolation -w $$wheels torch-scatter==2.1.2; }; \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $$wheels/torch_scatter-*.whl; } \
	|| echo "torch-scatter could not be built here (it needs a C++ compiler); its tests will skip"

lock: ## write requirements/lock.txt anew
	$(BIN)/uv pip compile --quiet --python-platform x86_64-manylinux_2_31 --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" --extra all --extra dev setup.py requirements/build.in -o requirements/lock.txt

clean: ## remove the environment and everything generated
	rm -rf .venv out build *.egg-info .pytest_cache .ruff_cache
