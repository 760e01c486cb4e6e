"""The patches of nbgrader fit the nbgrader that is pinned, and change what they say and no more."""

import ast
import inspect
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from nbgrader import api, dbutil
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.nbgraderformat import common

from autograder.plugins import patches
from tests.autograder import classroom
from tests.support import house

ROOT = Path(__file__).resolve().parents[3]
PARAMETERS = {  # of what is replaced
    Gradebook.find_grade: ["self", "grade_cell", "notebook", "assignment", "student"],
    Gradebook.find_comment: ["self", "solution_cell", "notebook", "assignment", "student"],
    Autograde.init_assignment: ["self", "assignment_id", "student_id"],
    CourseDirectory.get_existing_timestamp: ["self", "dest_path"],
    GenerateAssignment.init_destination: ["self", "assignment_id", "student_id"],
    dbutil.write_alembic_ini: ["alembic_ini", "db_url"],
}


def test_they_were_written_for_the_nbgrader_that_is_pinned():
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    assert version("nbgrader") == patches.VERSION and f"nbgrader=={patches.VERSION}" in pins


@pytest.mark.parametrize("function", PARAMETERS, ids=lambda function: function.__name__)
def test_what_they_replace_is_called_as_before(function):
    assert list(inspect.signature(function).parameters) == PARAMETERS[function]


def test_nothing_of_nbgraders_is_replaced_anywhere_else():
    replaced = set()
    for name, path in house.modules().items():
        tree, theirs = ast.parse(path.read_text("utf-8")), set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nbgrader"):
                theirs |= {alias.asname or alias.name for alias in node.names}
            for target in getattr(node, "targets", []):
                above = getattr(target, "value", None)
                if isinstance(target, ast.Attribute) and getattr(above, "id", None) in theirs:
                    replaced.add(name)
    assert replaced == {"autograder.plugins.patches"}


@pytest.mark.parametrize(
    "told, hour",
    [
        ("2027-03-01 12:00 +0200", 10),
        ("2027-07-01 12:00 Europe/Berlin", 10),
        ("2027-03-01 12:00 CEST", None),
        *(
            pytest.param(*more, marks=pytest.mark.long)
            for more in [
                ("2027-03-01 12:00 UTC", 12),
                ("2027-03-01 12:00", 12),
                ("2027-03-01T12:00:00.000001 +0200", 10),
                ("2027-03-01 12:00 Asia/Kolkata", 6),
                ("1 March 2027 12:00 +01:00", 11),
                ("2027-03-01 12:00 IST", None),
                ("1 March 2027 12:00 CEST", None),
                ("soon", None),
            ]
        ),
    ],
)
def test_a_due_date_is_understood_or_refused(told, hour):
    patches.read_dates()
    with Gradebook("sqlite://") as gradebook:
        if hour is None:
            with pytest.raises(ValueError, match="2027|soon"):
                gradebook.add_assignment("vae", duedate=told)
        else:
            assert gradebook.add_assignment("vae", duedate=told).duedate.hour == hour


def test_nbgrader_db_refuses_a_due_date_in_a_line(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text("utf-8"))
    command = [sys.executable, "-m", "nbgrader", "db", "assignment", "add", "vae"]
    done = subprocess.run(
        [*command, "--duedate=2027-03-01 12:00 CEST"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1 and "no zone 'CEST' is known" in done.stderr
    assert "Traceback" not in done.stderr


def test_nbgrader_asks_for_its_engine_where_it_is_replaced_and_gets_it_back(own_class):
    before = api.create_engine, api.Base, common.jsonschema
    with patches.quickly():
        engines = set()
        for _ in range(2):
            with classroom.gradebook(own_class) as book:
                engines.add(book.engine)
                assert len(book.students) == len(classroom.ANSWERS)
        assert len(engines) == 1
    assert (api.create_engine, api.Base, common.jsonschema) == before


def test_cells_are_validated_as_by_nbgrader():
    schema = {"type": "object", "properties": {"points": {"type": "number"}}}
    stock = common.jsonschema
    for instance in ({"points": 1}, {"points": "ten"}, {"points": None}):
        told = []
        for validate in (stock.validate, patches._validate):
            try:
                validate(instance, schema)
                told.append(None)
            except common.ValidationError as error:
                told.append(error.message)
        assert told[0] == told[1]


def test_grades_are_found_at_once_and_what_is_missing_is_said(own_class):
    with classroom.gradebook(own_class) as book:
        where = "vae", "vae", "anna"
        stock = book.find_grade("vae-elbo", *where)
        patches.find_at_once(book, *where)
        assert book.find_grade("vae-elbo", *where) is stock
        assert book.find_comment("vae-beta_0", *where).name == "vae-beta_0"
        with pytest.raises(api.MissingEntry):
            book.find_grade("vae-nothing", *where)


@pytest.mark.parametrize("killed", [True, False])
def test_grades_are_stored_at_the_end_or_not_at_all(own_class, killed):
    with classroom.gradebook(own_class) as book, pytest.MonkeyPatch.context() as patch:
        grade = classroom.grade_of(book, "anna", "vae-elbo")
        patch.setattr(book.db, "commit", book.db.commit)  # put back afterwards
        try:
            with patches.commit_once(book):
                grade.auto_score = 0.125
                book.db.commit()
                if killed:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            book.db.rollback()
    with classroom.gradebook(own_class) as book:
        score = classroom.grade_of(book, "anna", "vae-elbo").auto_score
    assert (score == 0.125) is not killed


def test_a_timestamp_that_is_none_counts_as_none(tmp_path):
    converter = Autograde(coursedir=CourseDirectory())
    patches.doubt_timestamps(converter)
    os.mkfifo(tmp_path / "timestamp.txt")
    assert converter.coursedir.get_existing_timestamp(str(tmp_path)) is None
    os.remove(tmp_path / "timestamp.txt")
    (tmp_path / "timestamp.txt").write_text("2026-03-01 12:00 UTC")
    assert converter.coursedir.get_existing_timestamp(str(tmp_path)).hour == 12
