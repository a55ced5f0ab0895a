# Needed: Rust, make and Python 3. What else a check wants is installed into .tools/ or, where it cannot
# be had, skipped with one line.

PYTHON ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test test-aws lambda-tvm lambda-authorizer fmt clippy doc clean

help: ## say what there is
	@echo 'make TARGET, where TARGET is'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1 \2/p' $(MAKEFILE_LIST) | \
	    while read -r target does; do printf '  %-18s %s\n' "$$target" "$$does"; done

demo: ## the main job, from start to end, on this machine
	cargo run --locked --release -p sentinel-cli --no-default-features --bin sentinel -- demo

test: ## every check; some of them with ONLY='word…'
	@$(PYTHON) scripts/check.py $(ONLY)

test-aws: ## do the deployment guide against an emulator of AWS, with the real packages
	@$(PYTHON) scripts/check.py programs 'lambda packages' guide

lambda-tvm: ## bin/lambda-tvm-linux-amd64.zip; with ARCH=arm64 that of arm64
	@$(PYTHON) scripts/lambda.py tvm

lambda-authorizer: ## bin/lambda-authorizer-linux-amd64.zip; with ARCH=arm64 that of arm64
	@$(PYTHON) scripts/lambda.py authorizer

fmt: ## format the code
	cargo fmt --all

clippy: ## lint everything, warnings denied
	cargo clippy --locked --workspace --all-targets --all-features -- -D warnings

doc: ## build the documentation, warnings denied
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --all-features --no-deps

clean: ## remove what was built and installed here
	cargo clean
	rm -rf .tools bin
