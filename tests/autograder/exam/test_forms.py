"""What editors and platforms make of a notebook's file: the same work is found in it, by the grader
and by the pre-flight.
"""

import copy
import json

import nbformat
import pytest

from autograder.exam import sanitize
from autograder.release import build
from tests.autograder.exam.test_unlabelled import named, restored
from utils.hand_in import preflight

RELEASE = build.ROOT / "assignments/explore/explore.ipynb"
CODE = "def digit_statistics(mu, y):\n    spread = mu.std(0)\n    return mu, spread\n"
WORDS = "My hypothesis: zeros are wide.\n\nThey are not."


def finished():
    """A finished notebook, as JSON."""
    notebook = json.loads(RELEASE.read_text("utf-8"))
    written = {"digit_statistics": CODE, "explore-hypothesis": WORDS}
    for number, cell in enumerate(notebook["cells"], 1):
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = written.get(name, "".join(cell["source"]))
        if cell["cell_type"] == "code":
            cell["execution_count"] = number
    return notebook


def each(change):
    """A form in which every cell is changed."""

    def changed(notebook):
        for cell in notebook["cells"]:
            change(cell)
        return notebook

    return changed


def old(notebook):
    return nbformat.convert(nbformat.from_dict(notebook), 3)


def colab(notebook):
    notebook["metadata"] |= {"accelerator": "GPU", "colab": {"provenance": [], "gpuType": "T4"}}
    for cell in notebook["cells"]:
        cell["metadata"] |= {"id": "x1", "colab": {"base_uri": "https://x"}, "outputId": "y"}
    return notebook


def kernel(name, language):
    def changed(notebook):
        notebook["metadata"]["kernelspec"] = {"name": name, "display_name": 7, "language": language}
        notebook["metadata"]["language_info"] = {"name": language, "version": None}
        return notebook

    return changed


def widgets(notebook):
    state = {f"m{n}": {"state": {"value": "A" * 10_000}} for n in range(1000)}
    about = {"application/vnd.jupyter.widget-state+json": {"state": state}}
    notebook["metadata"]["widgets"] = about
    return notebook


def without_ids(notebook):
    each(lambda cell: cell.pop("id", None))(notebook)
    return {**notebook, "nbformat_minor": 4}


FORMS = {
    "as it is": lambda notebook: notebook,
    "format 3": old,
    "no ids": without_ids,
    "one id for all": each(lambda cell: cell.update(id="same")),
    "ids that are none": each(lambda cell: cell.update(id=[None])),
    "a list of lines": each(lambda cell: cell.update(source=cell["source"].splitlines(True))),
    "lines of Windows": each(lambda c: c.update(source=c["source"].replace("\n", "\r\n"))),
    "lines of an old Mac": each(lambda c: c.update(source=c["source"].replace("\n", "\r"))),
    "Colab": colab,
    "widgets": widgets,
    "a kernel of one's own": kernel("my-conda-env", "python"),
    "a kernel of R": kernel("ir", "R"),
    "a kernel that is no name": kernel({"a": []}, None),
    "null for nothing": each(
        lambda c: c.update(source=c["source"] or None, metadata=c["metadata"] or None)
    ),
    "halves of characters in pictures": each(
        lambda c: c.update(attachments={"\ud800": {"image/png": "\udfff"}})
    ),
    "attachments and outputs of any kind": each(lambda c: c.update(attachments=1, outputs="no")),
}
WRITTEN = {  # how the text of the file itself is written
    "plain": lambda text: text.encode(),
    "with a byte order mark": lambda text: text.encode("utf-8-sig"),
    "with lines of Windows": lambda text: text.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_work_is_found_in_every_form(form, tmp_path):
    notebook = FORMS[form](finished())
    found, notes = restored(copy.deepcopy(notebook), "explore", tmp_path)
    assert found["digit_statistics"].source.strip() == CODE.strip()
    assert found["explore-hypothesis"].source == WORDS
    assert not notes
    nbformat.writes(nbformat.v4.new_notebook(cells=[*found.values()])).encode()
    assert sanitize.question_of(found["explore-digit_statistics"]) == "explore.digit_statistics"
    (tmp_path / "explore.ipynb").write_text(json.dumps(notebook))
    told = preflight.look(tmp_path / "explore.ipynb")
    assert not told.lost and not any("changed" in line for line in told.look)


@pytest.mark.parametrize("source", [None, {"a": 1}, 7, [None, 7]])
def test_what_is_no_text_is_an_empty_cell(source, tmp_path):
    notebook = each(lambda cell: cell.update(source=source))(finished())
    (tmp_path / "explore.ipynb").write_text(json.dumps(notebook))
    assert not any(cell.source for cell in sanitize.read(tmp_path / "explore.ipynb").cells)


@pytest.mark.parametrize("how", WRITTEN)
def test_the_work_is_found_however_the_file_is_written(how, tmp_path):
    path = tmp_path / "explore.ipynb"
    path.write_bytes(WRITTEN[how](json.dumps(finished(), indent=1)))
    assert CODE in [cell.source for cell in sanitize.read(path).cells if named(cell)]
    assert not preflight.look(path).lost
