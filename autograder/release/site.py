"""The site: the playground and the documents as HTML in one folder, for any web server or none."""

from __future__ import annotations

import html
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from markdown_it import MarkdownIt

from autograder.errors import Stopped
from autograder.plugins.config import ROOT
from autograder.release import playground

HERE = Path(__file__).parent
PLAYGROUND = "playground.html"
LONG = 5_000  # words; a longer page shows its sections closed

# what a menu shows first; every other document follows by name
FIRST = ["README.md", "docs/for-students.md", "docs/for-instructors.md", "docs/desks.md"]
PAPERS = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "THIRD_PARTY.md",
    "LICENSE-TEXTS.md",
]


class SiteError(Stopped):
    """A document links to what is not there; the message says where."""


def write(target: Path) -> list[str]:
    """Write the site into a folder; the names of its pages. SiteError where a link leads nowhere.

    Only files of this site are replaced; others in the folder stay.
    """
    target.mkdir(parents=True, exist_ok=True)
    documents = sources()
    names = {path: page_name(path) for path in documents}
    pages = {names[path]: Page(path, names) for path in documents}
    menu = [(names[path], page.title) for path, page in zip(documents, pages.values(), strict=True)]
    menu.insert(1, (PLAYGROUND, "The latent playground"))
    frame = (HERE / "site.html").read_text("utf8")
    for name, page in pages.items():
        (target / name).write_text(framed(frame, name, page, menu), encoding="utf8")
        for path in page.files:
            place = target / place_of(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, place)
    playground.write(target / PLAYGROUND)
    if broken := broken_links(target, [*pages]):
        raise SiteError("links lead nowhere:\n" + "\n".join(broken))
    return [*pages, PLAYGROUND]


def sources() -> list[Path]:
    """The documents, relative to the repository, in the order of the menu."""
    every = sorted(path.relative_to(ROOT) for path in (ROOT / "docs").glob("*.md"))
    first = [Path(name) for name in FIRST]
    papers = [Path(name) for name in PAPERS if (ROOT / name).exists()]
    return first + [path for path in every if path not in first] + papers


def page_name(path: Path) -> str:
    """The file of the page that a document becomes."""
    return "index.html" if path.name == "README.md" else f"{path.stem.lower()}.html"


def place_of(path: Path) -> str:
    """Where a file that a document shows or links to lies in the site."""
    return path.relative_to("docs").as_posix() if path.parts[0] == "docs" else path.as_posix()


class Page:
    """A document as HTML: title, words, contents [(level, anchor, text)], body, files it needs."""

    def __init__(self, path: Path, names: dict[Path, str]):
        text = (ROOT / path).read_text("utf8")
        self.path, self.names, self.files = path, names, []
        self.words = len(text.split())
        markdown = MarkdownIt("gfm-like", {"linkify": False, "html": True})
        tokens = markdown.parse(text)
        self.contents = self._anchor(tokens)
        for token in tokens:
            for inner in token.children or []:
                for key in ("href", "src"):
                    if address := inner.attrGet(key):
                        self._place(inner, key, address)
        body = markdown.renderer.render(tokens, markdown.options, {})
        self.title = next((text for level, _, text in self.contents if level == 1), path.stem)
        self.body = self._closed(reachable(body)) if self.words > LONG else reachable(body)

    def _anchor(self, tokens) -> list[tuple[int, str, str]]:
        """Gives every heading an id, as GitHub does."""
        found, used = [], {}
        for token, inline in zip(tokens, tokens[1:], strict=False):
            if token.type != "heading_open":
                continue
            text = "".join(t.content for t in inline.children if t.type in ("text", "code_inline"))
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            used[slug] = used.get(slug, -1) + 1
            anchor = slug if not used[slug] else f"{slug}-{used[slug]}"
            token.attrSet("id", anchor)
            found.append((int(token.tag[1]), anchor, text))
        return found

    def _place(self, token, key: str, address: str) -> None:
        """Makes a link lead to a page of the site, or to a copied file; a folder is not linked."""
        if re.match(r"[a-z]+:|#", address):
            return
        name, _, anchor = address.partition("#")
        path = (ROOT / self.path.parent / unquote(name)).resolve()
        if not path.is_relative_to(ROOT) or not path.exists():
            raise SiteError(f"{self.path} links to {name}, which is not in this repository")
        path = path.relative_to(ROOT)
        if (ROOT / path).is_dir():
            del token.attrs[key]
            return
        if path not in self.names:
            self.files.append(path)
        place = self.names.get(path) or place_of(path)
        token.attrSet(key, f"{place}#{anchor}" if anchor else place)

    def _closed(self, body: str) -> str:
        """The body with every section of the second level in a <details>."""
        head, *sections = re.split(r"(?=<h2 )", body)
        for i, section in enumerate(sections):
            heading, rest = re.match(r"(<h2 .*?</h2>)(.*)", section, re.S).groups()
            sections[i] = f"<details><summary>{heading}</summary>{rest}</details>\n"
        return head + "".join(sections)


def reachable(body: str) -> str:
    """Tables and code that may be wider than the screen, made to scroll, by keyboard too."""
    body = body.replace("<pre>", '<pre tabindex="0">')
    open_table = '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>'
    return body.replace("<table>", open_table).replace("</table>", "</table></div>")


def framed(frame: str, name: str, page: Page, menu: list[tuple[str, str]]) -> str:
    """A whole page: the menu, the contents where it is long, the body."""
    current = ' aria-current="page"'
    links = "".join(
        f'<li><a href="{each}"{current if each == name else ""}>{html.escape(title)}</a></li>'
        for each, title in menu
    )
    parts = [(anchor, text) for level, anchor, text in page.contents if level == 2]
    contents = ""
    if len(parts) > 3:
        items = "".join(f'<li><a href="#{a}">{html.escape(t)}</a></li>' for a, t in parts)
        state = " open" if len(parts) < 20 else ""
        contents = (
            f'<nav class="contents" aria-label="On this page"><details{state}>'
            f"<summary>On this page</summary><ul>{items}</ul></details></nav>"
        )
    filled = {"title": html.escape(page.title), "menu": links, "contents": contents}
    for mark, text in (filled | {"body": page.body}).items():
        frame = frame.replace(f"<!--{{{mark}}}-->", text)
    return frame


# -- checking links -------------------------------------------------------------------------------


class Links(HTMLParser):
    """The ids of a page, and what it links to."""

    def __init__(self, text: str):
        super().__init__()
        self.ids, self.targets = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for key, value in attrs:
            if key == "id":
                self.ids.add(value)
            elif key in ("href", "src") and value:
                self.targets.append(value)


def broken_links(folder: Path, names: list[str]) -> list[str]:
    """A line for every link of these pages that leads to no file, or to no place on its page."""
    found = {name: Links((folder / name).read_text("utf8")) for name in names}
    broken = []
    for name, page in found.items():
        for target in page.targets:
            if re.match(r"[a-z]+:", target):
                continue  # elsewhere, or data
            place, _, anchor = target.partition("#")
            place = place or name
            if not (folder / place).is_file():
                broken.append(f"{name} → {target}")
            elif anchor and place in found and unquote(anchor) not in found[place].ids:
                broken.append(f"{name} → {target}: there is no such heading")
    return broken
