# `make` alone lists what can be done. The work is in tools/; make only names it.
.DEFAULT_GOAL := help
.PHONY: help demo test check fmt lint types contracts security docs docs-check bench pages lock build env env-dev clean clean-env
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
# Set on some machines to keep containers small; it makes every start compile every import.
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
# Tests wait for processes and servers for half of their time.
WORKERS = $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))
TYPED := $(wildcard core/*/bloop* plugins/*/*/bloop_*) examples tools tests/support

help: ## list these commands
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  \033[1mmake %-12s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: env ## a hub with a sample course, served on this machine (PORT=8080)
	@$(BIN)/python tools/demo.py $(if $(PORT),--port $(PORT))

test: env-dev ## all tests, with a real PostgreSQL and Redis (ARGS="-k name")
	@$(BIN)/python tools/run_tests.py -n $(or $(JOBS),$(WORKERS)) $(ARGS)

check: env-dev fmt-check lint types contracts security lint-plugins api-check docs-check ## format, lint, types, import contracts, security, plugins, docs

.PHONY: fmt-check
fmt-check:
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; echo "make fmt puts it right"; exit 1; }

fmt: env-dev ## format, and mend what the linter can
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

lint:
	@$(BIN)/ruff check .

types:
	@$(BIN)/mypy $(TYPED)

contracts:
	@$(BIN)/lint-imports --no-logo

security:
	@$(BIN)/bandit --quiet --severity-level medium --recursive --configfile pyproject.toml core plugins

.PHONY: lint-plugins api-check api-snapshot
lint-plugins: ## lint every first-party plugin as `bloop plugins lint` does
	@$(BIN)/bloop plugins lint --strict $(wildcard plugins/*/* examples/plugins/*)

api-check:
	@$(BIN)/python tools/api_snapshot.py --check

api-snapshot: env-dev ## write core/sdk/api: what plugins may rely on
	@$(BIN)/python tools/api_snapshot.py

docs-check:
	@for tool in tools/*_docs.py; do $(BIN)/python $$tool --check || exit 1; done
	@$(BIN)/python tools/docs_check.py

docs: env-dev ## write the parts of docs/ that are made from the source
	@for tool in tools/*_docs.py; do $(BIN)/python $$tool || exit 1; done

.PHONY: tutorial
tutorial: env-dev ## follow the plugin tutorial to the letter, in an environment of built wheels
	@$(BIN)/python tools/tutorial.py

bench: env-dev ## run the benchmarks and write docs/benchmarks.md (ONLY="dispatch read")
	@$(BIN)/python tools/bench.py $(ONLY)

pages: env-dev ## look at every page: pictures, axe, Lighthouse, costs, into var/pages (ONLY="lesson next")
	@$(BIN)/python -m tools.pages $(ONLY)

lock: env-dev ## renew the locks (UPGRADE=1: take the newest versions)
	@$(BIN)/python tools/lock.py $(if $(UPGRADE),--upgrade)

build: env-dev ## wheels of all distributions, into dist/
	@$(BIN)/python tools/build.py

env: ## only make .venv, as `make demo` does
	@sh tools/bootstrap.sh

env-dev: ## only make .venv, with what tests and checks need
	@sh tools/bootstrap.sh --dev

clean: ## remove what builds and tests have left
	@rm -rf dist .coverage .coverage.* coverage.json htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find core plugins tests tools examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

clean-env: clean ## the same, and remove .venv (the hub's data in var/ stays)
	@rm -rf .venv
