# Each target is one line that calls the real tool; without make, see "Without make" in README.md.
PYTHON ?= python3.11
VENV   ?= .venv
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: demo test setup lab build release grade figures docs bench playground lint clean

# The same data on every machine, and no download.
demo test: export COURSE_DATA ?= embedded

demo: setup      ## build the release, grade a small class, show the table
	python -m autograder demo

test: setup      ## run the tests
	python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 15

setup: $(VENV)/.done

$(VENV)/.done: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -r requirements.txt
	touch $@

lab: setup       ## open JupyterLab on the notebooks
	jupyter lab assignments

build: setup     ## masters in solutions/*.py to notebooks
	python -m autograder build

release: setup   ## one zip for students: dist/vae-course.zip
	python -m autograder release

grade: setup     ## make grade ASSIGNMENT=vae
	python -m autograder grade $(ASSIGNMENT)

figures: setup   ## run the notebooks in full and keep their pictures in docs/figures
	python benchmarks/figures.py

docs: setup      ## the generated pages: what is tested, and how the tests are tested
	python -m autograder questions --markdown > docs/what-is-tested.md
	python -m tests.bank --markdown > docs/hidden-tests.md

bench: setup     ## measure, for hours; the tables belong in docs/benchmarks.md
	for script in data_loader speed training reports thresholds explorers grading; \
	  do python benchmarks/$$script.py || exit; done

playground: setup  ## the explorers as one page: build/playground/index.html
	python -m autograder playground

lint: setup
	ruff check . && ruff format --check . && python -m tests.house

clean:
	rm -rf build dist submitted autograded feedback gradebook.db
