# The one command runner. `make help` lists the verbs that exist; a verb appears with the code it needs.
# Needs GNU make, bash, cargo; lanes that need more say so and are skipped loudly (see .ci/lanes).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help check test demo heal interop model sim kills mutants fuzz bench deny ready

# One set of packages and features for every cargo call, so that they share artefacts. The two bindings
# are cdylibs for their hosts and are built and tested by their own lanes.
RUST := --locked --workspace --exclude keywheel-python --exclude keywheel-node --all-features

# The simulator and the mutants drive the engine over World: without OCI, TLS and SQLite they build in half the time.
SIM := --locked --profile sim -p keywheel --no-default-features --features testkit

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

check: ## the inner loop: format, clippy, unit tests, tidy; under a minute warm
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings
	cargo test $(RUST) --lib --test tidy

test: ## everything, from a fresh clone; ends with a table of what was and was not tested
	.ci/lanes

demo: ## rotates a key in an emulated tenancy, is killed half-way, resumes, prints the report
	cargo run --locked -p keywheel-cli --features lab -- demo

heal: ## rewrites what is generated or copied (core/README.md, the schema, Python's types)
	KEYWHEEL_HEAL=1 cargo test $(RUST) --test tidy --test healed_types healed

model: ## the mint leg model-checked with every assumption off in turn; KEYWHEEL_MODEL=wide goes on for minutes
	KEYWHEEL_MODEL=$${KEYWHEEL_MODEL:-full} cargo test $(SIM) --test model_check -- --nocapture

sim: ## the simulator for SIM_SECONDS (60) seconds on all cores, or for one SEED; then every pair of crash points
	SIM_SECONDS=$${SIM_SECONDS:-60} cargo test $(SIM) --test sim -- --nocapture
	[ -n "$${SEED:-}" ] || CRASH_PAIRS=all cargo test $(SIM) --test crash_everywhere -- --nocapture

kills: ## kill -9 at random moments of KILLED_ROTATIONS (100) rotations over HTTP, each resumed and judged
	KILLED_ROTATIONS=$${KILLED_ROTATIONS:-100} cargo test $(RUST) --test kills random -- --nocapture

mutants: ## takes each safeguard of the protocol away and shows which rule notices, in how many seeds (MUTANTS=quick: the first)
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/.ci/with-mutants cargo test $(SIM) --test mutants -- --nocapture

fuzz: ## every fuzz target for FUZZ_SECONDS (10) seconds; needs cargo-fuzz
	.ci/fuzz

bench: ## keywheel and the official Python SDK against the same throttled emulator; a table of ratios (BENCH=quick: a small tenancy)
	.ci/bench

# A workspace and a target folder of its own: nothing of it may reach the house, its lock or what it ships. Not --locked:
# whoever gives core another dependency need not know this folder, and cargo adds only what is missing.
interop: ## keywheel beside the AGPL crate oci-rust-sdk, against the emulator; minutes at first
	cd examples/oci-rust-sdk && CARGO_TARGET_DIR=$${INTEROP_TARGET:-$(CURDIR)/target/oci-rust-sdk} cargo test

deny: ## licences, banned crates and sources, by the rules of deny.toml
	.ci/deny

ready: check deny test ## before asking for review: check, deny, test
