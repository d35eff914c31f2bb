# Everything runs in .venv, which is created on first use and again when a lock file changes.
# Needs Python 3.11 or newer and make. Node is one of the pinned requirements.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/ready
BIN := $(VENV)/bin
AUDIT := build/audit
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := $(CURDIR)
# Requests to this machine never go through a proxy.
export NO_PROXY := 127.0.0.1,$(NO_PROXY)
export no_proxy := $(NO_PROXY)

# Lambda's runtime contains boto3 and its dependencies, so the functions' lock file leaves them out.
IN_LAMBDA := boto3 botocore s3transfer python-dateutil six urllib3

# Tests run in up to four processes; those of one module stay together.
PROCESSES := --numprocesses auto --maxprocesses 4
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help demo test check faults lint format docs up down bootstrap deploy smoke bench capacity lock audit clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## run the demo, handwritten digits that change, on a local stack that stays up
	@python -m infra.local up $(if $(PORT),--port $(PORT))
	@env -u TIDEMARK_API -u TIDEMARK_BUCKET python -m examples.digits

check: lint ## before each commit: lint, then the unit and integration tests
	@python -m pytest tests/unit tests/integration --hypothesis-profile quick $(PROCESSES) --dist worksteal

test: $(READY) ## all tests: unit, integration, template, faults, and the deployed stack on this machine
	@python -m pytest $(PROCESSES) --dist loadscope

faults: $(READY) ## test faults, hostile users and load at length, for docs/reliability.md (PART=… for one)
	@uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements/fuzz.txt || \
		echo "atheris does not run on this machine: fuzzing by coverage is skipped"
	@python -m tests.reliability $(PART)

lint: $(READY) ## check style, types and the layers of the imports
	ruff check
	ruff format --check
	mypy
	lint-imports

format: $(READY) ## format the code
	ruff check --fix
	ruff format

docs: $(READY) ## write the generated tables of docs/api/ from the code
	@python -m tests.docs

up: $(READY) ## run Tidemark on this machine; prints its address and an admin key (PORT=… to choose one)
	@python -m infra.local up $(if $(PORT),--port $(PORT)) $(ARGS)

down: $(READY) ## stop it; its data stays for the next `make up`
	@python -m infra.local down

bootstrap: $(READY) node_modules ## prepare an AWS account and region for the CDK, once before the first deploy
	npx --no-install cdk bootstrap $(ARGS)

deploy: $(READY) node_modules ## deploy to the AWS account and region of your credentials (ARGS=… for the CDK)
	@python -m infra.deployment check $(ARGS)
	npx --no-install cdk deploy $(ARGS)
	@python -m infra.deployment protect $(ARGS)

smoke: $(READY) ## use a deployment once with your AWS credentials, and compare what comes back (ARGS=--help)
	@python -m infra.smoke $(ARGS)

bench: $(READY) ## measure what common operations cost, in AWS's units and in seconds (writes docs/costs-measured.md)
	@python -m tests.bench

capacity: $(READY) ## simulate AWS's limits under load, in a few minutes (writes docs/capacity.md)
	@python -m tests.capacity --write

lock: $(READY) ## resolve requirements/*.in and package.json again
	$(COMPILE) $(addprefix --no-emit-package ,$(IN_LAMBDA)) -o requirements/runtime.txt requirements/runtime.in
	$(COMPILE) -o requirements/parquet.txt requirements/parquet.in
	$(COMPILE) -o requirements/oidc.txt requirements/oidc.in
	$(COMPILE) -o requirements/dev.txt requirements/dev.in
	$(COMPILE) -o requirements/uv.txt requirements/uv.in
	$(COMPILE) -o requirements/fuzz.txt requirements/fuzz.in
	$(COMPILE) -o requirements/audit.txt requirements/audit.in
	npm install --package-lock-only --no-audit --no-fund

# Strict: an unknown package counts as a failure. Both services are asked, whatever the first one reports.
audit: $(AUDIT)/ready ## check all pinned packages against the advisories of PyPI and npm
	@failed=0; \
	$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes \
		$(foreach lock,runtime parquet oidc dev uv fuzz audit,-r requirements/$(lock).txt) || failed=1; \
	npm audit --package-lock-only || failed=1; \
	exit $$failed

clean: $(READY) ## stop the local stack; remove its data and all build output
	@python -m infra.local down
	rm -rf build cdk.out node_modules .import_linter_cache .mypy_cache .pytest_cache .ruff_cache $(VENV)

$(READY): requirements/uv.txt requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(AUDIT)/ready: requirements/audit.txt $(READY)
	python -m venv $(AUDIT)
	uv pip sync --quiet --python $(AUDIT)/bin/python --require-hashes requirements/audit.txt
	@touch $@

node_modules: package.json package-lock.json $(READY)
	npm ci --no-audit --no-fund
	@touch $@
