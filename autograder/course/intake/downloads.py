"""What learning platforms give as "all submissions": whose files these are, by their names.

| platform | a file in its download |
|---|---|
| Moodle | `Full Name_12345_assignsubmission_file_/vae.ipynb`, with or without folders |
| Canvas | `lastfirst_LATE_12345_67890_vae-2.ipynb` |
| Gradescope | `submission_12345/vae.ipynb`, and who it is in `submission_metadata.yml` |
| Blackboard | `Homework_login_attempt_2026-03-01-12-00-00_vae.ipynb` |
| Brightspace | `12345-678 - Full Name - Mar 1, 2026 1200 PM/vae.ipynb` |
| ILIAS | `Last_First_login_12345/20260301120000_vae.ipynb` |

Any other is told by a pattern, such as `{last}_{first}_{id}/{file}`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import PurePosixPath

from autograder.course.intake.files import Budget, LeftOut, Upload, systems
from autograder.errors import WrongCall
from autograder.exam.verdict import printable

TEXT = 2**20  # bytes of a platform's own file about submissions


@dataclass
class Entry:
    """One person's submission. key: the platform's own number. ids: logins, emails and the like,
    the likeliest first.

    notes: sentences on what was handed in as well and does not count.
    """

    name: str
    key: str = ""
    ids: tuple[str, ...] = ()
    late: bool = False
    uploads: list[Upload] = field(default_factory=list)
    problem: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """As the platform names it."""
        name = printable(self.name or next(iter(self.ids), ""))
        return f"{name} ({printable(self.key)})" if self.key and self.key != name else name


@dataclass(frozen=True)
class Form:
    """How one platform names files: named groups say what a part of a name means; `ends` is one
    that ends with an id.
    """

    platform: str
    pattern: re.Pattern
    time: str = ""  # of `strptime`, where names say when


# A download may lie in a folder of its own: unpacked, or packed once more.
_ABOVE = r"(?:[^/]+/)*?"
FORMS = (
    Form(
        "Moodle",
        re.compile(
            _ABOVE + r"(?P<name>[^/]+)_(?P<key>\d+)_assignsubmission_(?P<kind>file|onlinetext)"
            r"_?/?(?P<file>.*)"
        ),
    ),
    Form("Gradescope", re.compile(_ABOVE + r"submission_(?P<key>\d+)/(?P<file>.+)")),
    Form(
        "Blackboard",
        re.compile(
            _ABOVE + r"(?P<ends>[^/]+?)_attempt_(?P<time>\d{4}(?:-\d\d){5})"
            r"(?:_(?P<file>[^/]+)|(?P<about>\.txt))"
        ),
        "%Y-%m-%d-%H-%M-%S",
    ),
    Form(
        "Brightspace",
        re.compile(
            _ABOVE + r"(?P<key>\d+)-\d+ ?- (?P<name>[^/]+?) ?- "
            r"(?P<time>[^/]*?\b\d{4}\b[^/]*?)(?:/| - )(?P<file>.+)"
        ),
        "%b %d, %Y %I%M %p",
    ),
    Form(
        "ILIAS",
        re.compile(
            _ABOVE + r"(?P<last>[^/_]+)_(?P<first>[^/_]+)_(?P<id>[^/]+)_(?P<key>\d+)/"
            r"(?:[^/]+/)*?(?:(?P<stamp>\d{14})_)?(?P<file>[^/]+)"
        ),
    ),
    Form(
        "Canvas",
        re.compile(
            _ABOVE + r"(?P<name>[^/_]+)(?P<late>_LATE)?_(?P<key>\d+)_(?P<upload>\d+|text|link)"
            r"_?(?P<file>[^/]+)"
        ),
    ),
)
ABOUT = "submission_metadata.yml"  # Gradescope's
FIELDS = {
    "id": r"(?P<id>[^/]+?)",
    "name": r"(?P<name>[^/]+?)",
    "first": r"(?P<first>[^/]+?)",
    "last": r"(?P<last>[^/]+?)",
    "number": r"(?P<key>\d+)",
    "attempt": r"(?P<attempt>\d+)",
    "file": r"(?P<file>.+)",
    "any": r"[^/]*?",
}


def form_of(pattern: str) -> Form:
    """The form that a template such as `{last}_{first}_{id}/{file}` describes; one without
    `{file}` is the name of a folder, or of the file itself.
    """
    parts = re.split(r"\{(\w+)\}", pattern.rstrip("/"))
    unknown = [part for part in parts[1::2] if part not in FIELDS]
    doubled = {part for part in parts[1::2] if parts[1::2].count(part) > 1} - {"any"}
    if unknown or doubled or not {"id", "name", "last", "number"} & set(parts[1::2]):
        raise WrongCall(
            f"the pattern {pattern!r} must say whose a file is, each field once: "
            f"{', '.join(f'{{{name}}}' for name in FIELDS)}; such as "
            "'{last}_{first}_{id}/{file}' or '{id}.ipynb'"
        )
    made = "".join(FIELDS[p] if i % 2 else re.escape(p) for i, p in enumerate(parts))
    made += "" if "file" in parts[1::2] else "(?:/(?P<file>.+))?"
    return Form(f"the pattern {pattern}", re.compile(_ABOVE + made))


def entries(
    uploads: list[Upload], pattern: str | None = None, zone: tzinfo | None = None
) -> tuple[str, list[Entry]]:
    """(platform, submissions) of a download; WrongCall where it looks like none of them.

    zone: of the times that names tell; None for this machine's.
    """
    uploads = [upload for upload in uploads if not systems(upload.name)]
    about = next((u for u in uploads if PurePosixPath(u.name).name == ABOUT), None)
    uploads = [upload for upload in uploads if upload is not about]
    forms = (form_of(pattern),) if pattern else FORMS
    form = max(forms, key=lambda form: sum(_matches(form, upload) for upload in uploads))
    if not any(_matches(form, upload) for upload in uploads):
        some = ", ".join(printable(upload.name) for upload in uploads[:3]) or "nothing"
        what = form.platform if pattern else "a download of " + ", ".join(f.platform for f in forms)
        raise WrongCall(
            f"this does not look like {what}: it holds {some} …; --pattern says how its names are "
            "made, such as '{id}/{file}' or '{id}.ipynb'"
        )
    found, texts = _grouped(form, uploads, zone)
    for key, text in texts.items():
        _told_by_blackboard(found[key], text)
    if about is not None and form.platform == "Gradescope":
        return form.platform, _told_by_gradescope(list(found.values()), about)
    return form.platform, list(found.values())


def _matches(form: Form, upload: Upload) -> bool:
    return bool(form.pattern.fullmatch(upload.name))


def _grouped(form: Form, uploads, zone) -> tuple[dict[str, Entry], dict[str, Upload]]:
    """({who: submission}, {who: the platform's text about it}); of attempts that the names tell
    apart the latest counts.
    """
    found: dict[str, Entry] = {}
    texts: dict[str, Upload] = {}
    attempts: dict[str, dict[str, list[Upload]]] = defaultdict(lambda: defaultdict(list))
    for upload in uploads:
        parts = form.pattern.fullmatch(upload.name)
        if not parts:
            shown = printable(upload.name)
            found[shown] = Entry(shown, problem="its name does not say whose it is")
            continue
        told = parts.groupdict(default="")
        name = told.get("name") or f"{told.get('first', '')} {told.get('last', '')}".strip()
        who = told.get("key") or told.get("id") or told.get("ends") or name
        ids = (told["id"],) if told.get("id") else _endings(told.get("ends", ""))
        entry = found.setdefault(who, Entry(name, told.get("key", ""), ids))
        entry.late |= bool(told.get("late"))
        if told.get("about"):
            texts[who] = upload
        typed = told.get("kind") == "onlinetext" or told.get("upload") in ("text", "link")
        if typed or told.get("about"):
            continue  # into the platform's own field for a text or an address
        time = _time(told.get("time", ""), form.time, zone)
        time = time or _time(told.get("stamp", ""), "%Y%m%d%H%M%S", zone) or upload.time
        file = told["file"] or PurePosixPath(upload.name).name
        made = Upload(file, upload.open, upload.size, time)
        attempts[who][told.get("attempt") or told.get("time", "")].append(made)
    for who, tried in attempts.items():
        *earlier, last = sorted(tried, key=lambda which: _order(which, tried[which]))
        found[who].uploads = tried[last]
        if earlier:
            found[who].notes.append(f"the latest of {len(tried)} attempts counts")
        if earlier and _order(last, tried[last]) == _order(earlier[-1], tried[earlier[-1]]):
            both = f"{printable(earlier[-1])!r} and {printable(last)!r}"
            found[who].problem = f"nothing tells which of its attempts is the later, {both}"
    return found, texts


def _endings(name: str) -> tuple[str, ...]:
    """What may be the id that a name ends with, longest first: ids hold underscores too."""
    parts = name.split("_")
    return tuple("_".join(parts[i:]) for i in range(len(parts))) if name else ()


def _order(which: str, uploads: list[Upload]) -> tuple[int, float]:
    """Later attempts are larger: by their number where they have one, then by time."""
    times = [upload.time.timestamp() for upload in uploads if upload.time]
    return int(which) if which.isdecimal() else 0, max(times, default=0.0)


def _time(text: str, form: str, zone: tzinfo | None) -> datetime | None:
    try:
        time = datetime.strptime(text.replace(":", ""), form) if text else None
    except ValueError:
        time = None
    if time is None:
        return None
    return time.replace(tzinfo=zone) if zone else time.astimezone()


def _told_by_blackboard(entry: Entry, text: Upload) -> None:
    """Its text file beside an attempt begins with `Name: First Last (login)`."""
    try:
        said = text.read(Budget(TEXT)).decode("utf-8", "replace")
    except LeftOut:
        return
    person = re.match(r"\W*Name: *(.+) \(([^()\n]+)\)", said)
    if person:
        entry.name, entry.ids = person[1], (person[2],)


def _told_by_gradescope(found: list[Entry], about: Upload) -> list[Entry]:
    """An entry for each of those who handed in together."""
    import yaml

    try:
        told = yaml.safe_load(about.read(Budget(16 * TEXT)))
        told = {str(key): value for key, value in told.items()}
    except (LeftOut, yaml.YAMLError, ValueError, AttributeError) as error:
        raise WrongCall(f"its {ABOUT} cannot be read: {str(error).splitlines()[0]}") from None
    people = []
    for entry in found:
        said = told.get(f"submission_{entry.key}")
        said = said if isinstance(said, dict) else {}
        for person in said.get(":submitters") or []:
            name, ids = str(person.get(":name") or ""), (person.get(":sid"), person.get(":email"))
            ids = tuple(str(known) for known in ids if known)
            people.append(Entry(name, entry.key, ids, uploads=entry.uploads, notes=entry.notes))
            time = said.get(":created_at")
            if isinstance(time, datetime) and time.tzinfo:
                for upload in entry.uploads:
                    upload.time = time
        if not said.get(":submitters"):
            entry.problem = f"{ABOUT} does not say whose it is"
            people.append(entry)
    return people
