"""A Moodle in memory: the protocol, its errors and its files; what it holds is in fake_site."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any
from urllib.parse import unquote, urlsplit

from bloop_moodle.functions import ACTIVITIES, OPTIONAL, REQUIRED
from bloop_sdk import Kind, Ref, Response
from bloop_sdk.http import Request
from bloop_sdk.providers.content import WriteOp
from bloop_sdk.testing import System
from bloop_sdk.testing.system import reply
from plugins.lms.moodle.tests.fake_functions import SITE_INFO, Functions, RefusedError, nested
from plugins.lms.moodle.tests.fake_site import BASE, LEARNER, Site

GOOD, BAD, EXPIRED = "0123456789abcdef" * 2, "bad0" * 8, "0ld0" * 8
PASSWORD = "correct horse"  # a test's own
GOOD_SETTINGS = {"base_url": BASE, "token": GOOD}
NO_TOKEN = ("moodle_exception", "invalidtoken", "Invalid token - token not found")
NO_ACCESS = ("webservice_access_exception", "accessexception", "Access control exception")


class FakeMoodle:
    """One Moodle; ``functions`` are those of the token's service."""

    def __init__(self) -> None:
        self.site = Site()
        self.functions = {*REQUIRED, *OPTIONAL, *(name for name, _ in ACTIVITIES.values())}
        self.refused: dict[str, str] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.urls: list[str] = []
        self.tokens = {GOOD}
        self.expiring = {EXPIRED}
        self.overrides: dict[str, Any] = {}
        self._gone: tuple[int, int] | None = None
        self._score = 50.0

    async def answer(self, request: Request) -> Response:
        self.urls.append(request.url)
        path, form = urlsplit(request.url).path.removeprefix("/site"), dict(request.form or {})
        if path == "/webservice/rest/server.php":
            return self._dated(self._rest(form))
        if path.startswith("/webservice/pluginfile.php/"):
            return self._file(unquote(path.removeprefix("/webservice/pluginfile.php")), form)
        if path == "/login/token.php":
            return self._dated(self._login(form))
        return reply("<html>Not Found</html>", status=404)

    def _dated(self, answer: Any) -> Response:
        if isinstance(answer, Response):
            return answer
        return reply(answer, headers={"date": formatdate(self.site.now, usegmt=True)})

    def _rest(self, form: dict[str, str]) -> Any:
        if form.pop("moodlewsrestformat", None) != "json":
            return b'<?xml version="1.0" encoding="UTF-8" ?>\n<EXCEPTION></EXCEPTION>'
        function, token = form.pop("wsfunction", ""), form.pop("wstoken", "")
        try:
            self._log_in(token)
            return self._call(function, form)
        except RefusedError as err:
            return err.answer

    def _log_in(self, token: str) -> None:
        if token in self.expiring:
            # It says so once, and then the token is gone.
            self.expiring.discard(token)
            raise RefusedError(*NO_ACCESS)
        if token not in self.tokens:
            raise RefusedError(*NO_TOKEN)

    def _call(self, function: str, form: dict[str, str]) -> Any:
        if function not in self.functions:
            raise RefusedError(*NO_ACCESS)
        arguments = nested(form)
        self.calls.append((function, arguments))
        if function in self.refused:
            raise RefusedError(
                "required_capability_exception", self.refused[function], "You may not."
            )
        if function in self.overrides:
            made = self.overrides[function]
            return made(arguments) if callable(made) else made
        if function == "core_webservice_get_site_info":
            listed = [{"name": name, "version": "2024100706"} for name in sorted(self.functions)]
            return {**SITE_INFO, "functions": listed}
        return Functions(self.site).named(function)(arguments)

    def _login(self, form: dict[str, str]) -> Any:
        if (form.get("username"), form.get("password")) != ("teacher1", PASSWORD):
            code, said = "invalidlogin", "Invalid login, please try again"
        elif form.get("service") != "moodle_mobile_app":
            code, said = "servicenotavailable", "Web service is not available."
        else:
            return {"token": GOOD, "privatetoken": None}
        return _failure(code, said)

    def _file(self, path: str, form: dict[str, str]) -> Response:
        if form.get("token") not in self.tokens:
            return reply(_failure("invalidtoken", "Invalid token - token not found"))
        if path.endswith("/index.html") and "/mod_book/chapter/" in path:
            number = int(path.split("/")[-2])
            if number in self.site.chapters:
                return reply(self.site.chapters[number][1])
        if path not in self.site.files:
            return reply(_failure("filenotfound", "could not be found"), status=404)
        return reply(self.site.files[path], headers={"etag": '"1"', "accept-ranges": "bytes"})

    # What the kit asks a system for.

    def edit(self) -> Ref:
        self.site.touch(2, content="<p>Edited</p>", contentfiles=[])
        return Ref(Kind.PAGE, "2")

    def add(self) -> Ref:
        self.site.now += 60
        self.site.add(2, 99, "page", "New", content="<p>New</p>", contentfiles=[])
        self.site.instances[99]["modified"] = self.site.now
        self.site.places[2].insert(0, self.site.places[2].pop())
        return Ref(Kind.PAGE, "99")

    def delete(self) -> Ref:
        self._gone = (3, self.site.places[2].index(3))
        self.site.places[2].remove(3)
        self._kept = (self.site.modules.pop(3), self.site.instances.pop(3))
        return Ref(Kind.LINK, "3")

    def restore(self) -> None:
        cmid, index = self._gone
        self.site.places[2].insert(index, cmid)
        self.site.modules[cmid], self.site.instances[cmid] = self._kept

    def malform(self) -> Ref:
        self.site.touch(13, content=None)
        return Ref(Kind.PAGE, "13")

    def unknown(self) -> Ref:
        self.site.modules[1]["modname"] = "hologram"
        return Ref(Kind.OPAQUE, "1")

    def forbid(self) -> Ref:
        self.site.modules[13]["uservisible"] = False
        return Ref(Kind.PAGE, "13")

    unshare = forbid

    def share(self) -> None:
        self.site.modules[13]["uservisible"] = True

    def write(self, kind: str) -> WriteOp:
        self._score += 1
        self.site.method = None  # A rubric takes no plain grade.
        return WriteOp(
            kind=kind,
            ref=Ref(Kind.SUBMISSION, f"8:{LEARNER}"),
            values={"score": self._score, "comment": f"Better: {self._score} <3"},
            idempotency_key=f"write-{self._score}",
        )


class SmallMoodle(FakeMoodle):
    """For rules that read once for each request: without types that are read as others are."""

    def __init__(self) -> None:
        super().__init__()
        for cmid in (5, 9, 10, 11, 12):
            del self.site.modules[cmid], self.site.instances[cmid]
            self.site.places[2].remove(cmid)
        del self.site.chapters[2]
        self.site.files = {
            path: data
            for path, data in self.site.files.items()
            if "mod_book" not in path and "mod_folder" not in path
        }
        self.functions.remove("core_grading_get_definitions")


def _failure(code: str, said: str) -> dict[str, Any]:
    more = {"stacktrace": None, "debuginfo": None, "reproductionlink": None}
    return {"error": said, "errorcode": code, **more}


def system(**changes: Any) -> System:
    """The fake as the kit takes it."""
    return System(
        make=SmallMoodle,
        good=GOOD_SETTINGS,
        bad={"base_url": BASE, "token": BAD},
        expired={"base_url": BASE, "token": EXPIRED},
        without={
            "webhook": "Moodle sends no webhooks",
            "log_in": "a token or a password, no login at Moodle",
            "cancel": "a token or a password, no login at Moodle",
        },
        **changes,
    )
