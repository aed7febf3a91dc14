# `make demo`, `make test`, `make docs`. Each makes an environment of its own the first time; nothing else to install.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= runs/demo
# the extra alone: with the package itself, pip would build it once more
DOCS_EXTRA := "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['docs'], sep='\n')"

.PHONY: demo test docs clean

# Two processes of one thread each: on two cores they take less time than two threads of one process
demo: $(READY)
	@$(BIN)/maskscope run addition-multiplication --preset demo --seeds 3 --workers 2 --threads 1 --out $(OUT)

# mypy runs on one core: beside the tests, and not before them. A file's tests are run by one worker, which makes its fixtures once.
test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy & types=$$!; $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder; tests=$$?; wait $$types && exit $$tests

# The site, in dist/site: strictly, and without a connection once its tools are there. It opens from the disk: dist/site/index.html
docs: $(VENV)/.docs-ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "The documentation is dist/site/index.html"

$(VENV)/.docs-ready: $(READY)
	$(BIN)/python -c $(DOCS_EXTRA) | $(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement /dev/stdin
	@touch $@

$(READY): pyproject.toml constraints.txt
	@echo "Installing into $(VENV): minutes, the first time only"
	@date +%s > .venv-began
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,test]'
	@echo "Installed in $$(( $$(date +%s) - $$(cat .venv-began) )) s"; rm -f .venv-began
	@touch $(READY)

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache src/maskscope/masks/kernels/__pycache__
