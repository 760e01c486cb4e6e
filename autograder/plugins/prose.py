"""What people wrote in Markdown, as HTML that can be shown to anybody: no script, no request, no
surprise.
"""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as xml
from html import escape

import bleach
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from utils.hand_in.answers import PICTURES

LONGEST = 20_000  # characters that are read as Markdown; more is shown as plain text
BUDGET = 30.0  # seconds of reading one notebook's Markdown; the rest is shown as plain text
SPENT = "seconds of Markdown"  # in nbconvert's resources, which one notebook's cells share
FORMULA = 2_000
TAGS = frozenset(
    "a abbr b blockquote br caption center cite code col colgroup dd del details div dl dt em "
    "figcaption figure h1 h2 h3 h4 h5 h6 hr i img input kbd li ol p pre q s small span strong sub "
    "summary sup table tbody td tfoot th thead tr u ul var".split()
)
ATTRIBUTES = frozenset(
    "align alt checked class colspan dir disabled height id lang open rowspan scope start title "
    "type width".split()
)
_EMBEDDED = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/=\s]+)")
ATTACHED = re.compile(r'src="attachment:([^"]*)"')
_PLACE = "\ue000{}\ue001"  # where a formula goes; both characters are taken out of what comes in


def pictures(source: str, attachments=None) -> tuple[str, dict[str, tuple[str, str]]]:
    """Markdown in which every picture is an attachment, and these: {name: (type, base64)}."""
    found = {}
    for name, bundle in (attachments or {}).items():
        for kind in PICTURES:
            if kind in bundle:
                found[name] = kind, bundle[kind]
    pasted = 0

    def taken_out(match):
        nonlocal pasted
        pasted += 1
        found[f"pasted-{pasted}"] = match[1], match[2]
        return f"attachment:pasted-{pasted}"

    return _EMBEDDED.sub(taken_out, source), found


def html(source: str, raw: bool = False) -> str:
    """Markdown as HTML, formulas as MathML; pictures keep addresses as `attachment:name`.

    raw: keep the HTML in it that is harmless; otherwise all of it is shown as the text that it
    is. Text that no Markdown parser should be troubled with is shown as plain text, and a formula
    that does not parse as its TeX.
    """
    source = re.sub("[\ue000\ue001]", "", source)
    if len(source) <= LONGEST:
        renderer = _Renderer(escape=not raw)
        try:
            made = MarkdownWithMath(renderer=renderer).render(source)
        except (RecursionError, ValueError, LookupError):
            pass
        else:
            made = cleaned(made) if raw else made
            places = {str(n): formula for n, formula in enumerate(renderer.formulas)}
            return re.sub("\ue000(\\d+)\ue001", lambda m: places.get(m[1], ""), made)
    return _as_it_is(source)


def _as_it_is(source: str) -> str:
    return f'<pre class="plain">{escape(source)}</pre>'


@pass_context
def markdown2html(context, source: str) -> str:
    """nbconvert's filter of that name, for feedback and formgrader; pictures are put in place."""
    cell = context.get("cell") or {}
    return in_place(source, cell.get("attachments"), context.get("resources") or {})


def embedded(kind: str | None, data) -> str:
    """A picture as an address; an empty one where it is none."""
    data = "".join(data.split()) if isinstance(data, str) else ""
    return f"data:{kind};base64,{data}" if _BASE64.fullmatch(data) else "data:,"


def in_place(source: str, attachments, resources: dict, address=embedded) -> str:
    """A cell's Markdown as HTML with its pictures. resources: what cells of one notebook share.

    address(type, base64) -> what stands for a picture in `src`; both None where there is none.
    """
    source, found = pictures(source or "", attachments)
    before = time.process_time()
    if resources.get(SPENT, 0) > BUDGET:
        return _as_it_is(source)
    page = html(source, raw=True)
    made = ATTACHED.sub(lambda m: f'src="{address(*found.get(m[1], (None, None)))}"', page)
    resources[SPENT] = resources.get(SPENT, 0) + time.process_time() - before
    return made


_BASE64 = re.compile(r"[A-Za-z0-9+/=]+")


def cleaned(page: str) -> str:
    """HTML without anything that runs, loads or submits; what is left out is shown as text."""
    return bleach.clean(page, TAGS, _allowed, protocols={"http", "https", "mailto", "attachment"})


def _allowed(tag: str, name: str, value: str) -> bool:
    if name == "src":
        return tag == "img" and value.startswith("attachment:")
    if name == "href":
        return tag == "a" and not value.startswith("attachment:")
    return name in ATTRIBUTES


class _Renderer(IPythonRenderer):
    """Keeps formulas aside and addresses of pictures as they are; makes no link of a script."""

    def __init__(self, escape: bool):
        super().__init__(
            escape, allow_harmful_protocols=("attachment:",), exclude_anchor_links=True
        )
        self.formulas: list[str] = []

    def _embed_image_or_attachment(self, src: str) -> str:
        return src

    def _formula(self, tex: str, source: str, display: str) -> str:
        self.formulas.append(_mathml(tex, display) or f"<code>{escape(source)}</code>")
        return _PLACE.format(len(self.formulas) - 1)

    def inline_math(self, body: str) -> str:
        return self._formula(body, f"${body}$", "inline")

    def block_math(self, body: str) -> str:
        return self._formula(body, f"$${body}$$", "block")

    def latex_environment(self, name: str, body: str) -> str:
        source = f"\\begin{{{name}}}{body}\\end{{{name}}}"
        return self._formula(source, source, "block")


def _mathml(tex: str, display: str) -> str | None:
    """A formula that a browser shows by itself; None unless it is MathML and nothing else."""
    if len(tex) > FORMULA:
        return None
    try:
        made = convert(tex.strip().replace("{aligned}", "{align*}"), display=display)
        elements = list(xml.fromstring(made).iter())
    except Exception:  # the converter fails in many ways on what is no TeX
        return None
    for element in elements:
        tag = element.tag.removeprefix("{http://www.w3.org/1998/Math/MathML}")
        if not re.fullmatch("m[a-z]+", tag) or any(
            "href" in a or a.startswith("on") for a in element.attrib
        ):
            return None
    return made
