# train · quick · test · test-all · lab · data · bench · notebooks · bundle · docs · slides · handout: each installs what it needs.
#   make train EPOCHS=1                       a quick look
#   make train ARGS='--seed 1 --output-dir run'    any option of `s6erav3 train`
#   make lab ARGS='--no-browser'              any option of JupyterLab
#   make test ARGS=nbs/00_data.ipynb          one notebook, or one file of tests
#   make test PIP_ARGS='--extra-index-url …'  options for pip, used by the first call only
#   make bundle                               gathers in bundle/ all that a machine without a network needs; there it is used by itself

PYTHON ?= python3
PIP_ARGS ?=
EPOCHS ?=
ARGS ?=

BIN := .venv/bin
ALL := .[dev,docs]
READY := .venv/.ready
DEV := .venv/.ready-dev
BROWSER := .venv/.browser
CHROMIUM = $(shell for name in chromium chromium-browser google-chrome google-chrome-stable; do command -v $$name && break; done)

BUNDLED := $(if $(wildcard bundle/wheels),--no-index --find-links bundle/wheels)

ifeq ($(S6ERAV3_DATA)$(wildcard data/MNIST),)
ifneq ($(wildcard bundle/data/MNIST),)
export S6ERAV3_DATA := $(CURDIR)/bundle/data
endif
endif

.PHONY: train quick test test-all test-thorough test-browser stress versions lab data bench notebooks bundle docs slides handout

train: $(READY)
	@$(BIN)/s6erav3 train $(if $(EPOCHS),--epochs $(EPOCHS)) $(ARGS)
	@echo 'Next: `make lab` opens the course; `$(BIN)/s6erav3 predict PICTURE` classifies a digit of your own;'
	@echo '`make train ARGS="--recipe best"` trains the most accurate network, which takes longer.'

# For the loop of a contributor: linters, types, notebooks in sync with the package, and the tests that are quick.
quick: $(DEV)
	@$(BIN)/python tools/check.py --quick $(ARGS)

# Every notebook and every test that a change could break.
test: $(DEV)
	@$(BIN)/python tools/check.py $(ARGS)

# Everything: kills, fuzzing, a cluster, torchvision's networks, every notebook in a real browser, the built wheel on every Python.
test-all: test-thorough test-browser versions

test-thorough: $(DEV)
	@$(BIN)/python tools/check.py --all $(ARGS)

test-browser: $(BROWSER)
	@$(BIN)/python tools/check.py --workers 2 tests/test_browser.py tests/test_explore_browser.py

lab: $(DEV)
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/nbs/index.ipynb $(ARGS)

data: $(READY)
	@$(BIN)/s6erav3 download

bench: $(READY)
	@$(BIN)/s6erav3 bench $(ARGS)

notebooks: $(DEV)
	@$(BIN)/python tools/notebooks.py

bundle: $(READY)
	@$(BIN)/python tools/bundle.py $(PIP_ARGS)

# What training needs; and with it what notebooks, tests and the site need. The second makes the first.
$(READY): settings.ini setup.py constraints.txt
	$(call install,.,s6erav3,$(READY))

$(DEV): settings.ini setup.py constraints.txt
	$(call install,$(ALL),s6erav3; import nbdev,$(READY) $(DEV))

# $(call install,WHAT,MODULES,STAMPS) makes .venv if needed, installs WHAT, and touches STAMPS. Where pip
# can fetch nothing, MODULES that can be imported are enough.
define install
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || { echo "Error: $(PYTHON) is missing or older than 3.11; name another with PYTHON=…" >&2; exit 1; }
@$(PYTHON) -m venv .venv >/dev/null 2>&1 \
  || { echo "Error: '$(PYTHON) -m venv .venv' failed; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
@mkdir -p .venv/etc/jupyter && ln -sf ../../../jupyter_server_config.py .venv/etc/jupyter/
@if $(if $(PIP_ARGS),false,$(if $(BUNDLED),$(BIN)/pip install --dry-run -q --ignore-installed $(BUNDLED) -c constraints.txt -e '$(1)' >.venv/bundle.log 2>&1,false)); then \
  echo "Installing from bundle/wheels" && $(BIN)/pip install $(BUNDLED) -c constraints.txt -e '$(1)' && touch $(3) \
    || { echo "Error: the installation from bundle/wheels failed (see above)" >&2; exit 1; }; \
elif $(BIN)/pip install --dry-run -q --no-deps --ignore-installed --retries 0 --timeout 15 $(PIP_ARGS) -c constraints.txt typer >.venv/probe.log 2>&1; then \
  $(BIN)/pip install $(PIP_ARGS) -c constraints.txt -e '$(1)' && touch $(3) \
    || { echo "Error: the installation failed (see above); mend that and run make again" >&2; exit 1; }; \
elif $(BIN)/python -c 'import $(2)' 2>/dev/null; then \
  echo "Note: the settings have changed since the installation, and pip cannot fetch anything now; going on with what is installed" >&2; \
else \
  echo "Error: the project is not installed yet, and pip cannot fetch what it needs ($$(grep -m 1 -i error .venv/probe.log)); connect to the internet, or name a folder of wheels with PIP_ARGS$(if $(BUNDLED),; bundle/wheels is incomplete or for another Python: $$(sed -n 's/^ *ERROR: //p' .venv/bundle.log 2>/dev/null | tail -n 1))" >&2; exit 1; \
fi
endef

$(BROWSER): $(DEV)
	@test -n "$(CHROMIUM)" || { echo "Installing Chromium with apt-get" && sudo=$$(test "$$(id -u)" = 0 || echo sudo) \
	  && $$sudo apt-get update -q && $$sudo apt-get install -y -q chromium; } \
	  || { echo "Error: there is no Chromium, and apt-get cannot install it; install Chromium or Chrome by hand" >&2; exit 1; }
	@$(BIN)/pip install -q $(PIP_ARGS) -c constraints.txt -e '.[browser]' && touch $@ \
	  || { echo "Error: the installation failed (see above); mend that and run make again" >&2; exit 1; }

# The tests of faults, with ten thousand damaged files for each reader. Its records are results/stress/.
stress: $(DEV)
	@S6ERAV3_STRESS=10000 S6ERAV3_STRESS_RECORDS=results/stress $(BIN)/python -m pytest -q -rs tests/test_kills.py tests/test_resume.py tests/test_fuzz.py tests/test_data.py tests/test_download.py

# The package's tests on the built wheel, in a clean environment for each Python from 3.11 to 3.13 that is to be had.
versions: $(DEV)
	@PIP_ARGS='$(PIP_ARGS)' $(BIN)/python tools/versions.py $(ARGS)

docs: $(DEV)
	@$(BIN)/python tools/docs.py $(ARGS)

# Slides of the course pages in _slides/; `make slides ARGS='--serve 8000'` serves them on this machine.
slides: $(DEV)
	@$(BIN)/python tools/slides.py $(ARGS)

# A copy without solutions in handout/, for students.
handout: $(READY)
	@$(BIN)/python tools/handout.py $(ARGS)
