# Everything a newcomer needs; `make` lists it. Setup runs automatically, once.
VENV ?= .venv
PY := $(VENV)/bin/python
export VENV
# the tests start hundreds of processes, each of which would compile everything anew
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help setup demo up test package pythons runtime interop studio real faults chaos film bench check checkov format lock clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup:  ## install the locked packages: .venv and node_modules
	@local/setup.sh

# through the environment, because a prompt may contain quotes
demo: export DEMO_PROMPT := $(PROMPT)
demo: export DEMO_MODEL := $(MODEL)
demo: export DEMO_SIZE := $(SIZE)
demo: export DEMO_DURATION := $(DURATION)
demo: export DEMO_VARIANTS := $(VARIANTS)
demo: setup  ## run the main job once: PROMPT="..." MODEL=sora SIZE=480x480 DURATION=5 VARIANTS=2
	@$(PY) -m local demo

up: setup  ## serve the whole stack on loopback until Ctrl-C
	@$(PY) -m local up

# the long modules first (tests/conftest.py); xdist itself would begin those with the most tests
test: setup  ## run all tests
	@$(PY) -m pytest -n 4 --dist loadscope --no-loadscope-reorder $(ARGS)

pythons: setup  ## run the main job and the quick tests on every other Python of this machine
	@local/pythons.sh

package: setup  ## build the deployment package for each version of Python and load it on those installed; the local host's wheel
	@$(PY) -m pytest -m package tests/infra/test_package.py local/host/tests/test_package.py $(ARGS)

runtime: setup  ## run every function on Microsoft's own runtime library (needs Python 3.13)
	@tests/runtime/run.sh $(ARGS)

interop: setup  ## test LiteLLM's own proxy before and behind the app (installs its own packages, once)
	@tests/interop/run.sh $(ARGS)

studio: setup  ## test the studio in a real browser, all of it (`make test` has the first steps)
	@$(PY) -m pytest -m studio -n 2 --dist loadscope tests/studio $(ARGS)

real: setup  ## test the app on the host that FUNCTIONS_HOST names, else on `func`, else on ours
	@$(PY) -m pytest -m real -s tests/real $(ARGS)

faults: setup  ## run the fault matrix: every fault of an upstream, a kill at every effect, several hosts
	@$(PY) -m tests.faults $(ARGS)

chaos: setup  ## render 200 videos under random faults and kills, until Ctrl-C: ARGS="--rounds 3 --hosts 3"
	@$(PY) -m tests.faults.chaos $(ARGS)

film: setup  ## send 10,000 lines as one batch through the local stack: ARGS="--lines 200"
	@$(PY) -m bench.film $(ARGS)

bench: setup  ## measure everything, into bench/results.json and docs/performance.md: ARGS="polls"
	@$(PY) -m bench $(ARGS)

check: setup  ## lint, formatting, strict types, import rules
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports
	@node_modules/.bin/tsc --project studio

checkov: setup  ## check security rules over infra/ (installs its own packages, once)
	@infra/checks/checkov.sh

format: setup  ## format the code
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

# one lock for Python 3.11 to 3.14: lines that differ name their version
lock:  ## resolve the requirements and lock them again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes pyproject.toml -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --group dev -c requirements.txt -o requirements-dev.txt
	cd infra/checks && uv pip compile --universal --python-version 3.11 --generate-hashes --overrides checkov-overrides.txt checkov.in -o checkov.txt
	cd tests/runtime && uv pip compile --universal --python-version 3.13 --generate-hashes -c ../../requirements.txt requirements.in -o requirements.txt
	cd tests/interop && uv pip compile --universal --python-version 3.11 --generate-hashes requirements.in -o requirements.txt

clean:  ## remove everything that setup and runs created
	rm -rf .venv .venv-* node_modules .data .package triggers/web/studio
