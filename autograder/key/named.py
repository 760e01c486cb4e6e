"""Mistakes that a course has named itself, of answers that the key has no name for.

`mistakes.md` in the course folder holds names and sentences, a section a question, and may be
changed by hand; `mistakes/QUESTION/NAME.json` beside it what such answers did (`unnamed`), and the
code of one. A name costs and gives no points.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from autograder.key import catalogue, sentences, unnamed
from autograder.key.question import Mistake, one_line
from autograder.key.sentences import Said, SentenceError
from utils.hand_in.files import replacing

FILE, TRACES = "mistakes.md", "mistakes"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST = 60
HEAD = """# Mistakes that this course has named

Wrong answers that did the same as one that was named here are told so. A section is a question, its
parts are names, and below each stands what the student reads: change it as you like, then run
`python -m autograder report`. What was named, and how such an answer behaves, is in `mistakes/`.
"""


class Unusable(ValueError):
    """A name or a sentence that cannot be taken, or a file that cannot be read; says why."""


class Named:
    """What a course has named. Unusable where its file cannot be read."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self.said = self._read()
        self._traces: dict[str, list[tuple[str, dict]]] = {}

    def _read(self) -> dict[str, dict[str, Said]]:
        path = self.root / FILE
        try:
            text = path.read_text(encoding="utf-8-sig")
            found = sentences.sections(text, "##")
            said = {
                q: sentences.mistakes_of(path, sentences.sections(t, "###"))
                for q, t in found.items()
            }
        except FileNotFoundError:
            return {}
        except SentenceError as error:  # it names the file
            raise Unusable(str(error)) from None
        except (OSError, ValueError) as error:
            raise Unusable(f"{path}: {error}") from None
        for question_id, names in said.items():
            for name, about in names.items():
                if about.credit:
                    raise Unusable(f"{path}, {question_id}, {name}: a name gives no credit")
        return said

    def traces(self, question_id: str) -> list[tuple[str, dict]]:
        """(name, trace) of every answer to a question that was named."""
        if question_id not in self._traces:
            self._traces[question_id] = [
                (name, trace)
                for name in self.said.get(question_id, ())
                for trace in self._kept(question_id, name)["traces"]
            ]
        return self._traces[question_id]

    def mistake(self, question_id: str, trace: dict) -> Mistake | None:
        """The named mistake that shows this trace."""
        question = catalogue.find(question_id)
        for name, other in self.traces(question_id):
            if unnamed.same(question, trace, other):
                about = self.said[question_id][name]
                return Mistake(name, about.says, about.reread or "")
        return None

    def applied(self, record: dict) -> dict:
        """A record with the name that its trace has now, or without one where it has none now."""
        trace = record.get("trace")
        if not isinstance(trace, dict):
            return record
        plain = trace.get("feedback", record["feedback"])
        mistake = self.mistake(record["question"], trace)
        if mistake is None and "feedback" not in trace:
            return record
        told = ""
        if mistake:
            told = f"\n  {mistake.says}" + (f" Reread: {mistake.reread}." if mistake.reread else "")
        vague = trace.get("vague", record["mistake"] if "feedback" not in trace else None)
        trace = {**trace, "feedback": plain, "vague": vague}
        name = mistake.id if mistake else vague
        return {**record, "mistake": name, "feedback": plain + told, "trace": trace}

    def add(self, question_id: str, name: str, sentence: str, trace: dict, code: str) -> None:
        """Name what shows this trace, and keep it in the course's file."""
        name, sentence = name.strip(), one_line(sentence)
        if not NAME.fullmatch(name) or len(name) > LONGEST:
            raise Unusable(
                f"{name[:LONGEST]!r}: a name is of small letters, digits and hyphens, such as "
                f"`squared-twice`, and at most {LONGEST} long"
            )
        if not sentence or sentence.startswith(("#", "- ")):
            raise Unusable("a sentence for the student is missing, or begins with # or -")
        kept = self._kept(question_id, name)
        kept["traces"] = [
            *kept["traces"],
            {k: v for k, v in trace.items() if k not in ("feedback", "vague")},
        ]
        path = self._path(question_id, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            unfinished.write_text(json.dumps({**kept, "code": code}, indent=1), encoding="utf-8")
        said = self.said.setdefault(question_id, {})
        said[name] = replace(said.get(name, Said(sentence)), says=sentence)
        self._traces.pop(question_id, None)
        with replacing(self.root / FILE) as unfinished:
            unfinished.write_text(self._text(), encoding="utf-8")

    def _text(self) -> str:
        lines = [HEAD]
        for question_id, names in sorted(self.said.items()):
            lines.append(f"## {question_id}\n")
            for name, about in sorted(names.items()):
                lines += [f"### {name}\n", f"{about.says}\n"]
                lines += [f"- reread: {about.reread}\n"] if about.reread else []
        return "\n".join(lines)

    def _path(self, question_id: str, name: str) -> Path:
        return self.root / TRACES / question_id / f"{name}.json"

    def _kept(self, question_id: str, name: str) -> dict:
        try:
            kept = json.loads(self._path(question_id, name).read_text(encoding="utf-8"))
            return kept if isinstance(kept.get("traces"), list) else {"traces": []}
        except (OSError, ValueError, AttributeError):
            return {"traces": []}

    def problems(self, only: str | None = None) -> list[str]:
        """Names, of all questions or of one, that can be given to nobody any more, and why."""
        found = []
        for question_id, names in self.said.items():
            if only not in (None, question_id):
                continue
            try:
                now = unnamed.version(catalogue.find(question_id))
            except catalogue.UnknownQuestion:
                found.append(f"{FILE}: there is no question {question_id}")
                continue
            for name in names:
                traces = self._kept(question_id, name)["traces"]
                if not traces:
                    why = f"{TRACES}/{question_id}/{name}.json is missing"
                elif not any(trace.get("version") == now for trace in traces):
                    why = "the question has changed since it was named: name such an answer again"
                else:
                    continue
                found.append(f"{FILE}: {question_id}, {name}: {why}")
        return found
