PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS := .cache/tools
MEASURING := $(addprefix tests/contract/test_,parity.py one_picture.py photographs.py)

SECONDS ?= 60

.PHONY: help install demo compact test test-arm test-wheel docs parity mutation-check fuzz lint format audit sbom constraints clean

help:
	@echo "make demo         draw pictures; train, export and classify with them; downloads packages only"
	@echo "make compact      train and export the network that ships; needs DATA=PETIMAGES NEGATIVES=NEITHER"
	@echo "make test         run the tests"
	@echo "make test-arm     run a bundle on an emulated Raspberry Pi 4 and 5 (needs Debian 12's apt)"
	@echo "make docs         build the documentation into site/; a broken link or picture fails"
	@echo "make test-wheel   build wheel and sdist, install each extra alone; ONLY='not extra_train' leaves out some"
	@echo "make parity       measure every bound of docs/measurements/parity.md and write the tables of that page"
	@echo "make mutation-check  put faults into copies of the project; a test must notice each"
	@echo "make fuzz         feed damaged files to every reader, SECONDS=60 each; PAGE=FILE writes the figures"
	@echo "make lint         check style, types and, with bandit, security"
	@echo "make audit        look for known vulnerabilities of the pinned packages"
	@echo "make sbom         write dist/sbom.cdx.json, the list of all packages in CycloneDX"
	@echo "make format       change the code into that style"
	@echo "make constraints  pin the versions that are installed now, and the hashes of their files"
	@echo "make clean        delete what make made"

# Each file is checked against its hash. pip refuses hashes together with `-c` or with a folder (tried with pip 23.2),
# so that the packages come first, from a list of their own, and the project alone after them.
$(READY): pyproject.toml constraints-hashed.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r constraints-hashed.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/pip check
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
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive edge_runtime trainer exporter benchmarks scripts

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# atheris has wheels for few systems, and nothing but this needs it.
fuzz: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps atheris==3.0.0
	$(BIN)/python -m tests.fuzz.fuzz --seconds $(SECONDS) $(if $(PAGE),--page $(PAGE))

$(TOOLS)/.ready:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check pip-audit==2.10.1 cyclonedx-bom==7.5.0 uv==0.13.9
	@touch $@

audit: $(READY) $(TOOLS)/.ready
	$(BIN)/python scripts/audit.py $(TOOLS)/bin/pip-audit constraints-hashed.txt

sbom: $(READY) $(TOOLS)/.ready
	@mkdir -p dist
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	    --output-file dist/sbom.cdx.json $(BIN)/python

constraints: $(READY) $(TOOLS)/.ready
	(echo "# Versions that development and CI use. Made by: make constraints"; \
	 $(BIN)/pip freeze --all --exclude-editable --exclude pip --exclude atheris) > constraints.txt
	(echo "# The packages of constraints.txt with the hashes of their files. Made by: make constraints"; \
	 $(TOOLS)/bin/uv pip compile --quiet --python $(BIN)/python --no-deps --no-header --no-annotate \
	     --generate-hashes constraints.txt) > constraints-hashed.txt

clean:
	rm -rf $(VENV) build dist demo site *.egg-info .cache/arm .cache/environments .pytest_cache .mypy_cache .ruff_cache
