"""A course of one small assignment, in a folder of its own, as nbgrader knows it."""

import os
import shutil
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from autograder.key import catalogue
from autograder.release import build

KL = """import torch
def kl_gaussian(mu, logvar):
    return 0.5 * (mu.pow(2) + logvar.exp() - 1 - logvar).sum(1)
"""


def graded(name, source, kind=new_code_cell, **about):
    about = {"grade": False, "solution": False, "locked": False, "task": False, **about}
    cell = kind(source)
    cell.metadata["nbgrader"] = {
        "grade_id": name,
        "schema_version": 3,
        "cell_type": cell.cell_type,
        **about,
    }
    return cell


def hidden_test(question, points):
    source = build.TEST_CELL.format(what="A test", id=question)
    return graded(catalogue.grade_id(question), source, grade=True, locked=True, points=points)


def source_notebook():
    """The source of a two-question `vae`: one graded by code, one by a person."""
    solution = f"### BEGIN SOLUTION\n{KL}### END SOLUTION\n"
    return new_notebook(
        cells=[
            new_markdown_cell("# KL"),
            graded("kl_gaussian", solution, solution=True),
            graded("check-kl", "pass", locked=True),
            hidden_test("vae.kl_gaussian", 2),
            graded(
                "vae-beta_0", "your answer", new_markdown_cell, grade=True, solution=True, points=3
            ),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "P", "language": "python"}},
    )


class Course:
    """A course folder: hand in, autograde, look at the gradebook."""

    def __init__(self, root: Path):
        self.root = root
        config = Config()
        config.CourseDirectory.root = str(root)
        config.CourseDirectory.course_id = "test"
        config.Autograde.exporter_class = "autograder.plugins.exporter.Exporter"
        config.Autograde.sanitize_preprocessors = [
            "nbgrader.preprocessors.ClearOutput",
            "autograder.plugins.exporter.RestoreCells",
            "nbgrader.preprocessors.OverwriteKernelspec",
            "nbgrader.preprocessors.CheckCellMetadata",
        ]
        config.Autograde.autograde_preprocessors = [
            "autograder.plugins.execute.Execute",
            "nbgrader.preprocessors.LimitOutput",
            "autograder.plugins.execute.SaveAutoGrades",
            "nbgrader.preprocessors.CheckCellMetadata",
        ]
        config.Execute.seed = 7
        self.config = config
        folder = root / "source" / "vae"
        folder.mkdir(parents=True)
        nbformat.write(source_notebook(), folder / "vae.ipynb")
        done = NbGraderAPI(config=config).generate_assignment("vae")
        assert done["success"], done

    def released(self):
        return nbformat.read(self.root / "release" / "vae" / "vae.ipynb", as_version=4)

    def solved(self, source=KL):
        """The released notebook with the step filled in."""
        notebook = self.released()
        notebook.cells[1].source = source
        return notebook

    def hand_in(self, student, notebook, **files):
        folder = self.root / "submitted" / student / "vae"
        folder.mkdir(parents=True)
        path = folder / "vae.ipynb"
        if isinstance(notebook, bytes):
            path.write_bytes(notebook)
        else:
            nbformat.write(notebook, path)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return folder

    def autograde(self, student, **settings):
        """nbgrader's own answer: {"success", "log", …}."""
        config = deepcopy(self.config)
        config.Execute.update(settings)
        return NbGraderAPI(config=config).autograde("vae", student)

    def score(self, student):
        """Points of the code question, or None when nbgrader has no result."""
        with Gradebook(f"sqlite:///{self.root}/gradebook.db") as gradebook:
            return gradebook.find_grade("vae-kl_gaussian", "vae", "vae", student).auto_score

    def result(self, student):
        """The autograded notebook."""
        path = self.root / "autograded" / student / "vae" / "vae.ipynb"
        return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    os.environ["PATH"] = f"{Path(os.sys.executable).parent}:{os.environ['PATH']}"  # alembic
    return Course(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="session")
def graded_class(tmp_path_factory):
    """A course folder with a graded class, `classroom.ANSWERS`; not to be changed."""
    from tests.autograder import classroom

    return classroom.make(tmp_path_factory.mktemp("class"))


@pytest.fixture
def own_class(graded_class, tmp_path):
    """A copy of it to work in."""
    return shutil.copytree(graded_class, tmp_path / "class")
