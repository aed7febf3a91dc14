# Two commands: `make demo` and `make test`. Each makes an environment of its own the first time; nothing else to install.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= runs/demo

.PHONY: demo test clean

demo: $(READY)
	$(BIN)/maskscope run addition-multiplication --preset quick --out $(OUT)
	@$(BIN)/maskscope show $(OUT)
	@echo
	@echo "The report is $(OUT)/report.html"

# mypy runs on one core: beside the tests, and not before them. A file's tests are run by one worker, which makes its fixtures once.
test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy & types=$$!; $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder; tests=$$?; wait $$types && exit $$tests

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,test]'
	@touch $(READY)

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache src/maskscope/masks/kernels/__pycache__
