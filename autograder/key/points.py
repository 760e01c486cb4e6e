"""What a question is worth, where the key and its cell do not say the same."""

from __future__ import annotations

from dataclasses import dataclass

from autograder.key import catalogue


@dataclass(frozen=True)
class Difference:
    """refuses: whether nobody can say what is meant, so that nothing may be graded."""

    says: str
    refuses: bool

    def __str__(self):
        return self.says


def differ(question_id: str, worth: float, where: str) -> Difference | None:
    """How the points of a cell differ from the key's; None where they do not, or the key has no
    such question.

    worth: points of the cell; where: who says so, such as "the gradebook". Points are scaled to the
    cell, but for a question that is extra credit on one side only.
    """
    if not catalogue.known(question_id):
        return None
    question = catalogue.find(question_id)
    if question.extra and worth:
        said = f"extra credit in the key, and {worth:g} points that count in {where}"
        return Difference(f"{question_id} is {said}", True)
    if not question.extra and not worth and question.points:
        said = f"{question.points:g} points in the key, and none in {where}"
        return Difference(f"{question_id} is worth {said}", True)
    if not question.extra and worth != question.points:
        said = f"{question.points:g} points in the key and {worth:g} in {where}"
        return Difference(f"{question_id} is worth {said}: marks are scaled to {worth:g}", False)
    return None
