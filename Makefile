# `make` lists the targets. PYTHON picks the interpreter that .venv is made with (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
ARGS ?=

# Without an NVIDIA driver torch's own index is asked too, where it answers: its CPU build is a tenth of PyPI's CUDA one.
# `make TORCH_INDEX= ...` asks PyPI alone.
CPU_INDEX := https://download.pytorch.org/whl/cpu
TORCH_INDEX ?= $(shell command -v nvidia-smi >/dev/null || $(PYTHON) -c "import urllib.request as u; \
	u.urlopen('$(CPU_INDEX)/', timeout=5); print('$(CPU_INDEX)')" 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help .venv demo test check format bench-local

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z.][a-z.-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv: $(INSTALLED) ## make the environment, again only when pyproject.toml or constraints.txt changed

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer, please: make PYTHON=python3.12")'
	@echo "Making .venv; a few minutes."
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch==2.13.0
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

test: $(INSTALLED) ## run the tests; ARGS="-m slow" the slow ones
	$(BIN)/python -m pytest $(ARGS)

check: $(INSTALLED) ## lint, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

format: $(INSTALLED) ## mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench-local: $(INSTALLED) ## tokens a second against Transformers' own generate
	$(BIN)/python -m experiments.bench_local

demo: $(INSTALLED) ## solve one problem with MCTS, then sweep all four searchers and draw the curve
	$(BIN)/stepsearch solve "((-2 * 4 - -7) * (3 * 9 + 8 - -6)) =" search=mcts show=tree
	rm -rf runs/demo
	$(BIN)/stepsearch sweep problems.limit=20 budgets=[1,4,16] out=runs/demo
