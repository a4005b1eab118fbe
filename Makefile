# make install   .venv with the `handful` command and what the tests need, every version as in constraints.txt
# make demo      the whole road on bundled pictures of cell nuclei, about a minute
# make test      the default tests;  make test-slow: those that train for long or need ../shared/data
# make lint      ruff and strict mypy
# make licences  the licence of everything needed at run time;  make audit  known holes in it, where pip-audit is there
# make starter   learn the start weights that ship again, 50 minutes on two cores
# make lock      write constraints.txt anew from what is installed, and hashes.txt with the hash of each file for it
# make install-hashed   as install, but pip refuses a file whose hash is not in hashes.txt

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: install install-hashed demo test test-slow lint licences audit starter lock clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "handful needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,big]'
	touch $(STAMP)

install-hashed:
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r hashes.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $(STAMP)

demo: install
	$(BIN)/handful demo -o demo

test: install
	$(BIN)/python -m pytest

test-slow: install
	$(BIN)/python -m pytest -m slow

lint: install
	$(BIN)/ruff check .
	$(BIN)/mypy

licences: install
	$(BIN)/python .ci/licences.py

audit:
	sh .ci/audit hashes.txt

starter: install
	$(BIN)/handful pretrain -o src/handful/verbs/starter.safetensors --rounds 400 --overwrite

lock:
	$(BIN)/python -m pip freeze --exclude-editable > constraints.txt
	$(BIN)/python -m pip install --quiet --dry-run --ignore-installed --no-deps --report - -r constraints.txt | \
		$(BIN)/python .ci/hashes.py > hashes.txt

clean:
	rm -rf .venv demo runs build .pytest_cache .mypy_cache .ruff_cache
