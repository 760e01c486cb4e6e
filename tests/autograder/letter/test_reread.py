"""Whatever a student is told to reread is found in the notebook."""

import json

import pytest

from autograder.key import catalogue
from autograder.letter import reread
from autograder.release.build import ROOT


def cells(assignment):
    path = ROOT / "assignments" / assignment / f"{assignment}.ipynb"
    found = json.loads(path.read_text("utf-8"))["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in found]


@pytest.mark.parametrize("assignment", catalogue.ASSIGNMENTS)
def test_every_advice_has_its_place(assignment):
    notebook = cells(assignment)
    for question in catalogue.of(assignment).values():
        advice = {question.mistake(name).reread for name in question.mistakes}
        for what in {"", question.sentences.reread, *advice}:
            place = reread.place(what, question.id, notebook)
            assert place and place.heading in notebook[place.cell]["source"] or place.cell, what


def test_places_are_the_right_ones():
    def heading(what, question):
        return reread.place(what, question, cells(question.partition(".")[0])).heading

    assert heading("the KL divergence in closed form", "vae.kl_gaussian").startswith(
        "`kl_gaussian`"
    )
    assert heading("A straight walk", "interpolation.lerp") == "1 · A straight walk"
    assert heading("Uniform latents", "autodecoder.kl_uniform") == "7 · Challenge: uniform latents"
    convention = "the convention for losses: sum over dimensions, mean over the batch"
    assert heading(convention, "vae.elbo") == "See it touch · 5 minutes"
    assert heading("the table of the decoder's stages", "autoencoder.Decoder").startswith(
        "`Decoder`"
    )
