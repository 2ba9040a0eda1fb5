# The commands of the project, for people, hooks and CI alike. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/run.installed
DEV := $(VENV)/dev.installed
CODE := benchmarks deployments flows invoker messenger register rfm tasks tests warehouse workload

.DEFAULT_GOAL := help
.PHONY: help run up down status messenger-setup dead-letters test lint format bench-loop bench-messenger bench-invoker clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  RUN_DATE=1998-06-30   the day to score customers as of (the last order date without it)"
	@echo "  ORDERS=orders.csv     your own orders, CSV or Parquet, instead of the demo's"
	@echo "  FORCE=1               score a day anew that is done"

run: $(RUN) ## score the customers and show the segments; starts what it needs and ends it again
	@$(BIN)/python -m deployments.local run

up: $(RUN) ## start the stack and leave it running
	@$(BIN)/python -m deployments.local up

down: $(RUN) ## end the stack
	@$(BIN)/python -m deployments.local down

status: $(RUN) ## show what runs
	@$(BIN)/python -m deployments.local status

messenger-setup: $(RUN) ## make what the messenger needs, and list what could not be made
	@$(BIN)/python -m deployments.messages setup

dead-letters: $(RUN) ## list the messages that could not be handled (docs/messenger.md: show, replay, drop)
	@$(BIN)/python -m deployments.messages list

test: lint ## lint, then run all tests
	@$(BIN)/pytest

lint: $(DEV) ## check code, types, imports and SQL
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports
	@$(BIN)/sqlfmt --check --quiet dbt

format: $(DEV) ## format Python and SQL
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfmt --quiet dbt

bench-loop: $(RUN) ## measure a run from request to confirmation, step by step
	@$(BIN)/python -m benchmarks.bench_loop

bench-messenger: $(RUN) ## measure the messenger
	@$(BIN)/python -m benchmarks.bench_messenger

bench-invoker: $(RUN) ## measure the invoker
	@$(BIN)/python -m benchmarks.bench_invoker

clean: ## end the stack; remove the environment, caches and the stack's files, but no data
	@if [ -e $(RUN) ]; then $(BIN)/python -m deployments.local down; fi
	@rm -rf $(VENV) .stack .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dbt/target dbt/logs
	@find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(RUN): requirements/run.txt requirements/bootstrap.txt
	@$(PYTHON) deployments/install.py $(VENV) requirements/run.txt
	@touch $@

$(DEV): requirements/dev.txt $(RUN)
	@$(PYTHON) deployments/install.py $(VENV) requirements/dev.txt
	@touch $@
