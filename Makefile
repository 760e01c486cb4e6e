# Each target is one line that calls the real tool; without make, see "Without make" in README.md.
# PYTHON: the environment's own, else the first of 3.11 to 3.14 that runs; make PYTHON=... takes
# another.
VENV   ?= .venv
PYTHON ?= $(shell for p in $(VENV)/bin/python python3.11 python3.12 python3.13 python3.14 python3 \
  python; do $$p -c 0 2>/dev/null && echo $$p && break; done)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# This folder's packages, whatever a terminal was told about others.
export PYTHONPATH := $(CURDIR)
unexport PYTHONHOME

.PHONY: demo test quick long setup lab build register release grade figures docs bench playground \
  site lint clean

# The same data on every machine, and no download.
demo test quick long: export COURSE_DATA ?= embedded

demo: setup      ## build the release, grade a small class, show the table: make demo ASSIGNMENT=explore
	@python -m autograder demo $(ASSIGNMENT)

quick: setup     ## the tests that take a minute
	@python -m tests quick

test: setup      ## the tests of a change, as CI runs them
	@python -m tests test

long: setup      ## every test; stopped, it goes on where it was
	@python -m tests long

setup:
	@$(if $(PYTHON),,echo "There is no Python here; install 3.11 to 3.14, then run make again." && exit 1;) \
	$(PYTHON) autograder/release/install.py $(VENV)

lab: setup       ## open JupyterLab on the notebooks
	jupyter lab assignments

build: setup     ## masters in solutions/*.py to notebooks
	python -m autograder build

register: setup  ## the release into the gradebook; make register ASSIGNMENT=vae for one
	python -m autograder register $(ASSIGNMENT)

release: setup   ## one zip for students: dist/vae-course.zip
	python -m autograder release

grade: setup     ## make grade ASSIGNMENT=vae
	python -m autograder grade $(ASSIGNMENT)

figures: setup   ## run the notebooks in full and keep their pictures in docs/figures
	python benchmarks/figures.py

docs: setup      ## the generated pages: what is tested, and how the tests are tested
	python -m autograder questions --markdown > docs/what-is-tested.md
	python -m tests.bank --markdown > docs/hidden-tests.md
	python -m tests.bank.strangers --markdown >> docs/hidden-tests.md
	python -m tests.bank.unknown --markdown >> docs/hidden-tests.md

bench: setup     ## measure, for hours; the tables belong in docs/benchmarks.md
	for script in data_loader speed training reports thresholds explorers grading; \
	  do python benchmarks/$$script.py || exit; done

playground: setup  ## the explorers as one page: build/playground/index.html
	python -m autograder playground

site: setup        ## the playground and the documents as web pages: build/site
	python -m autograder site

lint: setup
	ruff check . && ruff format --check . && mypy && python -m tests.support.house

clean:
	rm -rf build dist
