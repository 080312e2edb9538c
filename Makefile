# make help lists the targets. Everything that a target needs beyond Go it installs itself, pinned.

GO            ?= go
BIN           := bin
VERSION       ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT        := $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS       := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
FUZZTIME      ?= 1m
SOAKTIME      ?= 10m
OVERLOAD      ?= 5m
KILLS         ?= 20
DOCS          ?= go,npm,pip
CHARTS        ?= ghcr.io/specgate/charts

# Tools in Go. The comments are for what keeps them up to date (renovate.json).
# renovate: depName=github.com/golangci/golangci-lint/v2
GOLANGCI_LINT := v2.15.0
# renovate: depName=github.com/oasdiff/oasdiff
OASDIFF := v1.35.0
# renovate: depName=github.com/sqlc-dev/sqlc
SQLC := v1.31.1
# renovate: depName=helm.sh/helm/v4
HELM := v4.3.1
# renovate: depName=github.com/goreleaser/goreleaser/v2
GORELEASER := v2.16.0
# renovate: depName=golang.org/x/vuln
GOVULNCHECK := v1.9.0

# The packages with tests that take PostgreSQL or Redis.
STORE_TESTS = $(sort $(dir $(shell grep -rlE 'SPECGATE_TEST_(POSTGRES|REDIS)' --include=*_test.go ./cmd ./internal)))

# The packages that start no goroutine and share nothing: of their tests the race detector would make minutes.
SINGLE = $(addprefix github.com/specgate/specgate/internal/,conformance overlay)

# What internal/store/sqlgen is made from.
STORE_SOURCES = internal/store/sqlc.yaml $(sort $(wildcard internal/store/queries/*.sql internal/store/migrations/postgres/*.sql))

.DEFAULT_GOAL := help
.PHONY: help generate generate-store test-stores test-kill build run test check drift lint lint-spec breaking race fuzz soak bench bench-e2e cover size clients test-clients test-sdks test-llamacpp test-vllm test-ollama test-backends scorecards

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

generate: ## Make gen/ and the generated documents from openapi.yaml and the settings
	$(GO) generate ./...
	cp deploy/prometheus/rules/specgate.yaml deploy/helm/specgate/files/rules.yaml
	cp deploy/grafana/dashboards/specgate.json deploy/helm/specgate/files/dashboard.json

generate-store: ## Make internal/store/sqlgen from the queries (needs a C compiler, minutes the first time)
	cd internal/store && $(GO) run github.com/sqlc-dev/sqlc/cmd/sqlc@$(SQLC) generate
	sha256sum $(STORE_SOURCES) internal/store/sqlgen/*.go >internal/store/sqlgen/sources.sha256

build: ## Build bin/specgate, of Go alone as releases are
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/specgate ./cmd/specgate

run: build ## Run the gateway in front of the model in it, or of OPENAI_BASE_URL
	$(BIN)/specgate serve

test: ## Run the tests
	$(GO) test -timeout 20m ./...

race: ## Run the tests with the race detector, of all packages that do more than one thing at a time
	$(GO) test -race -count=1 -timeout 20m $(filter-out $(SINGLE),$(shell $(GO) list ./...))

size: build ## Fail where the binary has grown past 40 MB
	@test $$(wc -c < $(BIN)/specgate) -le 40000000 || { echo "bin/specgate has grown past 40 MB"; exit 1; }

check: drift lint lint-spec test race size ## What every change has to pass first; the other jobs of ci.yml follow it
	$(GO) test -run '^$$' -bench . -benchtime 1x ./... >/dev/null

drift: generate licences ## Fail where a generated file, or go.mod, is not what its source makes
	$(GO) mod tidy -diff
	@git diff --exit-code -- gen docs deploy/helm || { echo "generated files differ: run make generate and commit"; exit 1; }
	@test -z "$$(git ls-files --others --exclude-standard -- gen docs deploy/helm)" || { echo "generated files are not committed"; exit 1; }
	@sha256sum --quiet --check internal/store/sqlgen/sources.sha256 && test "$$(wc -l <internal/store/sqlgen/sources.sha256)" -eq $(words $(STORE_SOURCES) $(wildcard internal/store/sqlgen/*.go)) \
	  || { echo "internal/store/sqlgen is not of its queries: run make generate-store and commit"; exit 1; }

lint: $(BIN)/golangci-lint-$(GOLANGCI_LINT) ## Lint the Go code, and that actions are named by their commits
	$< run ./...
	@for module in internal/crosscheck internal/licences internal/tracecheck deploy/check; do (cd $$module && $(abspath $<) run ./...) || exit 1; done
	@! grep -rnE 'uses: +[^. ]' .github | grep -vE '@[0-9a-f]{40} # v[0-9.]+$$' || { echo "an action is not named by its commit"; exit 1; }

$(BIN)/golangci-lint-$(GOLANGCI_LINT):
	GOBIN=$(abspath $(BIN)) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	mv $(BIN)/golangci-lint $@

lint-spec: ## Lint openapi.yaml (needs npm)
	.ci/lint-spec openapi.yaml

breaking: $(BIN)/oasdiff-$(OASDIFF) ## Find what of openapi.yaml would break clients of the last release
	OASDIFF=$(abspath $<) .ci/breaking trial
	OASDIFF=$(abspath $<) .ci/breaking check

$(BIN)/oasdiff-$(OASDIFF):
	GOBIN=$(abspath $(BIN)) $(GO) install github.com/oasdiff/oasdiff@$(OASDIFF)
	mv $(BIN)/oasdiff $@

fuzz: ## Fuzz what reads bytes, FUZZTIME each
	@for target in $$($(GO) list ./... | xargs -I{} sh -c 'grep -lE "^func Fuzz" $$($(GO) list -f "{{.Dir}}" {})/*_test.go 2>/dev/null | head -1 | xargs -r dirname' | sort -u); do \
	  for name in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$target/*_test.go | sed 's/^func //'); do \
	    echo "== $$target $$name"; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$target || exit 1; \
	  done; \
	done

soak: build ## Run with flapping, slow and lying backends and clients that leave, SOAKTIME long (Linux)
	$(GO) run ./internal/soak -specgate $(BIN)/specgate -time $(SOAKTIME)

bench: ## Run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-e2e: build ## Measure the gateway beside nginx and a plain reverse proxy (needs Debian, root)
	.ci/bench-e2e

.PHONY: bench-scale
bench-scale: build ## Measure what an instance holds, and what SQLite, PostgreSQL and Redis carry (needs Debian, root)
	.ci/bench-scale

clients: ## Generate clients from openapi.yaml in TypeScript, Python and Java (needs npm, Python, Maven)
	.ci/clients generate

test-clients: build clients ## Run the generated clients, gen/client too, against the embedded model
	.ci/clients test

test-sdks: build ## Run OpenAI's SDKs and LangChain against the embedded model (needs npm, Python, Maven)
	.ci/sdks setup
	.ci/sdks run

.PHONY: test-browser screenshots
test-browser: build ## Run the tests of the playground and of /docs in Chromium (needs npm; installs Chromium on Debian)
	.ci/browser setup
	.ci/browser run

screenshots: build ## Make the pictures of README.md anew (needs what test-browser needs)
	.ci/browser setup
	.ci/browser screenshots

.PHONY: test-schemathesis test-recorded
test-schemathesis: build ## Generate requests from the contract, and hold the gateway to it (needs Python, 60 MB)
	.ci/schemathesis setup
	.ci/schemathesis run

test-recorded: ## Have another validator judge all that the tests send and get, by the contract
	cd internal/crosscheck && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) test ./...
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	  SPECGATE_RECORD=$$dir $(GO) test -count=1 -timeout 20m ./cmd/specgate ./server ./internal/conformance && \
	  cd internal/crosscheck && $(GO) run . "$$dir"

.PHONY: test-traces
test-traces: build ## Have the OpenTelemetry Collector's own receiver take the gateway's traces
	cd internal/tracecheck && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) test -count=1 ./...

test-stores: ## Run the tests that take PostgreSQL and Redis, on servers of their own (installs both on Debian)
	@.ci/services start
	@trap '.ci/services stop' EXIT; eval "$$(.ci/services env)"; \
	  $(GO) test -count=1 -timeout 10m $(STORE_TESTS)

test-kill: ## Kill a gateway under load, KILLS times on each store, and count its records (installs PostgreSQL and Redis on Debian)
	@.ci/services start
	@trap '.ci/services stop' EXIT; eval "$$(.ci/services env)"; \
	  SPECGATE_TEST_KILLS=$(KILLS) $(GO) test -count=1 -timeout 60m -v -run 'ProcessLoses' ./cmd/specgate

.PHONY: test-overload
test-overload: ## Run four instances on one PostgreSQL and one Redis under four times their limit, OVERLOAD long
	@.ci/services start
	@trap '.ci/services stop' EXIT; eval "$$(.ci/services env)"; \
	  SPECGATE_OVERLOAD=$(OVERLOAD) $(GO) test -count=1 -timeout 60m -v -run 'TestOverload$$' ./cmd/specgate

cover: ## Say how much of the code that was not generated the tests reach
	$(GO) test -timeout 20m -coverpkg=./... -coverprofile=coverage.out ./... >/dev/null
	@grep -v '\.gen\.go:' coverage.out >coverage.hand && mv coverage.hand coverage.out
	$(GO) tool cover -func=coverage.out | tail -1

test-llamacpp: ## Run against a real llama.cpp server and a small real model (needs Python, 600 MB)
	.ci/llamacpp setup
	$(GO) test -tags llamacpp -count=1 -timeout 15m -v -run LlamaCpp ./cmd/specgate

test-vllm: ## Run in front of a real vLLM and a real llama.cpp at one time (needs Python, 6 GB)
	.ci/llamacpp setup
	.ci/vllm setup
	$(GO) test -tags backends -count=1 -timeout 30m -v -run BackendsVLLM ./cmd/specgate

test-ollama: ## Run in front of a real Ollama and a real llama.cpp at one time (needs Python, a C++ compiler, 2 GB)
	.ci/ollama setup
	$(GO) test -tags backends -count=1 -timeout 30m -v -run BackendsOllama ./cmd/specgate

.PHONY: test-docs
test-docs: ## Run the commands of the documentation with what DOCS names (go, npm, pip, maven; llamacpp, ollama, vllm), and list those that need more
	@for name in llamacpp ollama vllm; do case ,$(DOCS), in *,$$name,*) .ci/$$name setup || exit 1 ;; esac; done
	@left=$$(mktemp) && trap 'rm -f "$$left"' EXIT && \
	  SPECGATE_DOCS=$(DOCS) SPECGATE_DOCS_LEFT=$$left $(GO) test -count=1 -timeout 30m -run '^TestDocs' ./cmd/specgate && \
	  echo "not run, as DOCS does not name what they need:" && cat "$$left"

test-backends: test-llamacpp test-vllm test-ollama ## Run the tests against all of the real servers

scorecards: ## Hold real servers to the contract, bare and behind the gateway, and write what comes into docs/conformance.md
	.ci/scorecards

.PHONY: test-deploy lint-chart golden image release-check release licences security
test-deploy: build lint-chart ## Run the container's tree and the proxies, and hold chart, compose file and unit to what they say (needs root, nginx)
	cd deploy/check && $(GO) mod tidy -diff && $(GO) vet ./... && HELM=$(abspath $(BIN)/helm-$(HELM)) $(GO) test -count=1 ./...
	.ci/hadolint deploy/container/Dockerfile

.PHONY: test-alerts
test-alerts: ## Have promtool check the alerts and the dashboard, and run the alerts' tests (needs Debian or promtool)
	.ci/alerts

lint-chart: $(BIN)/helm-$(HELM) ## Lint the Helm chart
	$< lint --strict --quiet deploy/helm/specgate

golden: build $(BIN)/helm-$(HELM) ## Write what the Helm chart makes into deploy/helm/testdata
	cd deploy/check && HELM=$(abspath $(BIN)/helm-$(HELM)) $(GO) test -count=1 -run 'TestChart$$' -update ./...

.PHONY: chart push-chart
chart: $(BIN)/helm-$(HELM) ## Package the Helm chart into dist, as that of VERSION
	$< package deploy/helm/specgate --version $(VERSION:v%=%) --app-version $(VERSION:v%=%) --destination dist

push-chart: $(BIN)/helm-$(HELM) chart
	@printf %s "$$GH_TOKEN" | $< registry login $(firstword $(subst /, ,$(CHARTS))) --username "$$GITHUB_ACTOR" --password-stdin
	$< push dist/specgate-$(VERSION:v%=%).tgz oci://$(CHARTS)

$(BIN)/helm-$(HELM):
	GOBIN=$(abspath $(BIN)) $(GO) install helm.sh/helm/v4/cmd/helm@$(HELM)
	mv $(BIN)/helm $@

image: ## Build the container image specgate:dev for this machine (needs Docker)
	CGO_ENABLED=0 GOOS=linux $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/image/linux/$$($(GO) env GOARCH)/specgate ./cmd/specgate
	cp LICENSE docs/licences.txt $(BIN)/image
	docker build --file deploy/container/Dockerfile --platform linux/$$($(GO) env GOARCH) --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) --tag specgate:dev $(BIN)/image

release-check: $(BIN)/goreleaser-$(GORELEASER) $(BIN)/cyclonedx-gomod ## Make a release without publishing it, and check what is in it (15 minutes the first time)
	PATH=$(abspath $(BIN)):$$PATH GORELEASER=$(abspath $<) .ci/release-check

release: $(BIN)/goreleaser-$(GORELEASER) $(BIN)/cyclonedx-gomod
	PATH=$(abspath $(BIN)):$$PATH $< release --clean

$(BIN)/goreleaser-$(GORELEASER):
	GOBIN=$(abspath $(BIN)) $(GO) install github.com/goreleaser/goreleaser/v2@$(GORELEASER)
	mv $(BIN)/goreleaser $@

$(BIN)/cyclonedx-gomod: deploy/check/go.mod
	cd deploy/check && $(GO) build -o $(abspath $@) github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

licences: $(BIN)/licences ## Write docs/licences.*, and fail where what is in the binary has a licence that is not allowed
	@$< docs ./cmd/specgate

$(BIN)/licences: $(wildcard internal/licences/*)
	cd internal/licences && $(GO) build -o $(abspath $@) .

security: licences ## Look for known weaknesses in what the binary calls (asks vuln.go.dev)
	@$(GO) run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK) ./... || { \
	  status=$$?; [ $$status -eq 3 ] || echo "govulncheck could not look: it needs vuln.go.dev"; exit $$status; }
