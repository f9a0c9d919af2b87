PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo sandbox test lint format campaign bench docs lock clean

help:  ## Show these targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.installed  ## Install everything into .venv, Meltano's plugins included.

.venv/.installed: requirements.lock meltano.yml */pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e tap-recurly -e transform -e target-klaviyo -e sandbox
	$(BIN)/meltano --environment prod install
	@touch $@

demo: setup  ## A year of history, a week of changes, both sides compared.
	$(BIN)/python -m recurly_klaviyo_sandbox.demo

sandbox: setup  ## Keep Recurly and Klaviyo running on localhost, with the activity feed.
	$(BIN)/recurly-klaviyo-sandbox serve

test: setup  ## Run all tests.
	$(BIN)/pytest

lint: setup  ## Check style and types.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: setup  ## Rewrite the code in the house style.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

campaign: setup  ## Run the long campaigns: thousands of fuzz cases, hundreds of kills.
	$(BIN)/pytest -m campaign

bench: setup  ## Measure tap and target beside their peers (ten minutes).
	$(BIN)/python -m bench

docs: setup  ## Write what the documents repeat of the code.
	$(BIN)/python scripts/generate.py

lock:  ## Renew requirements.lock from the members' pyproject files.
	uv lock --upgrade
	uv export --quiet --all-packages --all-groups --all-extras --no-emit-workspace --no-header --no-annotate --output-file requirements.lock

clean:  ## Remove what setup and the runs have made.
	rm -rf .venv .meltano output
