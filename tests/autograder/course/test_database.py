"""A gradebook that is no SQLite file: nothing is asked of it that only SQLite understands."""

import os

import pytest
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Engine
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.elements import TextClause

from autograder.cli import main
from autograder.course import answers, exports, report
from autograder.plugins import execute
from tests.autograder import classroom


@pytest.fixture
def asked():
    """Every statement that is executed."""
    found = []

    def note(connection, statement, *rest):
        found.append(statement)

    event.listen(Engine, "before_execute", note)
    yield found
    event.remove(Engine, "before_execute", note)


def test_what_is_asked_of_the_gradebook_can_be_asked_of_postgres(own_class, tmp_path, asked):
    course = classroom.course(own_class)
    course.settle()
    report.page(course)
    desk = answers.Desk(course)
    for name in desk.questions:
        first = desk.answers(name)[0]
        desk.enter(first.key, {"marks": 1, "was": first.entered})
    course.keep_looked_at(first.student, course.looked_at(first.student), set())
    with classroom.gradebook(own_class) as book:
        exports.Table(to=str(tmp_path / "table.csv")).export(book)
        plugin = execute.SaveAutoGrades()
        plugin.gradebook = book
        execute.EXTRA.create(book.db.connection(), checkfirst=True)
        plugin._add_extra(classroom.grade_of(book, "anna", "vae-iwae_bound"), 1.0)
    assert len(asked) > 20
    for statement in [*asked, CreateTable(execute.EXTRA)]:
        assert not isinstance(statement, TextClause)
        statement.compile(dialect=postgresql.dialect())


@pytest.mark.parametrize(
    "url, says",
    [
        ("postgresql://me:secret@127.0.0.1:1/course", "gradebook postgresql://me:***@127.0.0.1:1"),
        ("nonsense://me:secret@host/course", "cannot read the gradebook nonsense://me:***@host"),
        ("nonsense", "cannot read the gradebook nonsense: Could not parse"),
    ],
)
@pytest.mark.parametrize("command", ["register", "grade", "report"])
def test_a_gradebook_that_cannot_be_opened_is_one_line(tmp_path, capsys, url, says, command):
    own = f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n"
    (tmp_path / "nbgrader_config.py").write_text(own)
    assert main([command, "vae", "--course-dir", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert says in said and "secret" not in said and len(said.splitlines()) == 1
    assert os.listdir(tmp_path) == ["nbgrader_config.py"]
