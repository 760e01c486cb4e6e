"""The page of `python -m autograder answers`: served from this machine to this machine.

What is shown and entered is `answers`; here is who may see it, and what is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import secrets
import tempfile
import threading
import warnings
import webbrowser
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote, unquote

import tornado.web
from jupyter_core.paths import jupyter_runtime_dir
from nbgrader.api import MissingEntry

from autograder.course import naming_page
from autograder.course.answers import (
    ALIKE,
    PAGES,
    Answer,
    Asked,
    Desk,
    Refused,
    WordLimit,
    arranged,
)
from autograder.course.course import Course
from autograder.course.marking import rubric
from autograder.errors import WrongCall
from autograder.letter.page import speech, template
from autograder.plugins import prose


class _Handler(tornado.web.RequestHandler):
    """A request of whoever has the address with its token, from a page that this server sent."""

    @property
    def desk(self) -> Desk:
        return self.settings["desk"]

    def prepare(self):
        token, cookie = self.settings["token"], self.settings["cookie"]
        given = self.get_query_argument("token", None)
        if given is not None and hmac.compare_digest(given.encode(), token.encode()):
            # Not "Strict": a browser that comes from a file of this machine would not send it.
            self.set_cookie(cookie, token, httponly=True, samesite="Lax")
            self.redirect("/")
            return
        own = hmac.compare_digest((self.get_cookie(cookie) or "").encode(), token.encode())
        sent = self.request.headers.get("X-Token", "")
        changes = self.request.method not in ("GET", "HEAD")
        if not own or (changes and not hmac.compare_digest(sent.encode(), token.encode())):
            raise tornado.web.HTTPError(403)

    def set_default_headers(self):
        self.set_header(
            "Content-Security-Policy",
            "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        )
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code, **about):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        say = self.desk.language.say
        said = {
            403: say("Open the address that `python -m autograder answers` printed."),
            404: say("There is nothing here."),
        }
        unread = say("The gradebook could not be read; the terminal says why.")
        self.finish(said.get(status_code, unread))


class _Page(_Handler):
    def get(self, name: str):
        if name in self.desk.questions:
            self.finish(page(self.desk, name, self.settings["token"]))
        elif name:
            raise tornado.web.HTTPError(404)
        else:
            self.redirect("/" + next(iter(self.desk.questions)))


def page(desk: Desk, name: str, token: str = "") -> str:
    """The page of one question."""
    asked, answers = desk.questions[name], desk.answers(name)
    groups, explained = arranged(asked, answers, desk.alike, desk.language.say)
    comments: dict[str, int] = {}
    for said in (part for a in answers for part in a.comment.split("\n\n") if part):
        comments[said] = comments.get(said, 0) + 1
    return template(PAGES / "answers.html.j2").render(
        **speech(desk.language, PAGES),
        asked=asked,
        questions=desk.questions,
        groups=groups,
        explained=explained,
        comments=sorted(comments, key=lambda c: -comments[c])[:50],
        limit=desk.limit,
        assignment=desk.course.assignment,
        token=token,
        progress=rubric.progress(desk),
        total=len(answers),
        waiting=sum(a.waiting for a in answers),
        shown=_shown,
        html=prose.html,
    )


def ahead(desk: Desk) -> None:
    """Make every page once: what is read, compared and rendered for it is kept, and is there when
    a browser asks.
    """
    for name in desk.questions:
        with contextlib.suppress(Exception):  # who opens the page is told
            page(desk, name)


@lru_cache(maxsize=2000)
def _html(source: str, key: str) -> str:
    """An answer as HTML; its pictures come from this server, one by one."""
    return prose.ATTACHED.sub(
        lambda m: f'loading="lazy" src="/picture/{key}/{quote(unquote(m[1]), safe="")}"',
        prose.html(source),
    )


def _shown(answer: Answer, asked: Asked, limit: WordLimit) -> list[str]:
    """[HTML up to the limit, HTML behind it or '']"""
    parts = limit.within(answer.text, asked.limit)
    return [_html(part, answer.key) if part else "" for part in parts]


class _Picture(_Handler):
    def get(self, key: str, name: str):
        try:
            kind, content = self.desk.picture(key, name)
        except (MissingEntry, LookupError, ValueError, OSError):
            raise tornado.web.HTTPError(404) from None
        self.set_header("Content-Type", kind)
        self.finish(content)


class _Names(_Handler):
    def get(self, name: str):
        if name not in self.desk.questions:
            raise tornado.web.HTTPError(404)
        self.finish({answer.key: answer.name for answer in self.desk.answers(name)})


class _Rubric(_Handler):
    def get(self):
        """Every mark of every criterion, as a table to download."""
        name = f"{self.desk.course.assignment}-rubric.csv"
        self.set_header("Content-Type", "text/csv; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish("\ufeff" + rubric.table(self.desk))


class _Marks(_Handler):
    def get(self, name: str):
        """What the gradebook holds now, of every answer to a question."""
        if name not in self.desk.questions:
            raise tornado.web.HTTPError(404)
        self.finish({answer.key: answer.entered for answer in self.desk.answers(name)})

    def put(self, key: str):
        try:
            sent = json.loads(self.request.body)
            self.finish(self.desk.enter(key, sent if isinstance(sent, dict) else {}))
        except (MissingEntry, ValueError):
            raise tornado.web.HTTPError(404) from None
        except Refused as problem:
            self.set_status(409)
            self.finish({"problem": str(problem), "now": self.desk.find(key)[1].entered})


def application(desk: Desk, token: str, port: int) -> tornado.web.Application:
    """The web application; whoever has the token may read and grade."""
    return tornado.web.Application(
        [
            (r"/rubric.csv", _Rubric),
            (r"/names/([^/]+)", _Names),
            (r"/marks/([^/]+)", _Marks),
            (r"/picture/([0-9a-f]+)/(.+)", _Picture),
            *naming_page.handlers(_Handler),
            (r"/page/(.*)", tornado.web.StaticFileHandler, {"path": str(PAGES)}),
            (r"/([^/]*)", _Page),
        ],
        desk=desk,
        token=token,
        cookie=f"answers-{port}",
    )


def listen(desk: Desk, port: int = 0):
    """Start listening on this machine only; (server, address). Call it inside an event loop."""
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets

    sockets = bind_sockets(port, "127.0.0.1")
    port, token = sockets[0].getsockname()[1], secrets.token_urlsafe(24)
    server = HTTPServer(application(desk, token, port))
    server.add_sockets(sockets)
    return server, f"http://127.0.0.1:{port}/?token={token}"


def serve(assignment: str, root: Path, alike: float = ALIKE, port: int = 0, browser=True) -> int:
    """Serve until interrupted. WrongCall where there is nothing to serve."""
    warnings.filterwarnings("ignore", module="nbgrader")
    if not 0 < alike <= 1:
        raise WrongCall("--alike is a similarity above 0 and at most 1")
    desk = Desk(Course(root, assignment), alike)
    for change in desk.course.settle():
        print(change)
    if not any(desk.answers(name) for name in desk.questions):
        raise WrongCall(
            f"no submission of {assignment} is graded yet: `nbgrader autograde {assignment}` first"
        )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_forever(desk, port, browser))
    return 0


async def _forever(desk: Desk, port: int, browser: bool) -> None:
    _, address = listen(desk, port)
    threading.Thread(target=ahead, args=[desk], daemon=True).start()
    print(
        f"{desk.course.assignment}: {len(desk.questions)} questions in words, at\n\n"
        f"    {address}\n\nThe address is a key: whoever has it can grade. Ctrl-C ends it.",
        flush=True,
    )
    with contextlib.ExitStack() as stack:
        if browser:
            webbrowser.open(stack.enter_context(door(address)).as_uri())
        await asyncio.Event().wait()


DOOR = """<!doctype html><meta charset="utf-8"><title>Answers</title>
<meta http-equiv="refresh" content="0; url={address}"><a href="{address}">Answers</a>
"""


@contextlib.contextmanager
def door(address: str) -> Iterator[Path]:
    """A file, readable by its owner alone, that sends a browser on to the address: every user of a
    machine can read what a program is started with, and the address is a key.
    """
    folder = Path(jupyter_runtime_dir())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(prefix="answers-", suffix=".html", dir=folder)
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(DOOR.format(address=address))
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
