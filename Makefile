# train · test · test-browser · lab · data · bench · notebooks: each sets itself up.
#   make train EPOCHS=1                       a quick look
#   make train ARGS='--seed 1 --out run'      any option of `s6erav3 train`
#   make lab ARGS='--no-browser'              any option of JupyterLab
#   make test PIP_ARGS='--extra-index-url …'  options for pip, used by the first call only

PYTHON ?= python3
PIP_ARGS ?=
EPOCHS ?=
ARGS ?=

BIN := .venv/bin
READY := .venv/.ready
BROWSER := .venv/.browser
CHROMIUM = $(shell for name in chromium chromium-browser google-chrome google-chrome-stable; do command -v $$name && break; done)

.PHONY: train test test-browser lab data bench notebooks

train: $(READY)
	@$(BIN)/s6erav3 train $(if $(EPOCHS),--epochs $(EPOCHS)) $(ARGS)

test: $(READY)
	@$(BIN)/python tools/check.py

test-browser: $(BROWSER)
	@$(BIN)/python -m pytest -q -rs tests/test_browser.py

lab: $(READY)
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/nbs/index.ipynb $(ARGS)

data: $(READY)
	@$(BIN)/s6erav3 data

bench: $(READY)
	@$(BIN)/s6erav3 bench $(ARGS)

notebooks: $(READY)
	@$(BIN)/python tools/notebooks.py

$(READY): settings.ini setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Error: $(PYTHON) is missing or older than 3.11; name another with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 \
	  || { echo "Error: '$(PYTHON) -m venv .venv' failed; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@if $(BIN)/pip install --dry-run -q --no-deps --ignore-installed --retries 0 --timeout 15 $(PIP_ARGS) -c constraints.txt nbdev >.venv/probe.log 2>&1; then \
	  $(BIN)/pip install $(PIP_ARGS) -c constraints.txt -e '.[dev]' && touch $@ \
	    || { echo "Error: the installation failed (see above); mend that and run make again" >&2; exit 1; }; \
	elif $(BIN)/python -c 'import s6erav3, nbdev' 2>/dev/null; then \
	  echo "Note: the settings have changed since the installation, and pip cannot fetch anything now; going on with what is installed" >&2; \
	else \
	  echo "Error: the project is not installed yet, and pip cannot fetch what it needs ($$(grep -m 1 -i error .venv/probe.log)); connect to the internet, or name a folder of wheels with PIP_ARGS" >&2; exit 1; \
	fi

$(BROWSER): $(READY)
	@test -n "$(CHROMIUM)" || { echo "Installing Chromium with apt-get" && sudo=$$(test "$$(id -u)" = 0 || echo sudo) \
	  && $$sudo apt-get update -q && $$sudo apt-get install -y -q chromium; } \
	  || { echo "Error: there is no Chromium, and apt-get cannot install it; install Chromium or Chrome by hand" >&2; exit 1; }
	@$(BIN)/pip install -q $(PIP_ARGS) -c constraints.txt -e '.[browser]' && touch $@ \
	  || { echo "Error: the installation failed (see above); mend that and run make again" >&2; exit 1; }
