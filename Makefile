# Sliceway: build, demo, tests. `make help` lists what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := target/debug
CACHE := $(or $(SLICEWAY_CACHE),$(HOME)/.cache/sliceway)
HELM_VERSION := v4.3.1
DENY_VERSION := 0.20.2
DENY := $(CACHE)/bin/cargo-deny-$(DENY_VERSION)/bin/cargo-deny
SCHEMATHESIS_VERSION := 4.32.5
SCHEMATHESIS := $(CACHE)/bin/schemathesis-$(SCHEMATHESIS_VERSION)/bin/schemathesis
TOSCA_VERSION := 2.15.0
TOSCA := $(CACHE)/bin/tosca-parser-$(TOSCA_VERSION)/bin/tosca-parser
FUZZ_VERSION := 0.13.2
FUZZ := $(CACHE)/bin/cargo-fuzz-$(FUZZ_VERSION)/bin/cargo-fuzz
PACKAGES := runc iptables nftables conntrack busybox mosquitto mosquitto-clients docker-registry iproute2 util-linux gcc g++ ca-certificates openssl python3-venv libyang2-tools
SUITES := tidy lint deny unit store helm packages engine api lab ports e2e

export CARGO_TERM_COLOR := never

.PHONY: help setup build worker demo demo-down bench fuzz stored-format torture torture-real soak power test test-openapi $(SUITES:%=test-%)

help: ## Lists the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo "test suites:  $(SUITES)   (make test-SUITE runs one)"

setup: ## Says what is missing on this machine and installs the Debian packages
	@for tool in cargo go; do command -v $$tool >/dev/null || { echo "error: $$tool is missing; install Rust 1.95 and Go 1.26 first"; exit 1; }; done
	@missing=""; for p in $(PACKAGES); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  echo "installing Debian packages:$$missing"; \
	  as=""; [ "$$(id -u)" = 0 ] || as=sudo; \
	  $$as apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

build: setup worker ## Builds sliceway, sliceway-lab and the chart worker
	cargo build --quiet -p orchestrator -p labs --bins

worker:
	@mkdir -p $(BIN)
	cd adapters/helm-worker && CGO_ENABLED=0 go build -trimpath \
	  -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$(HELM_VERSION)" -o ../../$(BIN)/sliceway-helm-worker .

demo: build ## Two real clusters, one slice, one device: from nothing to readings in the cloud
	$(BIN)/sliceway-lab up
	$(BIN)/sliceway-lab demo

demo-down: ## Ends the demo and the lab; only the cache stays
	$(BIN)/sliceway-lab demo --stop
	$(BIN)/sliceway-lab down

# A lab of its own for what needs pods that run. FIGURES="P4 P9" measures only those.
bench: export SLICEWAY_LAB_NAME := bench
bench: build ## The figures beside their peers and limits, measured in one run
	cargo build --quiet --release -p orchestrator --bins
	cp $(BIN)/sliceway-helm-worker target/release/
	$(BIN)/sliceway-lab up
	cargo bench --quiet -p tests --bench figures -- $(FIGURES); code=$$?; $(BIN)/sliceway-lab down; exit $$code

torture: ## Processes killed at random instants in their operations: KILLS=1000 SEED=n
	SLICEWAY_TORTURE_KILLS=$(or $(KILLS),1000) $(if $(SEED),SLICEWAY_TORTURE_SEED=$(SEED)) \
	  cargo test --quiet -p orchestrator --test engine -- --exact torture::operations_survive_death_at_random_instants --nocapture

# On the lab's clusters: sliceway-lab up first.
torture-real: build ## The server killed at random instants in its operations on real clusters: KILLS=100 SEED=n
	SLICEWAY_TORTURE_KILLS=$(or $(KILLS),100) $(if $(SEED),SLICEWAY_TORTURE_SEED=$(SEED)) \
	  cargo test --quiet -p orchestrator --test real -- killed --nocapture

soak: ## A simulated day of OPERATIONS=100000: what lives in memory and what is stored, hour by hour
	SLICEWAY_SOAK_OPERATIONS=$(or $(OPERATIONS),100000) cargo test --quiet -p orchestrator --test soak -- --nocapture

power: ## Power cuts at every point of what a store writes, in every combination of what was not flushed
	SLICEWAY_TEST_POWER=all cargo test --quiet -p orchestrator --test power -- --nocapture

# Before the first change of a stored form: what the code as it is leaves when it is killed. It needs NAME=format-2.
stored-format: worker ## A data folder of today's stored format, with operations open, for the tests of upgrades
	SLICEWAY_TEST_STORED=$(CURDIR)/orchestrator/tests/stored/$(NAME) cargo test --quiet -p orchestrator --test api -- \
	  --ignored --exact leaving::child_that_makes_a_stored_format

test: setup ## Every check and test, the real clusters included
	@SUITES="$(SUITES)" ./.ci/suites

test-tidy: ## The shape of the code
	cargo test --quiet -p tests

test-lint:
	cargo fmt --all --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings

test-deny: $(DENY)
	$(DENY) --offline --all-features check licenses bans sources

$(DENY):
	cargo install --quiet --locked --root $(CACHE)/bin/cargo-deny-$(DENY_VERSION) --version $(DENY_VERSION) cargo-deny

test-unit:
	cargo test --quiet -p models -p sol005 -p topology -p agent
	cargo test --quiet -p adapters --lib
	cargo test --quiet -p orchestrator --lib --bins
	cargo test --quiet -p labs --lib --bins

test-store:
	cargo test --quiet -p orchestrator --test store --test store_faults --test store_sealed --test power

test-helm: worker
	cd adapters/helm-worker && CGO_ENABLED=0 go vet . && CGO_ENABLED=0 go test -count=1 .
	cargo test --quiet -p adapters --test helm --test dependencies

# SLICEWAY_SCHEMAS=DIR: the standard's YANG modules are in DIR/yang/sol006; otherwise in ../shared beside this folder.
test-packages: export SLICEWAY_TOSCA_PARSER := $(TOSCA)
test-packages: worker $(TOSCA)
	cargo test --quiet -p orchestrator --test packages

test-engine:
	cargo test --quiet -p orchestrator --test engine --test assurance --test soak

test-api: export SLICEWAY_SCHEMATHESIS := $(SCHEMATHESIS)
test-api: worker $(SCHEMATHESIS)
	cargo build --quiet -p orchestrator --bins
	cargo test --quiet -p orchestrator --test api

# The published document against a server, as long as one likes: requests per endpoint.
test-openapi: export SLICEWAY_SCHEMATHESIS := $(SCHEMATHESIS)
test-openapi: export EXAMPLES ?= 100
test-openapi: worker $(SCHEMATHESIS) ## Requests made up from the OpenAPI document; EXAMPLES=n per endpoint
	cargo test --quiet -p orchestrator --test api published:: -- --nocapture

$(TOSCA):
	python3 -m venv $(CACHE)/bin/tosca-parser-$(TOSCA_VERSION)
	$(CACHE)/bin/tosca-parser-$(TOSCA_VERSION)/bin/pip install --quiet --disable-pip-version-check \
	  --requirement orchestrator/tests/packages/tosca/requirements.txt

$(SCHEMATHESIS):
	python3 -m venv $(CACHE)/bin/schemathesis-$(SCHEMATHESIS_VERSION)
	$(CACHE)/bin/schemathesis-$(SCHEMATHESIS_VERSION)/bin/pip install --quiet --disable-pip-version-check \
	  --requirement orchestrator/tests/api/openapi/requirements.txt

# Every target of fuzz/ for TIME seconds (all of them: TARGETS). What is found ends it and lies in fuzz/artifacts.
TIME ?= 60
TARGETS ?= $(patsubst fuzz/fuzz_targets/%.rs,%,$(wildcard fuzz/fuzz_targets/*.rs))
# The chart worker's own, by Go's fuzzer; none where only some targets are asked for.
WORKER_TARGETS ?= $(if $(findstring command,$(origin TARGETS)),,FuzzArchive FuzzChart FuzzPick)
fuzz: $(FUZZ) ## The parsers under fire; TIME=seconds for each, TARGETS="slice_file senml" only those
	cd fuzz && for target in $(TARGETS); do \
	  mkdir -p target/grown/$$target; \
	  $(FUZZ) run --sanitizer none --fuzz-dir . $$target target/grown/$$target corpus/$$target -- \
	    -max_total_time=$(TIME) -timeout=10 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 || exit 1; \
	done
	cd adapters/helm-worker && for target in $(WORKER_TARGETS); do \
	  CGO_ENABLED=0 go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(TIME)s -fuzzminimizetime=0x -parallel=2 . || exit 1; \
	done

$(FUZZ):
	cargo install --quiet --locked --root $(CACHE)/bin/cargo-fuzz-$(FUZZ_VERSION) --version $(FUZZ_VERSION) cargo-fuzz

test-lab: build
	cargo test --quiet -p labs --test real -- --nocapture

# After the lab's suite, which builds the control plane.
test-ports:
	cargo test --quiet -p adapters --test sim --test local --test kubernetes
	cargo test --quiet -p orchestrator --test proxied

# A lab of the suite's own, from nothing: what an earlier run or a user left is neither met nor touched.
test-e2e: export SLICEWAY_LAB_NAME := e2e
test-e2e: build
	$(BIN)/sliceway-lab down
	$(BIN)/sliceway-lab up
	cargo test --quiet -p orchestrator --test real -- --test-threads=1 --nocapture --skip corpus:: --skip hooks:: --skip releases:: --skip causes::
	cargo test --quiet -p orchestrator --test real -- --test-threads=4 --nocapture corpus:: hooks:: releases:: causes::
	$(BIN)/sliceway-lab demo
	$(BIN)/sliceway-lab demo
	$(BIN)/sliceway-lab demo --stop
	$(BIN)/sliceway-lab down
