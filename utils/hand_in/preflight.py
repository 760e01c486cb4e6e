"""What would be lost if a notebook were handed in now, in plain words.

    preflight.check()                                 in a notebook
    python -m utils.preflight assignments/vae         in a terminal

It looks at the file as it was saved and at runs/ beside it. It knows what visible checks said, not
what the hidden ones will: finding nothing is no promise of full marks.
"""

from __future__ import annotations

import html
import math
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from utils import autograding, shell
from utils.hand_in import answers, elsewhere, notebook
from utils.run_files import NEEDED, RunError, RunFiles

FEW = 5_000  # images; who trains on fewer has usually forgotten to take them all again
LISTED = 12  # findings of one kind that are named one by one


@dataclass
class Result:
    """lost: [(sentence, names of the graded cells that it concerns)]; look, told: sentences."""

    path: Path
    points: dict[str, float] = field(default_factory=dict)  # of every graded cell
    lost: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    look: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    saved: str = ""

    def lose(self, sentence: str, *names: str):
        self.lost.append((sentence, tuple(name for name in names if name in self.points)))

    @property
    def at_stake(self) -> float:
        """Points that the findings concern, each graded cell once."""
        return sum(self.points[name] for name in {n for _, names in self.lost for n in names})

    def parts(self) -> list[tuple[str, list[str]]]:
        """Headings and the sentences below them."""
        made = []
        if self.lost:
            total = sum(self.points.values())
            stake = f" up to {self.at_stake:g} of {total:g} points" if self.at_stake else ""
            shown = [
                f"{text} ({_points(sum(self.points[n] for n in set(names)))})" if names else text
                for text, names in self.lost
            ]
            made.append((f"Handed in now, you would lose{stake or ' something'}:", _some(shown)))
        if self.look:
            made.append(("Worth a look:", _some(self.look)))
        if not made:
            made.append(("Nothing is missing.", []))
        if self.told:
            made.append(("Your runs:", self.told))
        return made

    def __str__(self):
        lines = [self.title]
        for heading, sentences in self.parts():
            lines += ["", heading, *(f"  - {sentence}" for sentence in sentences)]
        return "\n".join(lines)

    @property
    def title(self) -> str:
        return f"{self.path.name}{f', as it was saved at {self.saved}' if self.saved else ''}"

    def html(self) -> str:
        made = f"<p><strong>{html.escape(self.title)}</strong></p>"
        for heading, sentences in self.parts():
            items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
            made += f"<p>{html.escape(heading)}</p>" + (f"<ul>{items}</ul>" if items else "")
        return made


def look(where="") -> Result:
    """Everything that can be told from the saved notebook. Raises nothing."""
    path = notebook.locate(where)
    copies = [p for p in path.parent.glob("*.ipynb") if p != path and _assignment(p) == path.stem]
    if not path.is_file() and copies:
        path = max(copies, key=lambda copy: copy.stat().st_mtime)
    result = Result(path)
    try:
        nb = notebook.read(path)
    except notebook.Unreadable as problem:
        result.lose(f"everything: {path} {problem}")
        return result
    result.saved = time.strftime("%H:%M:%S on %d %B", time.localtime(path.stat().st_mtime))
    graded = [cell for cell in nb.cells if cell.is_("grade")]
    result.points = {cell.name: cell.points for cell in graded}
    assignment = nb.assignment or (graded[0].name.partition("-")[0] if graded else "")
    if not graded:
        result.lose(
            "everything: it holds none of the cells that are graded. Some editors take their "
            "marks away (Deepnote, Kaggle); the cells are then looked for by what they say, and "
            "some may not be found: copy your work into a fresh notebook"
        )
    elif path.name != f"{assignment}.ipynb":
        name = f"{assignment}.ipynb"
        result.lose(
            f"everything: the notebook was renamed, and only {name} is collected: "
            f"call it {name} again",
            *result.points,
        )
    else:
        newer = [p.name for p in copies if p.stat().st_mtime > path.stat().st_mtime]
        result.look += [f"{name} is newer, but only {path.name} is handed in" for name in newer]
    _released(result, nb, assignment)
    _steps(result, nb, assignment)
    _answers(result, nb)
    _runs(result, nb)
    _order(result, nb)
    result.look += elsewhere.concerns(nb)
    return result


def _assignment(path) -> str:
    try:
        return notebook.read(path).assignment
    except notebook.Unreadable:
        return ""


def _released(result, nb, assignment):
    """Cells of the release that are missing, doubled or changed."""
    names, gone, changed = [cell.name for cell in nb.cells if cell.name], [], []
    for name in dict.fromkeys(nb.released):
        graded = name if name in result.points else f"{assignment}-{name}"
        if names.count(name) > 1:
            result.look.append(
                f"the cell {name} is there {names.count(name)} times, and only "
                "one of them counts: delete the others"
            )
        elif name not in names and name.startswith(("check-", "rubric-", f"{assignment}-")):
            gone.append(name)
        elif name not in names:
            result.lose(
                f"the cell {name}, which you should fill in, was deleted: take it from a "
                "fresh copy of the notebook",
                graded,
            )
    if gone:
        result.look.append(
            "deleted cells, which are put back when your work is graded, without "
            f"what they would have told you: {_list(gone)}"
        )
    for cell in nb.cells:
        kind = cell.about.get("cell_type")
        if cell.name and kind in ("code", "markdown") and kind != cell.kind:
            became = f"has become a {cell.kind} cell: make it a {kind} cell again"
            result.lose(f"{_place(cell)} {became}", cell.name, f"{assignment}-{cell.name}")
        elif cell.is_("locked") and "checksum" in cell.about and not cell.untouched:
            changed.append(_place(cell))
    if changed:
        result.look.append(
            "cells that should stay as they were and were changed; they are put "
            f"back when your work is graded: {_list(changed)}"
        )


def _steps(result, nb, assignment):
    """Steps that are not written, and visible checks that failed or were not run."""
    unwritten, practice, idle = set(), [], []
    for cell in nb.cells:
        graded = f"{assignment}-{cell.name}"
        step = cell.is_("solution") and not cell.is_("grade")
        if step and (not cell.source.strip() or cell.untouched):
            unwritten.add(f"check-{cell.name}")
            challenge = result.points.get(graded) == 0  # extra credit: nothing is lost
            if not challenge and graded in result.points:
                result.lose(f"{cell.name} is still to be written", graded)
            elif not challenge:
                practice.append(cell.name)
    for cell in nb.cells:
        if not cell.name.startswith("check-") or cell.name in unwritten:
            continue
        step = cell.name.removeprefix("check-")
        concerned = [f"{assignment}-{step}"]
        concerned += [n for n, runs in nb.runs.items() if step.removeprefix("run-") in runs]
        if cell.error:
            result.lose(f"the check of {step} fails: {_short(cell.error)}", *concerned)
        elif cell.executed is None and cell.source.strip():
            idle.append(step)
    if practice:
        result.look.append(f"still to be written, without points: {_list(practice)}")
    if idle:
        result.look.append(f"checks that were not run: {_list(idle)}")


def _answers(result, nb):
    for answer in answers.find(nb.cells):
        name = answer.cell.name
        if not answer.source:
            result.lose(f"the answer {answer.id} is empty", name)
        elif answer.limit and answer.words > answer.limit:
            told = answers.told(answer.words, answer.limit)
            result.look.append(
                f"the answer {answer.id} is too long, {told}; what is beyond the "
                "limit may not be read"
            )
        for picture, bundle in answer.cell.attachments.items():
            kinds = list(bundle) if isinstance(bundle, dict) else []
            if not set(kinds) & set(answers.PICTURES):
                result.look.append(
                    f"the picture {picture} in the answer {answer.id} is of a kind that is not "
                    "shown to who grades it: paste it as PNG"
                )
        if answers.beside(answer.source):
            result.look.append(
                f"the answer {answer.id} shows a picture that is not part of the "
                f"notebook ({_short(answers.beside(answer.source)[0])}): paste it "
                "into the cell instead"
            )


def _runs(result, nb):
    for name, wanted in nb.runs.items():
        for run in wanted:
            problem = run_problem(nb.path.parent / "runs" / run)
            if problem:
                what = f"the run {run} {problem}"
                result.lose(f"{what}: run its training cell in this notebook", name)
            else:
                _reached(result, nb.path.parent / "runs" / run, nb.goals.get(run))


def _reached(result, folder, goal):
    """What the student's own numbers say of a run that is complete."""
    try:
        files = RunFiles(folder)
        info, elbo = files.info(), float(files.last().get("test_elbo") or "nan")
        loader = re.match(r"([\d,]+) images", str((info.get("loader") or [""])[0]))
    except (RunError, ValueError, KeyError, TypeError):
        return
    if goal is not None and math.isfinite(elbo):
        told = f"your test ELBO is {elbo:.1f} nats, and {goal:g} earns all points".replace("-", "−")
        result.told.append(f"{folder.name}: {told} (it is measured again, on other images)")
    if loader and (count := int(loader[1].replace(",", ""))) < FEW:
        result.look.append(
            f"the run {folder.name} was trained on {count:,} images only: take more, and train it "
            "again with fresh=True"
        )


def run_problem(folder: Path) -> str:
    """What is wrong with the folder of a run that should be handed in, or ""."""
    if not folder.is_dir():
        return f"is missing (runs/{folder.name})"
    lacking = [file for file in NEEDED if not (folder / file).is_file()]
    if lacking:
        return f"lacks {lacking[0]}"
    try:
        info = RunFiles(folder).info()
        done, planned = int(info["finished"]), int(info["epochs"])
    except (RunError, ValueError, KeyError, TypeError):
        return "has a damaged run.json"
    return f"stopped after {done} of {planned} epochs" if done < planned else ""


def _order(result, nb):
    """Cells that were not run, that failed, or that ran in another order than they stand in."""
    code = [cell for cell in nb.cells if cell.kind == "code" and _does_something(cell)]
    ours = [c for c in code if c.name]  # what became of these is told above
    idle = [c for c in code if c.executed is None and c not in ours]
    if idle:
        more = f" and {len(idle) - 1} more" if len(idle) > 1 else ""
        were = "were" if more else "was"
        result.look.append(
            f"{_place(idle[0])}{more} {were} not run; pictures that they would "
            "have shown are missing in the report"
        )
    for cell in code:
        if cell.error and cell not in ours:
            result.look.append(f"{_place(cell)} ended with an error: {_short(cell.error)}")
    ran = [cell for cell in code if cell.executed is not None]
    early = [b for a, b in zip(ran, ran[1:], strict=False) if b.executed < a.executed]
    if early:
        result.look.append(
            f"cells were run out of order: {_place(early[0])} ran before the one above it. Your "
            "work is graded from top to bottom: choose 'Restart Kernel and Run All Cells' to see "
            "what comes of that (nothing is trained twice)"
        )


def _does_something(cell) -> bool:
    """Whether a cell's run matters: hidden tests, these very checks and comments do not."""
    if cell.is_("grade") or "preflight." in cell.source or "answers.count(" in cell.source:
        return False
    lines = map(str.strip, cell.source.split("\n"))
    return any(line and not line.startswith("#") for line in lines)


def _place(cell) -> str:
    first = next((line.strip() for line in cell.source.split("\n") if line.strip()), "")
    return f"cell {cell.number} (`{_short(first, 40)}`)" if first else f"cell {cell.number}"


def _short(text: str, length: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _list(names: list[str]) -> str:
    return ", ".join(_some(names))


def _some(sentences: list[str]) -> list[str]:
    rest = len(sentences) - LISTED
    return sentences if rest < 2 else [*sentences[:LISTED], f"… and {rest} more"]


def _points(number: float) -> str:
    return f"{number:g} point{'' if number == 1 else 's'}"


def check(where=""):
    """Say what would be lost if the notebook were handed in now.

    where  an assignment's name, a folder or a file; by default the notebook that this is called in,
           which is saved first where the front end allows it
    """
    if autograding():
        return None
    ipython = shell()
    if not hasattr(ipython, "kernel"):
        print(look(where))
        return None
    from utils.hand_in import saver

    result = look(where)
    unsaved(result, ipython.execution_count)
    return saver.Preflight(result, lambda: look(where))


def unsaved(result: Result, running: int) -> None:
    """Adds a finding where cells were run after the file was saved; `running` is In [..] now."""
    try:
        saved = max((c.executed or 0 for c in notebook.read(result.path).cells), default=0)
    except notebook.Unreadable:
        return
    if saved < running - 1:
        result.look.insert(
            0,
            "the notebook was not saved since you ran cells: save it (Ctrl+S, on "
            "a Mac Cmd+S) and run this cell again",
        )


def main(arguments=None) -> int:
    """Look at notebooks; exit status 0 where nothing would lose points."""
    import argparse

    from utils.hand_in import console

    console.lenient()

    about = __doc__.split("\n")[0]
    parser = argparse.ArgumentParser("python -m utils.preflight", description=about)
    parser.add_argument("where", nargs="+", help="a folder such as assignments/vae, or a notebook")
    results = [look(where) for where in parser.parse_args(arguments).where]
    print("\n\n".join(map(str, results)))
    return 1 if any(result.lost for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
