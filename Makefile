# The entry points of this repository. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO_PACKAGES := ./...
SCRIPTS = $(shell git ls-files '*.sh' .ci/run)
WORKFLOWS = $(wildcard .github/workflows/*.yml repos/*/.github/workflows/*.yml)

.PHONY: help setup sandbox sandbox-down test test-unit test-e2e test-long fuzz check check-azure docs golden fmt tools build bench bench-deploy

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '%s\n' '' 'Try it:     make sandbox, edit (repos/code-repo, repos/stack-repo/stack.yml, Pulumi.sandbox.yaml),' \
	  '            go run ./sandbox preview (look), make sandbox (apply), make sandbox-down (away).' \
	  'Caches:     $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/averazure-sandbox, up to 8 GB, and Go'"'"'s own; sandbox-down says how to remove them.' \
	  'On Azure:   make setup OWNER=you SSH_FROM=address, then pulumi up; docs/delivery.md has every step.'

sandbox: ## bring the whole graph up on this machine and print where it answers
	@echo "==> compiling the sandbox (a minute the first time)"
	@go run ./sandbox up

sandbox-down: ## remove the sandbox; caches, packages and secrets stay, and it names them
	@go run ./sandbox down

setup: ## what comes before `pulumi up` on Azure: state, settings, repositories (docs/delivery.md); OWNER=you SSH_FROM=address
	@go run ./cmd/setup --owner '$(OWNER)' --ssh-from '$(SSH_FROM)' $(SETUP)

test: check test-unit test-e2e ## everything that CI runs: checks, unit tests, end-to-end tests

test-unit: tools build ## unit tests and the shipped configurations under the recorder
	@echo "==> unit tests" # several packages at once, since some mostly wait; check has vetted them
	@go test -p 4 -vet=off -timeout 20m $$(go list $(GO_PACKAGES) | grep -v /e2e)
	@if command -v "$$(go env CC)" >/dev/null; then go test -race -vet=off -short -skip CostsLittle -timeout 20m ./internal/release ./internal/survey; \
	  else echo "no C compiler here: nothing is run under the race detector"; fi
	@cd repos/code-repo && go test ./... && go -C scripts/setimage test ./...
	@go -C tools test ./acme

test-e2e: tools ## the program in a sandbox of the tests' own, with the real engine
	@echo "==> end-to-end tests (14 to 20 minutes on two cores)"
	@said=$$(mktemp); trap 'rm -f "$$said"' EXIT; status=0; \
	  go test -count=1 -timeout 60m -v ./e2e 2>&1 | tee --ignore-interrupts "$$said" || status=$$?; \
	  echo "==> the ten slowest tests, in seconds:"; \
	  sed -nE 's/^--- [A-Z]+: ([^ ]+) \(([0-9.]+)s\)$$/\2 \1/p' "$$said" | sort -rn | awk 'NR <= 10'; \
	  [ "$$status" = 0 ] || { \
	    echo "==> what failed:"; grep -E -A 8 '^ *--- FAIL|^FAIL end-to-end' "$$said" | cut -c 1-300; exit 1; }

test-long: tools ## slow tests, no part of test: kills at random points under load; SEED=N repeats a run
	@echo "==> backups against Azurite"
	@azurite=$$(tools/azurite.sh) && AVERAZURE_AZURITE=$$azurite go test -count=1 ./sandbox/blobs ./internal/backup/blobs
	@echo "==> turns with the engine alone, then slow tests on the short tests' sandbox (22 minutes)"
	@go test -count=1 -timeout 30m -v ./e2e/turns
	@AVERAZURE_SLOW=1 go test -count=1 -timeout 60m -v -run '^TestSlow' ./e2e
	@echo "==> long tests on three managers (two and a half hours)"
	@AVERAZURE_LONG=1 AVERAZURE_SEED=$(SEED) go test -count=1 -timeout 240m -v -run '^TestLong' ./e2e

FUZZTIME ?= 30s

fuzz: ## files, archives, backups, commands and packets from strangers, each kind for FUZZTIME (30s); no part of test
	@for package in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n 1 dirname | sort -u); do \
	  targets=$$(go -C $$package test -list '^Fuzz' . | grep '^Fuzz'); \
	  for target in $$targets; do \
	    echo "==> $$target of $$package for $(FUZZTIME)"; \
	    go -C $$package test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x .; \
	  done; \
	done

check: tools build ## formatting, vet, shell scripts and workflows
	@echo "==> gofmt, go vet, shellcheck, actionlint"
	@unformatted=$$(git ls-files '*.go' | xargs gofmt -l); \
	  if [ -n "$$unformatted" ]; then echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; fi
	@go vet $(GO_PACKAGES)
	@go -C repos/code-repo vet ./...
	@go -C repos/code-repo/scripts/setimage vet ./...
	@go -C tools vet ./acme
	@shellcheck --external-sources --source-path=SCRIPTDIR $(SCRIPTS)
	@go -C tools run github.com/rhysd/actionlint/cmd/actionlint $(abspath $(WORKFLOWS))

check-azure: ## every input of an Azure resource against Azure's published types; a part of test-unit
	@echo "==> Azure's published types"
	@go test -count=1 ./internal/azuretypes/...
	@go test -count=1 -run '^TestAzure' .

bench: tools ## the program beside Ansible and plain ssh, by the number of nodes, and while it rebuilds; writes docs/performance.md
	@go run ./bench/nodes $(BENCH)

bench-deploy: ## stackctl beside docker stack deploy, healing, and the idle agent; the sandbox has to be up
	@go run ./bench/deploy $(BENCH)

tools:
	@tools/install.sh

build:
	@echo "==> compiling (5 minutes with cold caches)"
	@go build -v $(GO_PACKAGES) 2>&1 | awk '/[: #]/ { print; next } ++n % 50 == 0 { print "    " n " packages"; fflush() }'

docs: ## write docs/configuration.md and draw docs/graph.svg from what the program registers
	@command -v dot >/dev/null || { echo "==> installing graphviz"; \
	  apt-get update -q >/dev/null && apt-get install -qy --no-install-recommends graphviz >/dev/null; }
	@UPDATE_GOLDEN=1 go test -count=1 -run '^TestTheProgramMakesItsGraph$$' .
	@go run ./docs/generate

golden: tools ## write the files anew that tests compare with (testdata, docs/outputs.md); then read git diff
	@UPDATE_GOLDEN=1 go test -count=1 $$(git grep -lE 'golden\.Compare|"UPDATE_GOLDEN"' -- '*_test.go' ':!internal/golden' | xargs -n 1 dirname | sort -u | sed 's|^|./|')

fmt: ## format the Go sources
	@git ls-files '*.go' | xargs gofmt -w
