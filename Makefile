# `make demo` and `make test` set themselves up: the first call makes .venv and installs the project into it.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: venv demo test lint notebooks docs clean

venv: .venv/.installed

.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

demo: venv
	$(BIN)/lic train -m experiment=image/demo

test: lint
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

notebooks: .venv/.notebooks
	cd notebooks && ../$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root)

.venv/.notebooks: .venv/.installed
	$(BIN)/python -m pip install --quiet --editable '.[test,notebooks]'
	touch $@

docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --config-file docs/mkdocs.yml
	@echo build/docs/index.html

.venv/.docs: .venv/.installed
	$(BIN)/python -m pip install --quiet --editable '.[test,docs]'
	touch $@

clean:
	rm -rf .venv runs bench build
