PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MEASURING := $(addprefix tests/contract/test_,parity.py one_picture.py photographs.py)

.PHONY: help install demo compact test test-arm test-wheel docs parity mutation-check lint format constraints clean

help:
	@echo "make demo         draw pictures; train, export and classify with them; downloads packages only"
	@echo "make compact      train and export the network that ships; needs DATA=PETIMAGES NEGATIVES=NEITHER"
	@echo "make test         run the tests"
	@echo "make test-arm     run a bundle on an emulated Raspberry Pi 4 and 5 (needs Debian 12's apt)"
	@echo "make docs         build the documentation into site/; a broken link or picture fails"
	@echo "make test-wheel   build wheel and sdist, install each extra alone; ONLY='not extra_train' leaves out some"
	@echo "make parity       measure every bound of docs/measurements/parity.md and write the tables of that page"
	@echo "make mutation-check  put faults into copies of the project; a test must notice each"
	@echo "make lint         check style and types"
	@echo "make format       change the code into that style"
	@echo "make constraints  pin the versions that are installed now"
	@echo "make clean        delete what make made"

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $@

install: $(READY)

demo: $(READY)
	PATH="$(abspath $(BIN)):$$PATH" sh scripts/demo.sh

compact: $(READY)
	PATH="$(abspath $(BIN)):$$PATH" sh scripts/compact.sh "$(DATA)" "$(NEGATIVES)"

test: $(READY)
	$(BIN)/python -m pytest --ignore=tests/arm --ignore=tests/distribution

test-arm: $(READY)
	$(BIN)/python -m pytest tests/arm

test-wheel: $(READY)
	$(BIN)/python -m pytest tests/distribution $(if $(ONLY),-k "$(ONLY)")

docs: $(READY)
	PYTHONPATH=. $(BIN)/python scripts/command_pages.py
	$(BIN)/python -m zensical build --clean --strict --config-file mkdocs.yml
	$(BIN)/python scripts/check_site.py mkdocs.yml

parity: $(READY)
	rm -f docs/measurements/parity.json
	CATDOG_PARITY=docs/measurements/parity.json $(BIN)/python -m pytest tests/arm $(MEASURING)
	PYTHONPATH=. $(BIN)/python scripts/parity_page.py

mutation-check: $(READY)
	$(BIN)/python scripts/mutation_check.py docs/measurements/parity-mutations.json

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
	rm -rf $(VENV) build dist demo site *.egg-info .cache/arm .cache/environments .pytest_cache .mypy_cache .ruff_cache
