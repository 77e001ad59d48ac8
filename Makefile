# ST-GDN suite. `make demo` and `make test` set everything up by themselves; `make help` lists the rest.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
ARGS ?=
LIMIT ?= 3600
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/limited_run.py $(LIMIT) $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo test unit quick faults test-gpu lint format types models report bench bench-gpu bench-data watch sync clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11, 3.12 or 3.13 is needed; name one with make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable . --constraint constraints.txt
	@touch $@

.venv/.installed-dev: pyproject.toml constraints.txt | .venv/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint constraints.txt
	@touch $@

install: .venv/.installed ## Make .venv with what running needs
install-dev: .venv/.installed-dev ## ... and with what testing needs

demo: install ## Train st_gdn on synthetic people, a few minutes on two cores
	$(BIN)/python src/train.py overwrite=true $(ARGS)

test: lint ## Lint, check types, run all tests; the two side by side
	@$(MAKE) --no-print-directory -j2 types unit

unit: install-dev ## Run the tests, a process a core, LIMIT seconds at most: make unit ARGS="-k whitening" LIMIT=600
	$(PYTEST) -n auto --dist loadgroup $(ARGS)

quick: install-dev ## Run the tests that train nothing and need no browser, in a minute or two
	$(PYTEST) -n auto --dist loadgroup -m "not slow" $(ARGS)

faults: LIMIT = 2700
faults: export STGDN_FAULTS = full
faults: export STGDN_KILLS = 50
faults: export STGDN_STEPS = 500
faults: install-dev ## Inject faults (kills, full disks, damage), 45 minutes at most: docs/reliability.md; as root all of them
	$(PYTEST) -n auto --dist loadgroup -m fault -o faulthandler_timeout=1800 $(ARGS)

test-gpu: LIMIT = 240
test-gpu: install-dev ## Run the tests that need a GPU, in four minutes at most
	$(PYTEST) -n auto --maxprocesses=4 --dist loadgroup -m gpu $(ARGS)

lint: install-dev ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install-dev ## Mend style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install-dev ## Check types
	$(BIN)/pyright

models: install ## Print every model's layout, parameters and FLOPs: make models ARGS="data=nw_ucla"
	$(BIN)/python src/models.py $(ARGS)

report: install ## Put all runs beside published figures, on a page to look at: make report ARGS="only.data=demo"
	$(BIN)/python src/report.py page=outputs/report.html mistakes=3 $(ARGS)

bench: install ## Measure speed and memory of networks: make bench ARGS="frames=300 batch=4"
	$(BIN)/python src/benchmark.py what=networks $(ARGS)

GPU_BENCH := device=cuda rounds=10 measures=[step] unwhitened=[] outputs=outputs/bench/gpu
GPU_FED := what=training device=cuda literal=[] unwhitened=[] variants=[st_gdn] precision=bf16 batch=64
bench-gpu: install ## ... on a GPU, in ten minutes: 64 and 300 frames, three precisions, CUDA graphs, steps fed from a store
	$(BIN)/python src/benchmark.py -m what=networks $(GPU_BENCH) 'variants=[agcn,st_gdn]' literal=[agcn] \
		batch=64 frames=64,300 precision=float32,tf32,bf16 $(ARGS)
	$(BIN)/python src/benchmark.py -m what=networks $(GPU_BENCH) 'variants=[st_gdn]' literal=[] memory=false \
		batch=64 frames=64 precision=bf16 compile=true,reduce-overhead $(ARGS)
	$(BIN)/python src/benchmark.py what=report from='outputs/bench/gpu/*.json'
	$(BIN)/python src/benchmark.py $(GPU_FED) frames=64 $(ARGS)
	$(BIN)/python src/benchmark.py $(GPU_FED) frames=300 $(ARGS)

bench-data: install ## Measure how fast data is parsed and fed, on one core: make bench-data ARGS="write=docs/benchmarks.md"
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python src/benchmark.py $(ARGS)

watch: install ## Look at the newest runs in the terminal: make watch ARGS="newest=50"
	@$(BIN)/python src/watch.py $(ARGS)

sync: install ## Upload what W&B recorded without a network; needs `wandb login`
	@$(BIN)/python src/sync.py $(ARGS)

clean: ## Remove caches and the virtual environment; runs and data stay
	rm -rf .venv .pytest_cache .ruff_cache build src/*.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
