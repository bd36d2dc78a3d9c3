# HYDRA's everyday commands. Each installs what is missing first (setup/packages.txt).
#   make demo    compile a model, train it on a real book, write text with it
#   make test    build and run every test
# PRESET selects the build (CMakePresets.json), JOBS the parallel compiles, TEST_JOBS the tests.
PRESET ?= release
JOBS ?= $(shell nproc)
TEST_JOBS ?= 2

.PHONY: help setup build build-all install demo test fuzz bench format lint check-all docs build-report clean

help:
	@sed -n 's/^#  *make/make/p' Makefile
	@echo "also: setup build build-all install fuzz bench format lint check-all docs build-report clean"

setup:
	@./setup/setup.sh

# The programs and libhydra; build-all adds the tests.
build: setup
	@./scripts/build $(PRESET) --parallel $(JOBS) --target programs

build-all: setup
	@./scripts/build $(PRESET) --parallel $(JOBS)

# To PREFIX, and below DESTDIR if that is set.
PREFIX ?= /usr/local
install: build
	@cmake --install build$(if $(filter-out release,$(PRESET)),-$(PRESET)) --prefix $(PREFIX)

demo: build
	@if [ -x scripts/demo.sh ]; then ./scripts/demo.sh; \
	else echo "demo: scripts/demo.sh is missing from this checkout" >&2; exit 1; fi

# Tests that need a GPU run where there is one.
test: build-all
	@./scripts/test $(PRESET) --jobs $(TEST_JOBS)

# Seconds of each format: FUZZ_SECONDS (60). Formats: scripts/fuzz.
fuzz: setup
	@./scripts/fuzz

bench: setup
	@./scripts/bench

format:
	@./scripts/lint --format-only --fix

lint: build-all
	@./scripts/lint

check-all:
	@./.ci/run --all

docs: setup
	@./scripts/build $(PRESET) --parallel $(JOBS) --target docs

build-report: setup
	@./scripts/build-report

clean:
	rm -rf build build-debug build-asan-ubsan build-tsan build-runtime-only build-report build-bench build-fuzz
