# `make` or `make help` lists the targets. VENV=/some/where keeps the environment between checkouts.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
VENV ?= .venv
BASE_PYTHON ?= python3
JOBS ?= auto
CACHE ?= $(HOME)/.cache/geolearn
BIN := $(VENV)/bin
# uv installs the lock ten times faster than pip.
UV := 0.13.9
# Named after what is in the lock, whatever the dates of the files: a fresh clone takes a kept environment as it is.
STAMP := $(VENV)/.geolearn-$(firstword $(shell sha256sum requirements/lock.txt | cut -c1-16))
# What the checkout itself is installed from: this folder, and the entry points and version that setup.py gives.
CHECKOUT := $(CURDIR) $(firstword $(shell sha256sum setup.py | cut -c1-16))
# Another Python and the newest torch, with nothing but the core.
CORE_PYTHON ?= 3.13
CORE_VENV ?= $(CACHE)/venv-core

.PHONY: help demo docs test test-slow mutants test-scatter test-core test-wheel test-extras lint types check env scatter lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

demo: env ## set up, then run the main job on the built-in shapes and write a report
	$(BIN)/geolearn demo -o out/demo

# The pages are made from files all over the checkout, which stay where they are (docs/conf.py). A warning is an error.
docs: env ## build the pages into out/docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -j auto -c docs -d out/doctrees . out/docs
	@echo "written: out/docs/index.html"

# A process per core, each on one thread; tests of threads set their own number. JOBS=1 runs them one after the other.
test: env ## set up, then run the test-suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8 --dist worksteal

test-slow: env ## the long tests: full fuzz runs, whole archives, long trainings
	$(BIN)/python -m pytest -m slow

test-scatter: scatter ## compile torch-scatter (minutes, once), and compare our scatter with it
	$(BIN)/python -m pytest tests/ops/test_segments.py -k torch_scatter

test-wheel: env ## install the wheel into a clean environment, and run every command and import every name there
	PYTHONPATH= $(BIN)/python tests/packaging/try_wheel.py

# Only what the core needs is installed, in its newest versions; tests of anything else skip and say so.
test-core: env ## the tests of the core install, on Python 3.13 with the newest torch
	@for python in python$(CORE_PYTHON) $(HOME)/.pyenv/versions/$(CORE_PYTHON)*/bin/python; do \
	  "$$python" -c '' 2>/dev/null && break; done; \
	"$$python" -c '' 2>/dev/null || { echo "test-core: skipped, no Python $(CORE_PYTHON) here"; exit 0; }; \
	[ -x $(CORE_VENV)/bin/python ] || $(BIN)/uv venv --quiet --python "$$python" $(CORE_VENV); \
	$(BIN)/uv pip install --quiet --upgrade --python $(CORE_VENV)/bin/python -e . pytest hypothesis beartype; \
	$(CORE_VENV)/bin/python -c 'import platform, torch; print("Python", platform.python_version(), "torch", torch.__version__)'; \
	$(CORE_VENV)/bin/python -m pytest --core

test-extras: env ## whether [all] resolves on every Python and system that we support; asks the package index
	$(BIN)/python -m pytest tests/packaging/test_extras.py -m slow

mutants: env ## which small mistakes the tests let through: 300 of them, from a seed; hours
	$(BIN)/python benchmarks/mutants.py --write

lint: env ## style checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: env ## static types
	$(BIN)/pyright --pythonpath $(BIN)/python

check: test lint types ## everything that has to pass before a change lands

env: $(STAMP) ## create the environment from the lock
	@# An environment kept between checkouts serves the one that called last.
	@[ "$$(cat $(VENV)/.checkout 2>/dev/null)" = "$(CHECKOUT)" ] || { \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	  echo "$(CHECKOUT)" > $(VENV)/.checkout; }

$(STAMP):
	$(BASE_PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(f"the lock is for Python 3.11, this is {v[0]}.{v[1]}; set BASE_PYTHON=python3.11" if v != (3, 11) else 0)'
	rm -rf $(VENV)
	$(BASE_PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@# Compiled here, as pip does: else every first import compiles, or every import where no bytecode may be written.
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes --compile-bytecode -r requirements/lock.txt
	touch $(STAMP)

# torch-scatter has no wheel: compiled once (minutes) and kept per torch version. Without a compiler its test skips.
# Its setup.py turns ninja off, so its four parts are compiled side by side by setuptools, and without debugging symbols,
# which took a third of the time. A compiler needs 2 GB for each; MAX_JOBS makes it fewer.
scatter: env
	@$(BIN)/python -c 'import torch_scatter' 2>/dev/null || { \
	  wheels=$(CACHE)/wheels/torch-$$($(BIN)/python -c 'import torch; print(torch.__version__)'); mkdir -p $$wheels; \
	  ls $$wheels/torch_scatter-*.whl >/dev/null 2>&1 || { echo "compiling torch-scatter, once, some minutes"; \
	    options=$$(mktemp); printf '[build_ext]\nparallel = %s\n' $${MAX_JOBS:-$$(getconf _NPROCESSORS_ONLN)} > $$options; \
	    DIST_EXTRA_CONFIG=$$options CFLAGS="$${CFLAGS:-} -g0" FORCE_ONLY_CPU=1 $(BIN)/python -m pip wheel --quiet \
	      --no-cache-dir --no-deps --no-build-isolation -w $$wheels torch-scatter==2.1.2; rm -f $$options; }; \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps $$wheels/torch_scatter-*.whl; } \
	|| echo "torch-scatter could not be built here (it needs a C++ compiler); its test will skip"

lock: ## write requirements/lock.txt anew
	$(BIN)/uv pip compile --quiet --python-platform x86_64-manylinux_2_31 --python-version 3.11 --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" --extra all --extra cluster --extra docs --extra dev setup.py requirements/build.in -o requirements/lock.txt

clean: ## remove the environment and everything generated
	rm -rf .venv out build *.egg-info .pytest_cache .ruff_cache
