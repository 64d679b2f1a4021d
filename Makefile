# Two commands for newcomers: `make demo` and `make test`. Both make .venv when it is missing or older
# than what it is made from.
#
# Without an NVIDIA driver the CPU build of torch is what one wants. Where pip's own index holds the
# CUDA build only, name the CPU index that pytorch.org gives:  make test TORCH_INDEX=<address>
PYTHON ?= python3
TORCH_INDEX ?=
BIN := .venv/bin
STAMP := .venv/.installed

MINUTES ?= 30
KILLS ?= 100
SEED ?= 0

.PHONY: demo test check docs package accuracy accuracy-quick evidence speed fuzz soak clean

demo: $(STAMP)
	rm -rf demo
	$(BIN)/semivideo demo --out demo

test: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash scripts/test

check: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash scripts/check

docs: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash scripts/docs

package: $(STAMP)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash scripts/package

accuracy: $(STAMP)
	$(BIN)/python benchmarks/accuracy.py utd-mhad

accuracy-quick: $(STAMP)
	$(BIN)/python benchmarks/accuracy.py utd-mhad --quick

evidence: $(STAMP)
	$(BIN)/python benchmarks/evidence.py --run

speed: $(STAMP)
	$(BIN)/python benchmarks/speed.py

fuzz: $(STAMP)
	$(BIN)/python benchmarks/fuzz.py --minutes $(MINUTES) --seed $(SEED) --out docs/robustness.md

soak: $(STAMP)
	$(BIN)/python benchmarks/soak.py --kills $(KILLS) --seed $(SEED) --out docs/robustness.md

$(STAMP): pyproject.toml constraints.txt scripts/install
	PYTHON="$(PYTHON)" TORCH_INDEX="$(TORCH_INDEX)" bash scripts/install
	touch $(STAMP)

clean:
	rm -rf .venv demo build dist docs/generated *.egg-info .coverage .mypy_cache .ruff_cache
