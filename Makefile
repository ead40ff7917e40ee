# One file, the same on every machine: python3 (3.11 or newer, with venv), git and make are enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
JOBS   ?= 2
# Most slow tests wait more than they work, so two cores bear three of them at once.
SCENES ?= 3
# Each of their tests plays a home behind an HTTP interface.
WHOLE_HOMES := tests/analysis tests/cloud tests/dialects

# Tests start many processes: what one has compiled the next need not.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-all test-roots soak audit sbom check format schema lock setup-dev setup-run browser clean

run: $(VENV)/.run                      ## the shipped simulated home, or CONFIG=your.yaml
	$(BIN)/hemsd run -c $(or $(CONFIG),config.yaml)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hemsd needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python has no venv here. On Debian: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.run: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run

setup-run: $(VENV)/.run
setup-dev: $(VENV)/.dev

# The broker and the browser that the tests use come from Debian's packages.
browser:
	@./tests/install_system_parts.sh

check: $(VENV)/.dev                    ## what a commit must pass; under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	HYPOTHESIS_PROFILE=quick $(BIN)/pytest -q -n $(JOBS) -p no:schemathesis -m "not slow and not long" $(WHOLE_HOMES:%=--ignore=%)

# Tests that start processes, brokers and browsers depend on a machine that others use too: one that fails is run
# again, twice at the most, and the summary names it (R). A fault of ours fails every time.
test: $(VENV)/.dev browser             ## every test, long scenarios in their short form; under 10 minutes
	$(BIN)/pytest -n $(SCENES) -m "not long" --reruns 2 --reruns-delay 2

test-all: $(VENV)/.dev browser         ## the long forms as well
	HYPOTHESIS_PROFILE=search $(BIN)/pytest -n $(SCENES) --timeout 3600

soak: $(VENV)/.dev                     ## a simulated fortnight with outages and kills: half an hour of a quiet machine
	$(BIN)/python -m benchmarks.soak --hours $(or $(HOURS),336) --report benchmarks/soak.md

test-roots:                            ## installs, upgrades and removes it in clean Debian roots; needs root and debootstrap
	tests/install/roots.sh $(ROOTS_WANTED)

# Not a part of `make check`: it needs the network, and a hole that became known overnight is no fault of the change at hand.
audit: $(BIN)/python                   ## known holes in what is locked; for a daily CI job
	@test -x $(VENV)/audit/bin/pip-audit || { $(BIN)/python -m venv $(VENV)/audit && $(VENV)/audit/bin/python -m pip install -q pip-audit; }
	@.ci/audit $(VENV)/audit/bin/pip-audit

sbom: $(VENV)/.run                     ## dist/hemsd.cdx.json: what the program is made of, as CycloneDX
	@mkdir -p dist
	$(BIN)/python -m hemsd.ops.ingredients > dist/hemsd.cdx.json

schema: $(VENV)/.run                   ## what editors know of config.yaml
	$(BIN)/hemsd schema > config.schema.json

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:                                  ## needs uv; the locks name no index and cover 3.11 to 3.13 on every platform
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --group dev --group build -o requirements-dev.txt
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml --group build -c requirements-dev.txt -o requirements.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
