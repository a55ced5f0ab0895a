# Requires Rust, make and Python 3. Other tools of a check are installed into .tools/. A check whose tool is
# unavailable is skipped with one line.

PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test test-aws fuzz differential bench-accept reproducible lambda-tvm lambda-authorizer fmt clippy doc minimal-versions clean model

help: ## list the targets
	@echo 'make TARGET, with one of these targets:'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1 \2/p' $(MAKEFILE_LIST) | \
	    while read -r target does; do printf '  %-18s %s\n' "$$target" "$$does"; done

demo: ## run the main job, from start to end, on this machine
	cargo run --locked --profile demo --package sentinel-cli --no-default-features --bin sentinel -- demo

test: ## run every check; with ONLY='word…' those whose name contains a word
	@$(PYTHON) scripts/check.py $(ONLY)

test-aws: ## run the deployment guide against an emulator of AWS, with the real packages
	@$(PYTHON) scripts/check.py programs 'lambda packages' guide

fuzz: ## run each fuzz target for MINUTES of processor time (1); with TARGETS='name…' only these
	@$(PYTHON) scripts/fuzz.py --seconds $$(( 60 * $(or $(MINUTES),1) )) $(TARGETS)

differential: ## compare both evaluators on PAIRS random policies and requests (1000000); with SEED=n repeat a run
	cargo run --locked --release --quiet -p sentinel-policy --features reference --example differential -- \
	    --pairs $(or $(PAIRS),1000000) $(if $(SEED),--seed $(SEED)) $(if $(POLICY),--policy $(POLICY))

model: ## run vends and revocations in all orders of larger spaces, and print their sizes
	SENTINEL_MODEL=large cargo test --locked --release --package sentinel-broker --all-features --test it -- --nocapture model::

lambda-tvm: ## build bin/lambda-tvm-linux-amd64.zip; with ARCH=arm64 for arm64
	@$(PYTHON) scripts/lambda.py tvm

lambda-authorizer: ## build bin/lambda-authorizer-linux-amd64.zip; with ARCH=arm64 for arm64
	@$(PYTHON) scripts/lambda.py authorizer

reproducible: ## build both packages again in another folder, and compare the bytes
	@$(PYTHON) scripts/lambda.py --again tvm authorizer

bench-accept: ## record the instruction counts of this compiler, which the check compares with
	@$(PYTHON) scripts/instructions.py --accept

fmt: ## format the code
	cargo fmt --all

clippy: ## lint everything; warnings are errors
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings

doc: ## build the documentation; warnings are errors
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --all-features --no-deps

minimal-versions: ## compile with the oldest versions of the dependencies that are allowed
	@$(PYTHON) scripts/minimal_versions.py

clean: ## remove everything that was built and installed here
	cargo clean
	rm -rf .tools bin fuzz/target fuzz/corpus fuzz/seeds fuzz/artifacts
