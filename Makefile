PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help install demo test test-arm lint format constraints clean

help:
	@echo "make demo         train, export and classify on drawn pictures, with nothing downloaded but packages"
	@echo "make test         run the tests"
	@echo "make test-arm     run a bundle on an emulated Raspberry Pi 4 and 5 (Debian 12, downloads 0.2 GB once)"
	@echo "make lint         check style and types"
	@echo "make format       put the code into style"
	@echo "make constraints  pin the versions now installed"
	@echo "make clean        delete what make made"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $@

install: $(READY)

demo: $(READY)
	PATH="$(abspath $(BIN)):$$PATH" sh scripts/demo.sh

test: $(READY)
	$(BIN)/python -m pytest --ignore=tests/arm

test-arm: $(READY)
	$(BIN)/python -m pytest tests/arm

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints: $(READY)
	(echo "# Versions that development and CI use. Made by: make constraints"; \
	 $(BIN)/pip freeze --exclude-editable) > constraints.txt

clean:
	rm -rf $(VENV) build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache
