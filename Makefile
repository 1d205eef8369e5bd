# Everything a person or a CI job does with this repository; `make` alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup programs run env build core test smoke check fmt lint bench bench-fetch bench-container simulate soak docs picture clean

# How many seeds `make simulate` plays.
SEEDS ?= 1000
# What `make core` builds and tests: targets that need no package, so they build in seconds.
CORE ?= ERACore,ERAManifest,ERACoreTests,ERAManifestTests,TidyTests

root := $(CURDIR)
bin := $(root)/.build/release
# What `make run` keeps: database, artifacts, volumes, sockets.
state := $(root)/.era
swift_files := Package.swift Sources Tests samples

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the libraries and tools that are missing (Debian, Ubuntu; root or sudo)
	@.ci/setup

run: programs ## Build, then run the daemon on manifests/ in the foreground; Ctrl-C ends it, not the deployments
	@mkdir -p $(state) && chmod 700 $(state)
	@# Git keeps no mode but 0644 and 0755, and ERA refuses secrets that others can read.
	@umask 077 && rm -rf $(state)/secrets && cp -R samples/secrets $(state)/secrets
	@# The image that manifests/container.yaml names, without a registry.
	@sh samples/image.sh samples.invalid/web:1 $(state)/web.tar $(bin)/sample-web \
		&& $(bin)/era artifact import $(state)/web.tar --data-dir $(state)/data >/dev/null \
		|| echo 'manifests/container.yaml will find no image' >&2; rm -f $(state)/web.tar
	@echo 'In another terminal: eval "$$(make -s env)" && era get --watch'
	@PATH="$(bin):$(root)/samples/bin:$(root)/samples/wasm:$$PATH" exec $(bin)/era daemon --manifests manifests \
		--data-dir $(state)/data --run-dir $(state)/run --secrets-dir $(state)/secrets

env: ## Print what makes `era` talk to that daemon: eval "$(make -s env)"
	@echo 'export PATH="$(bin):$$PATH" ERA_RUN_DIR="$(state)/run" ERA_DATA_DIR="$(state)/data"'

programs: setup ## Build era, its shim and the samples in release mode
	@# The shim is Embedded Swift, which has no static standard library to link: it has none at all. A build
	@# directory of its own: with other flags in the same one, each build would begin by undoing the last.
	@set -e; for program in era sample-web sample-worker; do \
		swift build --configuration release --static-swift-stdlib --product $$program; done
	@mkdir -p .build/shim && ln -sfn $(addprefix ../../,$(swift_files)) .build/shim/
	@ERA_ONLY=era-shim swift build --configuration release --package-path .build/shim --product era-shim
	@cmp -s .build/shim/.build/release/era-shim $(bin)/era-shim \
		|| install .build/shim/.build/release/era-shim $(bin)/era-shim

build: setup ## Build everything for debugging, tests included
	swift build --build-tests

core: setup ## Build and test only the part that needs no package: the core, the manifests, the tidy rules
	@# A package of its own by symbolic links: ERA_ONLY changes what is resolved, and must not touch
	@# the versions that the whole package has resolved.
	@mkdir -p .build/core && ln -sfn $(addprefix ../../,$(swift_files)) .build/core/
	ERA_ONLY=$(CORE) swift test --package-path .build/core --disable-xctest

test: build ## Run every test
	@# One target after the other: the simulator and the walk over all states keep every core busy for minutes,
	@# and what waits for a socket or a program beside them would run out of time.
	@failed=; for target in $(notdir $(wildcard Tests/*Tests)); do \
		echo "== $$target"; \
		swift test --skip-build --disable-xctest --filter "^$$target\\." || failed="$$failed $$target"; \
	done; if [ -n "$$failed" ]; then echo "failed:$$failed"; exit 1; fi

smoke: build programs ## Run the integration tests on the release build: the optimizer has defects of its own
	ERA_TEST_PROGRAMS=$(bin) swift test --skip-build --disable-xctest --filter '^IntegrationTests\.'

check: lint test ## What CI runs: format, warnings as errors, every test

lint: setup ## Check the format of all Swift code
	swift format lint --strict --recursive --parallel --configuration .swift-format $(swift_files)

fmt: ## Format all Swift code
	swift format --in-place --recursive --parallel --configuration .swift-format $(swift_files)

bench: programs ## Measure against supervisord and a bare fork+exec (ARGS= for its options)
	@.ci/setup supervisor
	python3 Tests/Bench/bench.py $(ARGS)

bench-fetch: programs ## Measure fetching from a registry against curl and skopeo (ARGS= for its options)
	@.ci/setup skopeo
	python3 Tests/Bench/fetching.py $(ARGS)

bench-container: programs ## Measure the start of a container against podman kube play (root; ARGS= for its options)
	@.ci/setup podman
	python3 Tests/Bench/containers.py $(ARGS)

simulate: setup ## Play SEEDS=1000 worlds that fail, crash and lie; SEED=123 plays one and prints what happened
ifdef SEED
	ERA_SEED=$(SEED) swift test --disable-xctest --filter SimulationTests
else
	ERA_SEEDS=$(SEEDS) swift test --disable-xctest --filter SimulationTests
endif

soak: setup ## Deploy and remove a program 10,000 times, and run the exec probes of a day: nothing may be left behind
	ERA_DEPLOYS=10000 swift test --disable-xctest --filter SpawnFaultTests
	ERA_PROBES=86400 swift test --disable-xctest --filter ExecProbeTests

docs: setup ## Write the pages that are made from code (docs/manifest.md, docs/lifecycle.md)
	ERA_WRITE_DOCS=1 swift test --disable-xctest --filter GeneratedPageTests

picture: programs ## Draw docs/images/session.svg anew, from a real session
	@script --quiet --return --command 'stty cols 100; docs/images/session.sh $(bin)' /dev/null </dev/null \
		| python3 docs/images/terminal.py > .build/session.svg
	mv .build/session.svg docs/images/session.svg

clean: ## Remove what was built; .era, which holds what runs, stays
	rm -rf .build bench-results
	@if [ -d .era ]; then echo 'kept .era: era delete --all, then remove it'; fi
