"""Pages made from templates."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import jinja2

from autograder.letter import sentences
from autograder.letter.language import Language


@cache
def template(file: Path, ago: Callable | None = None) -> jinja2.Template:
    """The template in a file; others beside it may be included. What is filled in is escaped.

    ago: what the filter of that name does.
    """
    loader = jinja2.FileSystemLoader(file.parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    if ago:
        environment.filters["ago"] = ago
    return environment.get_template(file.name)


def speech(language: Language, folder: Path) -> dict:
    """What a template of a folder fills in to speak a language; `said` is for its scripts."""
    known = language.sentences
    said = {s: known[s] for s in sentences.said(folder) if s in known}
    return {"say": language.say, "told": language.told, "lang": language.name, "said": said}
