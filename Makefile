# make report  the pendulum's network as a page to look at, out/pendulum.html
# make demo   compile two systems to ONNX and measure the files against the ODE solver
# make neural-ode  train torchdiffeq's demo, compile it and measure the file against torchdiffeq
# make doors  compile fields of every kind and measure the files against SciPy
# make fuzz   a minute of random equations
# make verify  networks in the hands of Marabou and onnx2torch
# make screenshots  the pictures of reports in docs/images; needs Chromium and its chromedriver
# make docs   the documentation site, into out/site; its figures are drawn by the code on its pages
# make lint   style, types, and that each folder imports only those below it
# make test   lint, then the whole test suite
# make bench  the measurements of benchmarks/, written to benchmarks/results/
# make bench-scale  what compiling costs against the dimension
# make bench-rigorous  rigorous bounds and the time of their proofs
# make bench-soundness  rigorous bounds against errors, damage and 50-digit solutions; takes an hour
# make bench-speed  compiled flows beside ODE solvers and a trained network; takes an hour
# make bench-attack  damaged files, forgeries, pushes in time, kills, hostile objects, limits; takes an hour
# make bench-reach  reachable sets beside immrax
# make bench-battery  seconds to the first success on systems that nobody here chose
# make bench-depth  depth against error for every system and method; takes hours, resumes where it was stopped
#
# Everything happens in .venv, which is made on first use. PYTHON chooses the interpreter (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: report demo neural-ode doors docs fuzz verify screenshots test lint bench bench-depth bench-scale bench-rigorous bench-soundness bench-reach bench-speed bench-attack bench-battery clean

report: $(VENV)/.demo
	@mkdir -p out
	$(BIN)/vanillaflow report pendulum -o out/pendulum.html

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py out

neural-ode: $(VENV)/.torchdiffeq
	$(BIN)/python examples/train_neural_ode.py out

doors: $(VENV)/.torchdiffeq
	$(BIN)/python examples/every_door.py out

# The variable silences an advertisement.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m mkdocs build --strict

fuzz: $(VENV)/.fuzz
	$(BIN)/python tests/fields/equations/fuzz_equations.py -max_total_time=60

verify: $(VENV)/.verify
	$(BIN)/python -m pytest tests/export/test_verifiers.py tests/verification/test_marabou.py

screenshots: $(VENV)/.test
	$(BIN)/python docs/screenshots.py

# Two processes; one thread for the linear algebra: on matrices this small more only wait for one another.
test: lint
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.test
	$(BIN)/python benchmarks/zoo.py
	$(BIN)/python benchmarks/convergence.py

bench-scale: $(VENV)/.test
	$(BIN)/python benchmarks/scale.py

bench-rigorous: $(VENV)/.test
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/rigorous.py

bench-soundness: $(VENV)/.test
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/soundness.py

bench-attack: $(VENV)/.test
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/attack.py

bench-reach: $(VENV)/.reach
	$(BIN)/python benchmarks/reach.py

bench-speed: $(VENV)/.bench
	$(BIN)/python benchmarks/speed.py --cache out/speed

bench-battery: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --no-deps dysts==0.96
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/battery.py --write

bench-depth: $(VENV)/.test
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/depth.py

clean:
	rm -rf $(VENV) out

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vanillaflow needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

# Stamps: an extra is installed once, and again when pyproject.toml changes. The test extra pins torch.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[onnxruntime]'
	@touch $@

$(VENV)/.torchdiffeq: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[torchdiffeq]'
	@touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

$(VENV)/.verify: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[verify]'
	@touch $@

$(VENV)/.reach: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[reach]'
	@touch $@

$(VENV)/.bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@

$(VENV)/.fuzz: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[fuzz]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@
