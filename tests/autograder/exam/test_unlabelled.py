"""Cells that lost their metadata: the work is graded, and an answer in words reaches a person."""

import copy
import json

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell

from autograder.exam import sanitize
from autograder.release import build

WORDS = "The samples are blots."


def release(assignment):
    path = build.ROOT / "assignments" / assignment / f"{assignment}.ipynb"
    return nbformat.read(path, as_version=4)


def restored(notebook, assignment, tmp_path):
    """The cells of the release after a notebook was handed in, {name: cell}; and the notes."""
    path = tmp_path / "handed-in.ipynb"
    path.write_text(json.dumps(notebook))
    read = sanitize.read(path)
    known = {named(c): with_tests(c) for c in release(assignment).cells if named(c)}
    sanitize.restore(read, known, lambda text, *values: text % values)
    return {named(c): c for c in read.cells if named(c)}, sanitize.notes_of(read.metadata)


def with_tests(cell):
    """As the gradebook has it."""
    about = cell.metadata.nbgrader
    if about.grade and not about.solution:
        cell.source += "\n### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS"
    elif named(cell).startswith("rubric-"):
        cell.source += "\n### BEGIN MARK SCHEME\n1\n### END MARK SCHEME\n"
    return cell


def named(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def stripped(notebook):
    """As Deepnote and Kaggle save it."""
    for cell in notebook.cells:
        cell.metadata = nbformat.NotebookNode(cell_id="1")
    return notebook


def answers_of(assignment):
    return [named(c) for c in release(assignment).cells if c.metadata.get("answer")]


@pytest.mark.parametrize("assignment", ["vae", "explore", "interpolation", "autodecoder"])
def test_without_any_metadata_every_cell_is_known_again(assignment, tmp_path):
    notebook = release(assignment)
    for cell in notebook.cells:
        if cell.metadata.get("answer"):
            cell.source = cell.source.replace("YOUR ANSWER HERE", f"{WORDS} {named(cell)}")
    found, notes = restored(stripped(notebook), assignment, tmp_path)
    for name in answers_of(assignment):
        assert found[name].source.endswith(f"{WORDS} {name}")
        assert any(repr(name) in note for note in notes)
    assert len(found) == sum(map(bool, map(named, release(assignment).cells)))


def test_answers_keep_to_their_own_questions(tmp_path):
    """Only the second of three was written; two have the same first line."""
    notebook = release("vae")
    for cell in notebook.cells:
        if named(cell) == "vae-beta_10":
            cell.source = cell.source.replace("YOUR ANSWER HERE", WORDS)
    found, _ = restored(stripped(notebook), "vae", tmp_path)
    written = [name for name in answers_of("vae") if WORDS in found[name].source]
    assert written == ["vae-beta_10"]


def place_of(notebook, name):
    return next(n for n, cell in enumerate(notebook.cells) if named(cell) == name)


def retyped(notebook, name):
    """Deleted, and written into a cell of one's own."""
    notebook.cells[place_of(notebook, name)] = new_markdown_cell(WORDS)


def below(notebook, name):
    notebook.cells.insert(place_of(notebook, name) + 1, new_markdown_cell(WORDS))


def above(notebook, name):
    notebook.cells.insert(place_of(notebook, name), new_markdown_cell(WORDS))


def paragraphs(notebook, name):
    """As Deepnote saves it: a cell a paragraph, and no metadata."""
    place = place_of(notebook, name)
    header = notebook.cells[place].source.splitlines()[0]
    notebook.cells[place : place + 1] = map(new_markdown_cell, [header, WORDS, "And more."])
    stripped(notebook)


def raw(notebook, name):
    notebook.cells[place_of(notebook, name)] = nbformat.v4.new_raw_cell(WORDS)


def rubric_gone_too(notebook, name):
    retyped(notebook, name)
    del notebook.cells[place_of(notebook, f"rubric-{name}")]


def split(notebook, name):
    """As JupyterLab splits a cell: both halves have its id."""
    place = place_of(notebook, name)
    half = copy.deepcopy(notebook.cells[place])
    notebook.cells[place].source = WORDS
    notebook.cells.insert(place + 1, half | {"id": "half", "source": "And more."})


def into_the_question(notebook, name):
    """Editors that do not know locked cells let one write there."""
    notebook.cells[place_of(notebook, f"rubric-{name}")].source += f"\n\n{WORDS}"


def merged(notebook, name):
    """With the question above it: one cell, which has the question's id."""
    answer = notebook.cells.pop(place_of(notebook, name))
    answer.source = answer.source.replace("YOUR ANSWER HERE", WORDS)
    question = notebook.cells[place_of(notebook, f"rubric-{name}")]
    question.source = question.source.replace("*", "_") + f"\n\n{answer.source}"


def merged_with_a_note(notebook, name):
    answer = notebook.cells[place_of(notebook, name)]
    text = answer.source.replace("YOUR ANSWER HERE", WORDS)
    notebook.cells[place_of(notebook, name)] = new_markdown_cell(f"A note.\n\n{text}")


def of_no_type(notebook, name):
    notebook.cells[place_of(notebook, name)].update(cell_type="text", source=WORDS)


BESIDE = [retyped, below, above, paragraphs, raw, rubric_gone_too, split, into_the_question, merged]
BESIDE += [merged_with_a_note, of_no_type]


@pytest.mark.parametrize("how", BESIDE)
@pytest.mark.parametrize("name", ["vae-beta_0", "vae-well_tuned"])
def test_an_answer_beside_its_cell_is_put_into_it(how, name, tmp_path):
    notebook = release("vae")
    how(notebook, name)
    found, notes = restored(notebook, "vae", tmp_path)
    assert WORDS in found[name].source and "YOUR ANSWER" not in found[name].source
    assert found[name].cell_type == "markdown" and notes
    assert not any(WORDS in found[other].source for other in answers_of("vae") if other != name)


@pytest.mark.parametrize("assignment", ["vae", "explore", "interpolation", "autodecoder"])
def test_of_an_untouched_release_nothing_is_moved(assignment, tmp_path):
    found, notes = restored(release(assignment), assignment, tmp_path)
    assert not notes
    for cell in release(assignment).cells:
        if named(cell):
            assert found[named(cell)].source == with_tests(cell).source


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "svg+xml"])
def test_pictures_of_an_answer_are_kept_one_by_one(kind, tmp_path):
    notebook = release("explore")
    cell = notebook.cells[place_of(notebook, "explore-hypothesis")]
    cell.attachments = {"a": {"image/png": ["QUJD", "REVG"]}, "b": {f"image/{kind}": "QUJD"}}
    found, notes = restored(notebook, "explore", tmp_path)
    kept = found["explore-hypothesis"].attachments
    assert kept["a"] == {"image/png": "QUJDREVG"}
    assert ("b" in kept) != (kind == "svg+xml")
    assert bool(notes) == (kind == "svg+xml")


def test_of_copies_of_an_answer_the_last_edited_counts_and_a_changed_question_is_no_answer(
    tmp_path,
):
    notebook = release("vae")
    place = place_of(notebook, "vae-beta_0")
    answer = notebook.cells[place]
    draft = answer | {"source": answer.source.replace("YOUR ANSWER HERE", "A draft.")}
    final = answer | {"source": answer.source.replace("YOUR ANSWER HERE", WORDS)}
    copies = map(nbformat.from_dict, [draft, final | {"id": "final"}])
    notebook.cells[place : place + 1] = copies
    question = notebook.cells[place_of(notebook, "rubric-vae-beta_10")]
    question.source = question.source.replace("Question", "Task") + "\n"
    found, notes = restored(notebook, "vae", tmp_path)
    assert found["vae-beta_0"].source == final["source"]
    assert "YOUR ANSWER HERE" in found["vae-beta_10"].source
    assert any("'rubric-vae-beta_10' is read-only" in note for note in notes)


def test_a_merge_conflict_is_called_by_its_name(tmp_path):
    path = tmp_path / "vae.ipynb"
    path.write_text('{"cells": [\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> theirs\n]}')
    with pytest.raises(sanitize.Unreadable, match="merge conflict"):
        sanitize.read(path)


def test_copies_that_lost_their_first_line_are_no_halves(tmp_path):
    notebook = release("vae")
    place = place_of(notebook, "vae-beta_0")
    twice = [notebook.cells[place] | {"source": WORDS, "id": id} for id in ("a", "b")]
    notebook.cells[place : place + 1] = map(nbformat.from_dict, twice)
    found, _ = restored(notebook, "vae", tmp_path)
    assert found["vae-beta_0"].source.count(WORDS) == 1


def test_an_answer_in_its_questions_cell_may_repeat_a_line_of_it(tmp_path):
    notebook = release("vae")
    question = notebook.cells[place_of(notebook, "rubric-vae-beta_0")]
    line = question.source.splitlines()[0]
    question.source += f"\n\n{line}\n{WORDS}"
    found, _ = restored(notebook, "vae", tmp_path)
    assert line in found["vae-beta_0"].source and WORDS in found["vae-beta_0"].source


@pytest.mark.parametrize(
    "data, says",
    [
        (b"\n<!DOCTYPE html>", "a web page"),
        (b"PK\3\4", "an archive"),
        (b"%PDF-1.7", "a PDF"),
        (b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> b\n", "it holds the marks of a merge"),
    ],
)
def test_another_file_under_the_name_of_a_notebook_is_called_by_its_name(data, says, tmp_path):
    (tmp_path / "vae.ipynb").write_bytes(data)
    with pytest.raises(sanitize.Unreadable, match=f"is not a notebook.*{says}"):
        sanitize.read(tmp_path / "vae.ipynb")


@pytest.mark.parametrize(
    "harm, note",
    [
        (lambda text: text.encode("utf-16"), ""),
        (lambda text: text.encode("utf-16-le"), ""),
        (lambda text: f"\ufeff\ufeff{text}".encode(), ""),
        (lambda text: text.replace("\\n", "\n").encode(), ""),
        (lambda text: text.encode("cp1252", "replace"), "not in UTF-8"),
        (lambda text: f"\n{text}\n}}".encode(), "goes on behind the notebook"),
        (lambda text: (text + text).encode(), "goes on behind the notebook"),
    ],
    ids=["a shell's encoding", "without its mark", "two marks", "lines within a string"]
    + ["an old editor's", "a bracket too many", "twice"],
)
def test_a_notebook_that_another_program_wrote_is_read(harm, note, tmp_path):
    path = tmp_path / "vae.ipynb"
    path.write_bytes(harm(json.dumps(release("vae"), ensure_ascii=False)))
    read = sanitize.read(path)
    assert len(read.cells) == len(release("vae").cells)
    assert note in "; ".join(sanitize.notes_of(read.metadata))


def test_a_step_that_was_moved_to_the_end_is_tested_there(tmp_path):
    notebook = release("vae")
    place = next(i for i, c in enumerate(notebook.cells) if named(c) == "kl_gaussian")
    notebook.cells.append(notebook.cells.pop(place))
    names = list(restored(notebook, "vae", tmp_path)[0])
    assert names.index("vae-kl_gaussian") == names.index("kl_gaussian") + 1
