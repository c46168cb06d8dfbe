# kinetik: `make help` lists what there is. One build profile (`ci`) serves development, tests and CI;
# `release` is what is measured, shown and shipped.

PYTHON    ?= python3
PROFILE   ?= ci
PREFIX    ?= /usr/local
DESTDIR   ?=
SEED      ?=
SEEDS     ?= 100000
SIM_SEEDS ?= 10000
PARTS     ?=

export CARGO_TERM_COLOR ?= auto
# The interpreter that pyo3 asks about itself, the same in every target.
export PYO3_PYTHON ?= $(shell command -v $(PYTHON))

# All builds for tests take the features that the Rust tests need, so that each dependency compiles once.
SHARED := --features kinetik/test-util

BUILD := build
COMMA := ,
VENV  := $(BUILD)/venv
PEERS := $(BUILD)/peers-venv
PUT   := $(BUILD)/put-venv
STEP   = @printf '\n\033[1m== %s\033[0m\n' "$(1)"

.DEFAULT_GOAL := help
.PHONY: help demo test ci lint test-rust test-python test-node test-c interop sim sim-ci planted campaign bench bench-client clients bench-put fuzz install clean peers compare

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build, then send 336,776 real flights through Python, Node and C and read every one back
	@$(PYTHON) examples/demo/setup.py
	@$(BUILD)/demo-venv/bin/python examples/demo/demo.py

test: lint test-rust test-python test-node test-c ## Every test of a newcomer: Rust, Python, Node, C, docs, lints

ci: test interop sim-ci planted fuzz ## Everything: test, the real peers, the simulation and its own test, bounded fuzzing

lint: $(BUILD)/tools/.done ## Format, clippy with warnings denied, licences and bans
	$(call STEP,format)
	cargo fmt --all -- --check
	$(call STEP,clippy)
	cargo clippy --workspace --all-targets --profile $(PROFILE) $(SHARED) -- -D warnings
	$(call STEP,licences and bans)
	$(BUILD)/tools/bin/cargo-deny --log-level error check bans licenses sources

test-rust: ## Rust tests and doc tests, a small simulation included
	$(call STEP,Rust)
	cargo test --workspace --profile $(PROFILE) $(SHARED)

test-python: $(VENV)/.done ## The Python package: tests, stubs, the README's quick start with it installed by pip
	$(call STEP,Python)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/maturin develop --quiet --profile $(PROFILE) $(SHARED) --manifest-path bindings-python/Cargo.toml
	cd bindings-python && ../$(VENV)/bin/python -m pytest -q
	MATURIN_PEP517_ARGS="--profile $(PROFILE) $(SHARED)" $(VENV)/bin/pip install --quiet --no-deps --force-reinstall ./bindings-python
	cd $(BUILD) && $(PYTHON) ../tools/readme.py python venv/bin/python {}

test-node: ## The Node package: tests, types, the README's quick start with it installed by npm
	$(call STEP,Node)
	cd bindings-node && npm ci --ignore-scripts --no-audit --no-fund && KINETIK_PROFILE=$(PROFILE) KINETIK_FEATURES=kinetik/test-util npm run --silent build
	cd bindings-node && npm test
	mkdir -p $(BUILD)/npm && cd $(BUILD)/npm && npm init --yes > /dev/null && \
	  KINETIK_PROFILE=$(PROFILE) KINETIK_FEATURES=kinetik/test-util npm install --silent --no-audit --no-fund ../../bindings-node && \
	  $(PYTHON) ../../tools/readme.py js node {}

test-c: ## The C library: C and C++ programs under valgrind, the README's quick start
	$(call STEP,C)
	cargo build --package kinetik-c --profile $(PROFILE) --features kinetik_core/test-util
	KINETIK_PROFILE=$(PROFILE) sh bindings-c/tests/run.sh
	cd $(BUILD) && $(PYTHON) ../tools/readme.py c 'cc -o quickstart {} $$(PKG_CONFIG_PATH=c-prefix/lib/pkgconfig pkg-config --cflags --libs kinetik) -Wl,-rpath,c-prefix/lib && ./quickstart'

peers: $(PEERS)/.done tests/peers/node_modules/.done $(BUILD)/java/.done $(BUILD)/rust-sdk/.done ## Install the peers that interop tests compare with

# All of the workspace, so that what it stands on is built with the features that test-rust built it with.
interop: peers $(VENV)/.done tests/compare/node_modules/.done ## Real SDKs and peer codecs against kinetik
	$(call STEP,the packages of Python$(COMMA) Node and C)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/maturin develop --quiet --profile $(PROFILE) $(SHARED) --manifest-path bindings-python/Cargo.toml
	cd bindings-node && npm ci --ignore-scripts --no-audit --no-fund && KINETIK_PROFILE=$(PROFILE) KINETIK_FEATURES=kinetik/test-util npm run --silent build
	cargo build --package kinetik-c --profile $(PROFILE) --features kinetik_core/test-util && sh bindings-c/install.sh "" $(CURDIR)/$(BUILD)/c-prefix $(PROFILE)
	$(call STEP,peers)
	KINETIK_PEERS=required cargo test --workspace --profile $(PROFILE) $(SHARED) \
	  --test codec_peers --test reader_peers --test relay --test generated_model --test boto3 \
	  --test endpoints --test sdks --test java --test wire
	$(call STEP,node:test$(COMMA) Jest and Vitest)
	cd examples/testing/node && npm ci --ignore-scripts --no-audit --no-fund && npm test --silent

# All of the workspace, so that nothing is compiled again that test-rust compiled.
SIM = cargo test --workspace --profile $(PROFILE) $(SHARED) --test sim

sim: ## A small simulation; SEED=n replays one history with its trace
	$(if $(SEED),SIM_SEED=$(SEED) )$(SIM) seeds_break_no_rule -- --nocapture

sim-ci: ## The simulation of CI: 10,000 seeds (SIM_SEEDS=n: others) shared by all simulators, 200 run twice
	$(call STEP,simulation)
	SIM_SEEDS=$(SIM_SEEDS) SIM_TWICE=200 $(SIM) -- --nocapture

planted: ## Plant bugs and have the simulation find each; the released libraries hold none
	$(call STEP,planted bugs)
	cargo build --package kinetik-c --profile $(PROFILE) --features kinetik_core/test-util
	cargo test --package kinetik-tests --profile $(PROFILE) $(SHARED),planted-bugs --test sim planted:: -- --nocapture

campaign: ## Run the next SEEDS=n seeds and add them to docs/CAMPAIGN.md; may be broken off and gone on with
	SEEDS=$(SEEDS) $(SIM) -- --ignored --exact campaign::campaign --nocapture

compare: $(BUILD)/compare-venv/.done tests/compare/node_modules/.done ## Ask kinetik and three emulators the same: docs/COMPARE.md
	cargo build --package kinetik-cli --profile $(PROFILE) $(SHARED)
	$(BUILD)/compare-venv/bin/python tests/compare/compare.py target/$(PROFILE)/kinetik docs/COMPARE.md

bench: peers clients tests/compare/node_modules/.done ## Measure; ratios to the peers and limits in the same run
	$(VENV)/bin/python bindings-python/benches/read.py
	node benches/node_read.mjs
	$(VENV)/bin/python benches/tail.py
	cargo bench --package kinetik-benches $(SHARED)

bench-client: peers clients ## The producer beside boto3, aiokpl, async-kinesis, the AWS SDKs and the KPL (PARTS="rust kpl": only these)
	cargo bench --package kinetik-benches $(SHARED) --bench put -- $(PARTS)

clients: $(PUT)/.done $(VENV)/.done $(BUILD)/rust-sdk/.measured
	cargo build --package kinetik-cli --release $(SHARED)
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/maturin develop --quiet --release $(SHARED) --manifest-path bindings-python/Cargo.toml
	cd bindings-node && npm ci --ignore-scripts --no-audit --no-fund && KINETIK_FEATURES=kinetik/test-util npm run --silent build

bench-put: ## What one put costs its caller in C, Python and Node (needs what `make demo` built)
	cc -O2 benches/c_put.c -I$(BUILD)/demo-prefix/include -L$(BUILD)/demo-prefix/lib -Wl,-rpath,$(CURDIR)/$(BUILD)/demo-prefix/lib -lkinetik -o $(BUILD)/c_put
	$(BUILD)/c_put
	$(BUILD)/demo-venv/bin/python bindings-python/benches/boundary.py
	node benches/node_put.mjs

fuzz: $(BUILD)/tools/.done ## Bounded fuzzing of the decoders (FUZZ_SECONDS each, default 30)
	$(call STEP,fuzz)
	@for target in $$(basename -s .rs fuzz/fuzz_targets/*.rs); do \
	  RUSTC_BOOTSTRAP=1 $(BUILD)/tools/bin/cargo-fuzz run $$target --target-dir target/fuzz -- \
	    -max_total_time=$${FUZZ_SECONDS:-30} -rss_limit_mb=1024 -timeout=5 -verbosity=0 -print_final_stats=1 || exit 1; \
	done

install: ## Install libkinetik, header and kinetik.pc below DESTDIR and PREFIX
	cargo build --package kinetik-c --release
	sh bindings-c/install.sh "$(DESTDIR)" "$(PREFIX)"

clean: ## Remove everything that was built
	rm -rf $(BUILD) target bindings-node/node_modules tests/peers/node_modules tests/compare/node_modules examples/testing/node/node_modules fuzz/target

$(VENV)/.done: bindings-python/tests/requirements.txt
	$(call STEP,Python tools)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement bindings-python/tests/requirements.txt
	@touch $@

$(PEERS)/.done: tests/peers/requirements.txt
	$(call STEP,Python peers)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --requirement tests/peers/requirements.txt
	@touch $@

tests/peers/node_modules/.done: tests/peers/package-lock.json
	$(call STEP,Node peers)
	cd tests/peers && npm ci --no-audit --no-fund
	@touch $@

$(BUILD)/java/.done: tests/peers/java/pom.xml $(wildcard tests/peers/java/src/main/java/*.java)
	$(call STEP,Java peers)
	cd tests/peers/java && mvn --quiet --batch-mode compile dependency:copy-dependencies -DoutputDirectory=../../../build/java/lib
	@touch $@

$(BUILD)/rust-sdk/.done: tests/peers/rust/Cargo.lock tests/peers/rust/src/main.rs
	$(call STEP,Rust peer)
	cargo build --locked --bin rust-sdk --manifest-path tests/peers/rust/Cargo.toml --target-dir $(BUILD)/rust-sdk
	@touch $@

$(BUILD)/rust-sdk/.measured: tests/peers/rust/Cargo.lock benches/peers/put.rs benches/peers/read.rs
	$(call STEP,Rust peer to measure)
	cargo build --locked --release --bin put --bin read --manifest-path tests/peers/rust/Cargo.toml --target-dir $(BUILD)/rust-sdk
	@touch $@

$(PUT)/.done: benches/peers/requirements.txt
	$(call STEP,producers of Python)
	$(PYTHON) -m venv $(PUT)
	$(PUT)/bin/pip install --quiet --requirement benches/peers/requirements.txt
	@touch $@

$(BUILD)/compare-venv/.done: tests/compare/requirements.txt
	$(call STEP,emulators for Python)
	$(PYTHON) -m venv $(BUILD)/compare-venv
	$(BUILD)/compare-venv/bin/pip install --quiet --requirement tests/compare/requirements.txt
	@touch $@

tests/compare/node_modules/.done: tests/compare/package-lock.json
	$(call STEP,emulators for Node)
	cd tests/compare && npm ci --no-audit --no-fund
	@touch $@

$(BUILD)/tools/.done: tools/requirements.txt
	$(call STEP,tools)
	$(PYTHON) -m venv $(BUILD)/tools
	$(BUILD)/tools/bin/pip install --quiet --requirement tools/requirements.txt
	@touch $@
