"""The page of `python -m autograder answers` on which mistakes without a name get one."""

from __future__ import annotations

import json

import tornado.web

from autograder.course import naming
from autograder.course.answers import PAGES
from autograder.errors import WrongCall
from autograder.key.named import Unusable
from autograder.letter.page import speech, template


def handlers(handler: type[tornado.web.RequestHandler]) -> list[tuple]:
    """What answers requests for the page, each a `handler`, which lets nobody in but its owner."""

    class Page(handler):
        def get(self):
            course, language = self.desk.course, self.desk.language
            try:
                known = {"names": naming.names(course), "problems": naming.named(course).problems()}
            except WrongCall as problem:
                self.set_status(409)
                self.set_header("Content-Type", "text/plain; charset=utf-8")
                self.finish(language.told(str(problem)))
                return
            shown = {"assignment": course.assignment, "groups": naming.groups(course), **known}
            self.finish(
                template(PAGES / "mistakes.html.j2").render(
                    **speech(language, PAGES), token=self.settings["token"], **shown
                )
            )

    class Name(handler):
        def put(self, key: str):
            try:
                sent = json.loads(self.request.body)
                asked = str(sent["name"]), str(sent["sentence"])
                told = naming.name(self.desk.course, key, *asked)
            except (Unusable, WrongCall) as problem:
                self.set_status(409)
                language = self.desk.language
                said = language.say("Not saved: {}.", language.told(str(problem)))
                self.finish({"problem": said})
            except (ValueError, KeyError, TypeError):
                raise tornado.web.HTTPError(404) from None
            else:
                self.finish({"name": asked[0].strip(), "told": len(told)})

    return [(r"/mistakes", Page), (r"/mistakes/([0-9a-f]+)", Name)]
