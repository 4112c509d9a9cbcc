# make demo    sets up, then runs the main job
# make test    sets up, then runs the whole test suite
# Both use one environment, .venv, which is installed once and again only when pyproject.toml changes.
# make plugins installs the distributions in plugins/ on top.
# PYTHON=python3.12 chooses the interpreter; RESULTS=folder where the demo leaves its results.

PYTHON ?=
RESULTS ?= results
VENV := .venv
READY := $(VENV)/.ready
PLUGINS := $(wildcard plugins/p2lbench-*)
PLUGIN_CODE := $(wildcard plugins/p2lbench-*/p2lbench_*)

.PHONY: demo test quick lint types plugins clean

demo: $(READY)
	$(VENV)/bin/p2lbench run quickstart --results $(RESULTS)
	@echo
	@echo "Done. The leaderboard again: $(VENV)/bin/p2lbench leaderboard $(RESULTS)/quickstart"
	@echo "As a page: $(VENV)/bin/p2lbench report $(RESULTS)/quickstart"
	@echo "For a paper: $(VENV)/bin/p2lbench leaderboard $(RESULTS)/quickstart --format latex"
	@echo "Pictures: $(RESULTS)/quickstart/grid.png and $(RESULTS)/quickstart/curves.png"

test: $(READY)
	$(VENV)/bin/python -m pytest -n auto

quick: $(READY)
	$(VENV)/bin/python -m pytest -n auto -m "not slow"

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(READY)
	$(VENV)/bin/mypy p2lbench $(PLUGIN_CODE)

plugins: $(READY)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PLUGINS:%=--editable %)
	$(VENV)/bin/p2lbench plugins list

$(READY): pyproject.toml tools/setup
	@PYTHON="$(PYTHON)" sh tools/setup $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
