PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo sandbox test test-fast lint format campaign lowest newest bench docs lock clean

help:  ## Show these targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.installed  ## Install everything into .venv, Meltano's plugins included.

.venv/.installed: requirements.lock meltano.yml */pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e tap-recurly -e transform -e target-klaviyo -e sandbox
	$(BIN)/meltano --environment prod --env-file /dev/null install
	@touch $@

demo: setup  ## A year of history, a week of changes, both sides compared.
	$(BIN)/python -m recurly_klaviyo_sandbox.demo

sandbox: setup  ## Keep Recurly and Klaviyo running on localhost, with the activity feed.
	$(BIN)/recurly-klaviyo-sandbox serve

test: setup  ## Run all tests.
	$(BIN)/pytest

test-fast: setup  ## Run the tests that take a moment: under a minute.
	$(BIN)/pytest -m "not slow and not campaign"

lint: setup  ## Check style and types.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: setup  ## Rewrite the code in the house style.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

campaign: setup  ## Run the long campaigns: thousands of fuzz cases, hundreds of kills.
	$(BIN)/pytest -m campaign

lowest: RESOLUTION = lowest-direct
lowest: setup  ## Test the products with the oldest packages they allow.
newest: RESOLUTION = highest
newest: setup  ## Test the products with the newest packages they allow.
lowest newest:
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-$@
	$(BIN)/uv pip install --quiet --python .venv-$@/bin/python --resolution $(RESOLUTION) --group dev -e tap-recurly -e transform -e "target-klaviyo[audit]" -e sandbox
	.venv-$@/bin/pytest tests/tap_recurly tests/transform tests/target_klaviyo

bench: setup  ## Measure tap and target beside their peers (ten minutes).
	$(BIN)/python -m bench

docs: setup  ## Write what the documents repeat of the code.
	$(BIN)/python scripts/generate.py

lock:  ## Renew requirements.lock from the members' pyproject files.
	uv lock --upgrade
	uv export --quiet --all-packages --all-groups --all-extras --no-emit-workspace --no-header --no-annotate --output-file requirements.lock

clean:  ## Remove what setup has made; bookmarks and rejected rows stay.
	rm -rf .venv .venv-* .*_cache .hypothesis
	if [ -d .meltano ]; then find .meltano -mindepth 1 -maxdepth 1 ! -name 'meltano.db*' -exec rm -rf {} +; fi
	if [ -d output ]; then find output -mindepth 1 -maxdepth 1 ! -name '*.singer*' -exec rm -rf {} +; fi
