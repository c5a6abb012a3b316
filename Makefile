# Docker Watcher: `make` alone lists what there is.

.DEFAULT_GOAL := help
.PHONY: help run test check bench fmt clean

# Extra arguments: `make run ARGS="--listen 0.0.0.0:8080"`, `make test ARGS=name_of_a_test`.
ARGS ?=

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Set up what is missing, build, start (ARGS= goes to `docker-watcher serve`)
	@exec scripts/run.sh $(ARGS)

test: ## Everything: format, lints, unit, integration and browser tests (ARGS= goes to `cargo test`)
	@exec scripts/test.sh $(ARGS)

check: ## The inner loop: format, lints, unit tests
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	cargo test --lib --locked

bench: ## Measure what docs/PERFORMANCE.md quotes (BENCH_ONLY="pages writer" for parts; see scripts/bench.sh)
	@exec scripts/bench.sh

fmt: ## Format the code
	cargo fmt

clean: ## Remove what was built; ./data stays
	cargo clean
