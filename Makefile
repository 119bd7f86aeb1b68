# `make demo` and `make test` are all that a fresh machine with Python 3.10 or newer needs.
# They set up .venv at the first call; later calls start at once.
#
#   make test ARGS="-k retry -x"      arguments for pytest (and for the other tools)
#   make test PYTHON=python3.12 VENV=.venv-3.12

VENV ?= .venv
PYTHON ?=
ARGS ?=
BIN := $(VENV)/bin
PY := $(BIN)/python
# Quiet, and without advice on pip's own version.
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PACKAGING := pyproject.toml constraints.txt bruno_llm/_version.py
# The ends of the range of litellm releases in pyproject.toml, and the newest release that exists.
LITELLM_RANGE := litellm==1.105.7 litellm<1.110 litellm
# What depends on litellm; the policies above it do not.
RANGE_TESTS ?= $(filter-out %/test_policies.py,$(wildcard tests/contract/test_*.py tests/test_litellm*.py \
    tests/test_wire_fuzz.py tests/test_wire_replies.py tests/test_cassettes.py tests/test_*routes.py))

# Without its compiled files Python would compile the package anew in each process of the tests, and
# the tests themselves in each run: ten seconds of CPU in `make test` alone.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-full smoke test-range lint format docs record bench bench-smoke bench-rivals growth build clean

help: ## show the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST) | awk -F': ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## a real model server answers through every interface; needs no key
	$(BIN)/bruno-llm demo $(ARGS)

# coverage's own tracing takes two thirds as long again as the tests (Python 3.11); slipcover's does
# not. coverage then reads what was counted, and judges.
test: $(VENV)/.dev ## the test suite, with coverage
	$(PY) -m slipcover --source bruno_llm --json --out .slipcover.json -m pytest $(ARGS)
	$(PY) -m tests.counted .slipcover.json
	$(PY) -m coverage report

test-all: test test-full ## the same, and then what tries at random, repeats and loads, at full size

# What `make test` does at full size already is not done again.
test-full: $(VENV)/.dev ## only what test-all adds
	BRUNO_LLM_TEST_SIZE=1 $(PY) -m pytest -m "sized or full" $(ARGS)

smoke: $(VENV)/.dev ## the quick part of the test suite, without coverage
	$(PY) -m pytest -q -m "not slow and not faults and not redis and not postgres" $(ARGS)

# The other release goes into a directory of its own, ahead of the environment on the import path.
# --no-deps: what it asks for may not be there yet (see constraints.txt).
test-range: $(VENV)/.dev ## both ends of the supported litellm range, and the newest release
	@export PYTHONPATH=$(abspath $(VENV)/range); tested=; \
	for release in $(foreach one,$(LITELLM_RANGE),'$(one)'); do \
	    rm -rf $(VENV)/range; \
	    $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/range "$$release" || exit 1; \
	    version=$$($(PY) -c 'from importlib.metadata import version; print(version("litellm"))') || exit 1; \
	    case " $$tested " in *" $$version "*) echo "$$release is litellm $$version, tested above"; continue;; esac; \
	    echo "$$release is litellm $$version"; \
	    $(PY) -m pytest -q $(RANGE_TESTS) $(ARGS) && \
	    BRUNO_LLM_TEST_SIZE=1 $(PY) -m pytest -q -m full tests/contract/test_route_table.py $(ARGS) || \
	        { echo "with litellm $$version" >&2; exit 1; }; \
	    tested="$$tested $$version"; \
	done

# The environment, and both ends of the range: what is installed is not what a user may have.
audit: $(VENV)/.audit ## known vulnerabilities of the dependencies
	$(VENV)/audit/bin/pip-audit --path $$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))') --skip-editable $(ARGS)
	@for release in $(foreach one,$(filter-out litellm,$(LITELLM_RANGE)),'$(one)'); do \
	    rm -rf $(VENV)/range && \
	    $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --target $(VENV)/range "$$release" && \
	    $(VENV)/audit/bin/pip-audit --path $(VENV)/range $(ARGS) || exit 1; \
	done

lint: $(VENV)/.dev ## formatting, style and types, as checked before a merge
	$(PY) -m black --check --quiet . || { $(PY) -m black --check . ; exit 1; }
	$(PY) -m ruff check .
	$(PY) -m mypy

format: $(VENV)/.dev ## put the code in shape
	$(PY) -m black --quiet .
	$(PY) -m ruff check --fix .

docs: $(VENV)/.docs ## the documentation, into site/
	$(PY) -m mkdocs build --strict $(ARGS)

record: $(VENV)/.dev ## record the cassettes anew (llama.cpp, aimock, and vendors whose key is set)
	$(PY) -m pytest --record-cassettes $(ARGS)

bench: $(VENV)/.dev ## one table of ours beside httpx, OpenAI's client, litellm and others
	$(PY) benchmarks/table.py $(ARGS)

bench-smoke: $(VENV)/.dev ## all of that briefly: counts are asserted, times never
	$(PY) benchmarks/table.py --brief --check $(ARGS)

bench-rivals: $(VENV)/.dev ## install those others, in environments of their own
	$(PY) benchmarks/rivals.py $(ARGS)

growth: $(VENV)/.dev ## how the time of streams, histories, queues and ledgers grows with them
	$(PY) benchmarks/growth.py $(ARGS)
	$(if $(ARGS),,$(PY) benchmarks/growth_state.py)

build: $(VENV)/.build ## the wheel and the source archive, into dist/
	rm -rf dist
	$(PY) -m build

clean: ## remove the environment and everything that was made
	rm -rf .venv .venv-* dist site .coverage* .slipcover.json .pytest_cache .mypy_cache .ruff_cache .hypothesis

# The newest Python that can make an environment; PYTHON= chooses another one. A name may exist and
# not run (a version manager's), and Debian's needs python3-venv, so each is tried.
$(PY):
	@for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3.10 python3); do \
	    $$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' 2>/dev/null || continue; \
	    rm -rf $(VENV); \
	    if $$python -m venv $(VENV) >/dev/null 2>&1; then \
	        echo "$(VENV): $$($(PY) --version)"; exit 0; \
	    fi; \
	done; \
	rm -rf $(VENV); \
	echo "No Python 3.10 to 3.14 that can make an environment was found (on Debian: apt-get install python3-venv)." >&2; \
	exit 1

$(VENV)/.demo: $(PACKAGING) | $(PY)
	$(PIP) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(PACKAGING) | $(PY)
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.docs: $(PACKAGING) | $(PY)
	$(PIP) --editable '.[docs]'
	@touch $@

# Its own environment: what it brings is not to be audited.
$(VENV)/.audit: $(VENV)/.dev
	$(PY) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	@touch $@

$(VENV)/.build: | $(PY)
	$(PIP) build
	@touch $@
