"""The solution report: pictures, tables and answers of all notebooks, as one HTML file and a PDF.

    report.make()                      in a notebook
    python -m utils.report             in a terminal, in the course's folder

It takes what the saved notebooks show, and draws from runs/ what they do not. What is missing is
said, with where to get it. Nothing is trained or fetched.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

from utils import autograding
from utils.hand_in import answers, notebook, preflight, words
from utils.hand_in.report.content import Note, Picture, Report, Table, Written, picture
from utils.run_files import RunFiles

LONGEST = 30_000  # characters of an answer that are shown
TABLE = 60, 12  # rows and columns of a table that are shown


@dataclass(frozen=True)
class Part:
    """What one part shows: pictures whose title matches, from cells below a cell of the release."""

    heading: str
    assignment: str
    below: str = ""
    titles: str = ""
    wanted: int = 0  # how many pictures and tables there should be
    answers: tuple[str, ...] = ()
    run: str = ""  # what can be drawn from runs/ instead


EXPERIMENT = r"β = \S+: (training|test reconstructions|16 prior samples)"
PARTS = (
    Part(
        "Autoencoder: samples",
        "autoencoder",
        "check-sample_prior",
        r"25 codes from N\(0, I\)",
        1,
        ("autoencoder.prior_samples",),
        "autoencoder",
    ),
    Part("VAE with β = 0", "vae", "check-run-beta-0", EXPERIMENT, 3, ("vae.beta_0",), "beta-0"),
    Part("VAE with β = 10", "vae", "check-run-beta-10", EXPERIMENT, 3, ("vae.beta_10",), "beta-10"),
    Part(
        "VAE with a tuned β", "vae", "check-run-tuned", EXPERIMENT, 3, ("vae.well_tuned",), "tuned"
    ),
    Part(
        "Interpolations: autoencoder and VAE",
        "interpolation",
        "interpolation-interpolate",
        r"From \d to \d|My pair",
        3,
        ("interpolation.difference",),
    ),
    Part(
        "Auto-decoders",
        "autodecoder",
        "",
        r"Auto-decoder and variational",
        1,
        ("autodecoder.fitted_latents", "autodecoder.tsne"),
    ),
    Part("Exploration", "explore", answers=("explore.hypothesis",)),
)


# -- collecting -----------------------------------------------------------------------------------


def collect(folder=None, name: str = "") -> Report:
    """The report on the notebooks below a folder. name: whose it is, if that should be said."""
    folder = course_folder(folder)
    found, problems = {}, {}
    for assignment in dict.fromkeys(part.assignment for part in PARTS):
        path = folder / assignment / f"{assignment}.ipynb"
        try:
            found[assignment] = notebook.read(path)
        except notebook.Unreadable as problem:
            problems[assignment] = f"The notebook {path} {problem}."
    told, chapters = set(), []
    for part in PARTS:
        nb = found.get(part.assignment)
        if nb is None:
            chapters.append((part.heading, [Note(problems[part.assignment])]))
            continue
        written = {a.id: a for a in answers.find(nb.cells)}
        told.update(part.answers)
        chapters.append(
            (
                part.heading,
                shown(part, nb)
                + [block for id in part.answers for block in answered(id, written.get(id), nb)],
            )
        )
    rest = [
        (id, a, nb)
        for nb in found.values()
        for a in answers.find(nb.cells)
        if (id := a.id) not in told
    ]
    if rest:
        chapters.append(("Other answers", [b for each in rest for b in answered(*each)]))
    runs = run_table([nb.path.parent / "runs" for nb in found.values()])
    if runs:
        chapters.append(("Trained runs", [runs]))
    made = datetime.now().strftime("%Y-%m-%d %H:%M")
    return Report("Autoencoders and VAEs", f"{f'{name} · ' if name else ''}{made}", chapters)


def course_folder(folder=None) -> Path:
    """The folder that holds the assignments' folders."""
    if folder is not None:
        folder = Path(folder)
        return folder / "assignments" if (folder / "assignments").is_dir() else folder
    if Path("assignments").is_dir():
        return Path("assignments")
    inside = any(Path(f"{part.assignment}.ipynb").is_file() for part in PARTS)
    return Path("..") if inside else Path()


def shown(part: Part, nb) -> list:
    """The pictures and tables of a part; drawn from its run, or missed, where there are none."""
    blocks, below = [], ""
    for cell in nb.cells:
        below = cell.name or below
        for output in cell.outputs if part.wanted and below == (part.below or below) else ():
            block = _block(output)
            if block and re.match(part.titles, block.title):
                blocks.append(block)
    blocks = blocks[: part.wanted + 1]
    if len(blocks) >= part.wanted:
        return blocks
    folder = nb.path.parent / "runs" / part.run
    if part.run and not preflight.run_problem(folder):
        try:
            return [*redrawn(folder), Note(f"Drawn from {folder}: the notebook shows no pictures.")]
        except Exception as error:  # a folder from outside may hold anything
            blocks.append(Note(f"The run {folder} cannot be drawn ({type(error).__name__})."))
    lacking = part.wanted - sum(not isinstance(block, Note) for block in blocks)
    what = "1 picture or table" if lacking == 1 else f"{lacking} pictures or tables"
    return [
        *blocks,
        Note(
            f"Missing: {what}. Run all cells of {nb.path.name}, save it, and make the report again."
        ),
    ]


def redrawn(folder: Path) -> list[Picture]:
    """Curves, reconstructions and samples of a run, from its folder."""
    import torch
    from IPython.utils.capture import capture_output

    from utils import data, plots, runs

    with capture_output(), torch.random.fork_rng(devices=[]):  # in a notebook, plots show at once
        torch.manual_seed(0)
        run = runs.Trained(folder, "yours")
        test = data.load(run.settings.get("dataset", "MNIST"), train=False, root="embedded")
        digits = torch.stack([test.images[test.labels == d][0] for d in range(10)])
        beta = run.settings.get("beta")
        name = folder.name if beta is None else f"β = {beta:g}"
        curves = {k: v for k, v in run.curves.items() if not k.startswith("test_")}
        made = [
            plots.curves(curves, title=f"{name}: training"),
            plots.pairs(
                digits,
                torch.sigmoid(run.decode(run.encode(digits))),
                title=f"{name}: test reconstructions",
            ),
            plots.images(
                torch.sigmoid(run.decode(torch.randn(16, run.nz))),
                title=f"{name}: 16 prior samples",
            ),
        ]
        return [picture(figure.png(), figure.alt) for figure in made]


def answered(id: str, answer, nb) -> list:
    """The blocks of one answer in words: the question, the answer, or a note that it is missing."""
    if answer is None:
        return [Note(f"The answer {id} is missing: {nb.path.name} has no such cell.")]
    told = f"{id}, {answers.told(answer.words, answer.limit)}"
    asked = words.plain(answer.asked)
    if not answer.source:
        return [Written(asked, "", told), Note(f"The answer {id} is empty.")]
    source, pictures = answer.source, {}
    for address in dict.fromkeys(answers.pictures(source)):
        content = _pasted(address, answer.cell.attachments, nb.path.parent)
        pictures[address] = picture(content) if content else None
    # a picture in the text itself may be megabytes of it
    for number, address in enumerate([a for a in pictures if a.startswith("data:")], 1):
        pictures[f"attachment:pasted-{number}"] = pictures.pop(address)
        source = source.replace(address, f"attachment:pasted-{number}")
    blocks = [Written(asked, source[:LONGEST], told, pictures)]
    if len(source) > LONGEST:
        blocks.append(Note(f"Only the first {LONGEST:,} characters of this answer are shown."))
    return blocks


def _pasted(address: str, attachments: dict, folder: Path) -> bytes | None:
    """The picture at an address of an answer: an attachment, the text itself, or a file beside."""
    kind, _, rest = address.partition(":")
    try:
        if kind == "attachment":
            bundle = attachments.get(rest)
            values = list(bundle.values()) if isinstance(bundle, dict) else []
            return base64.b64decode(notebook.text(values[0])) if values else None
        if kind == "data":
            return base64.b64decode(rest.partition(",")[2])
        path = (folder / address).resolve()
        if path.is_relative_to(folder.resolve()) and path.is_file():
            return path.read_bytes() if path.stat().st_size <= notebook.LARGEST else None
    except (binascii.Error, OSError, ValueError):
        pass
    return None


def _block(output: dict):
    """A picture or a table that a cell shows, or None."""
    content = output.get("data")
    if not isinstance(content, dict):
        return None
    plain = notebook.text(content.get("text/plain"))
    if "image/png" in content:
        metadata = output.get("metadata")
        about = metadata.get("image/png") if isinstance(metadata, dict) else None
        alt = notebook.text(about.get("alt")) if isinstance(about, dict) else ""
        alt = alt or plain
        with contextlib.suppress(binascii.Error, ValueError):
            content = base64.b64decode(notebook.text(content["image/png"]))
            return picture(content, alt, re.split(r": (?!training|test recon|16 prior)", alt)[0])
        return None
    if "<table" in notebook.text(content.get("text/html")):
        reader = _TableReader()
        reader.feed(notebook.text(content["text/html"]))
        rows = [row[: TABLE[1]] for row in reader.rows if row][: TABLE[0]]
        return Table(" ".join(reader.caption.split()), rows) if rows else None
    return None


class _TableReader(HTMLParser):
    """The caption and the cells of the tables in some HTML, as text."""

    def __init__(self):
        super().__init__()
        self.caption, self.rows, self._inside = "", [], ""

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows = self.rows or [[]]
            self.rows[-1].append("")
        if tag in ("td", "th", "caption"):
            self._inside = tag

    def handle_endtag(self, tag):
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, text):
        if self._inside == "caption":
            self.caption += text
        elif self._inside and self.rows and self.rows[-1]:
            self.rows[-1][-1] = (self.rows[-1][-1] + text)[:200]


def run_table(folders: list[Path]) -> Table | None:
    """What was trained: settings and last numbers of every run that can be read."""
    rows = [["run", "latent numbers", "β", "epochs", "last reconstruction", "last KL"]]
    for folder in sorted(path.parent for runs in folders for path in runs.glob("*/run.json")):
        with contextlib.suppress(Exception):  # a damaged run is the pre-flight's matter
            files = RunFiles(folder)
            info, last = files.info(), files.last()
            settings = info["settings"]
            number = [last.get(key, "") for key in ("reconstruction", "kl")]
            number[0] = number[0] or last.get("test", "")
            rows.append(
                [
                    folder.name,
                    str(settings.get("nz", "")),
                    str(settings.get("beta", "")),
                    f"{info['finished']} of {info['epochs']}",
                    *(f"{float(n):.1f}" if n else "–" for n in number),
                ]
            )
    return Table("Nats per image, as logged in training", rows[: TABLE[0]]) if rows[1:] else None


# -- writing --------------------------------------------------------------------------------------


def make(folder=None, to=None, name: str = "") -> list[Path] | None:
    """Write report.html and report.pdf, and say where they are and what they lack.

    folder  what holds the notebooks' folders; by default found from where this is called
    to      the folder to write to (default: the same)
    name    your name, for the title
    """
    if autograding():
        return None
    from utils.hand_in.report import formulas, page, paper

    formulas.formula.cache_clear()  # it counts how many were drawn
    folder = course_folder(folder)
    report = collect(folder, name)
    target = Path(to) if to is not None else folder
    target.mkdir(parents=True, exist_ok=True)
    written = [target / "report.html", target / "report.pdf"]
    written[0].write_text(page.html(report), "utf8")
    written[1].write_bytes(paper.pdf(report))
    for path in written:
        print(f"{path.resolve()} ({path.stat().st_size / 1e6:.1f} MB)")
    lacking = [*report.missing, *filter(None, [paper.unshown(report)])]
    if lacking:
        print("\nIn the report, please read:")
        print("\n".join(f"  - {text}" for text in lacking))
    return written
