SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The programs of testdata, which ./... leaves out; one with a go.mod is a module of its own.
PROGRAMS := $(sort $(dir $(wildcard ./testdata/*/*.go)))
PKGS     := ./... $(filter-out $(dir $(wildcard ./testdata/*/go.mod)),$(PROGRAMS))
LINT     := go tool -modfile=tools/go.mod golangci-lint
# A count, not a time: at a deadline the go command can fail for nothing (golang.org/issue/75804).
FUZZTIME ?= 10000x
# Where the server must build; `make test` covers the machine that it runs on.
TARGETS  := linux/arm64 darwin/arm64 windows/amd64 freebsd/amd64

.PHONY: help run test lint fmt fmt-check vet tidy-check fuzz bench microbench pictures screenshots build balancer cross docker

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## run the server: API on :8080 (key "dev"), admin on :8090 (key "admin")
	KEY=dev ADMIN_KEY=admin PORT=8080 go run .

test: ## run every test, with the race detector; installs what they need where it can
	.ci/install-deps
	go test -race -shuffle=on -timeout 20m $(PKGS)

lint: ## run the linters (the first time builds them: some minutes)
	$(LINT) run $(PKGS)

fmt: ## format the code
	$(LINT) fmt . $(PROGRAMS)

fmt-check: ## fail on code that `make fmt` would change
	$(LINT) fmt --diff . $(PROGRAMS)

vet: ## run go vet
	go vet $(PKGS)

tidy-check: ## check every module's go.mod and go.sum
	@for module in $$(find . -name go.mod -not -path '*/node_modules/*' | xargs -n1 dirname | sort); do \
	  echo "$$module"; (cd "$$module" && go mod tidy -diff && go mod verify) || exit 1; \
	done

fuzz: ## fuzz each Fuzz function for FUZZTIME (10,000 runs, or a time: 5m)
	@for found in $$(grep -roE '^func Fuzz[[:alnum:]_]+' --include='*_test.go' . | tr -d ' ' | sort); do \
	  package="$${found%/*}" func="$${found##*:func}"; echo "$$package $$func"; \
	  go test -run '^$$' -fuzz "^$$func\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
	done

bench: ## load the server and its peers, 45 minutes; writes docs/performance.md
	go run ./bench -write docs

microbench: ## run the Go benchmarks
	go test -run '^$$' -bench . -benchmem $$(grep -rlE '^func Benchmark' --include='*_test.go' . | xargs -r dirname | sort -u)

pictures: ## make the pictures of docs/images anew; look at them before you commit
	CHATSERVER_PICTURES=docs/images go test -count=1 -run TestPages/pictures ./e2e

screenshots: ## keep a picture of each page, state and theme in ./screenshots
	CHATSERVER_SCREENSHOTS=screenshots go test -count=1 -run 'TestAccess|TestDashboard/accessible' ./e2e

build: ## build ./chatserver, static
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o chatserver .

balancer: ## build ./loadbalancer, the stand-in for load balancers, static
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o loadbalancer ./testdata/loadbalancer

cross: ## check that it builds for other systems
	@for target in $(TARGETS); do \
	  echo "$$target"; CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} go build ./... || exit 1; \
	done

docker: ## build the container image
	docker build -t chatserver .
