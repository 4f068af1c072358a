"""A small system of courses behind real HTTP, and the plugin that connects it.

It has tokens, a login (OAuth 2.0 with PKCE), permissions that may be missing, a record that cannot
be read, and webhooks that are signed with a time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bloop_sdk.testing.distributions import CODE, write_plugin

WEBHOOK_SECRET = "hooks-of-campus-1"
CLIENT_SECRET = "client-of-campus-1"
TOKEN = "good-token-of-campus"

CONFIG = """
    from pydantic import SecretStr
    from bloop_sdk import PluginConfig, Scope, setting

    own = Scope.CONNECTION

    class Config(PluginConfig):
        base_url: str = setting(scope=own, description="Address of the campus")
        token: SecretStr | None = setting(None, scope=own, description="Access token")
        client_id: str = setting("", scope=own, description="Registered", title="Client")
        page_size: int = setting(50, scope=own, description="At once", advanced=True)
        renewed: SecretStr | None = setting(None, scope=own, description="Kept", renewed=True)
        client_secret: SecretStr | None = setting(None, scope=own, description="Its secret")
        webhook_secret: SecretStr | None = setting(None, scope=own, description="Signs hints")
"""

PROVIDER = """
    import hashlib
    import hmac
    import json
    from base64 import urlsafe_b64encode
    from urllib.parse import urlencode

    from bloop_sdk import (
        AuthError, Batch, CheckResult, Container, Deletes, DeviceLogin, Enrolment, Hint, Kind,
        Node, Page, Person, ProviderSpec, RateLimitedError, Ref, Request, Skipped, Stream,
    )

    EVERYTHING = Deletes.ENUMERATE
    STREAMS = (
        Stream(name="courses", kinds=frozenset({Kind.COURSE}), deletes=EVERYTHING),
        Stream(name="pages", kinds=frozenset({Kind.PAGE, Kind.MODULE}), deletes=EVERYTHING,
               partitioned=True),
        Stream(name="people", kinds=frozenset({Kind.PERSON, Kind.ENROLMENT}), partitioned=True,
               optional=True),
    )

    class Campus:
        def __init__(self, ctx):
            self.ctx = ctx

        def spec(self):
            return ProviderSpec(streams=STREAMS, webhooks=True)

        async def get(self, path):
            token = self.ctx.config.token
            headers = {"Authorization": f"Bearer {token.get_secret_value() if token else ''}"}
            url = self.ctx.config.base_url + path
            return (await self.ctx.http.send(Request(url=url, headers=headers))).json()

        async def check(self):
            me = await self.get("/api/me")
            if me["renewed"]:
                await self.ctx.keep_secrets({"token": me["renewed"]})
            return CheckResult(account=me["name"], site="Campus", version="4.5",
                               missing=tuple(me["missing"]), gaps=tuple(me["gaps"]))

        async def discover(self):
            return [Container(remote_id=one["id"], title=one["title"], code=one["code"], raw=one)
                    for one in (await self.get("/api/courses"))["items"]]

        async def read(self, partition, state):
            if partition.stream == "courses":
                yield Batch(records=tuple(await self.discover()))
                return
            course = partition.container
            answer = await self.get(f"/api/courses/{course}/{partition.stream}")
            for one in answer["items"]:
                made = self.page(one) if partition.stream == "pages" else self.person(one, course)
                skipped = tuple(part for part in made if isinstance(part, Skipped))
                records = tuple(part for part in made if not isinstance(part, Skipped))
                yield Batch(records=records, skipped=skipped, done=one["n"], total=answer["total"])

        def page(self, one):
            if "title" not in one:
                return (Skipped(ref=f"page:{one['id']}", reason="it has no title", raw=one),)
            ref = Ref(Kind.PAGE, one["id"])
            page = Page(remote_id=one["id"], container=one["course"], title=one["title"],
                        html=one["html"], raw=one)
            node = Node(remote_id="n" + one["id"], container=one["course"], position=one["n"],
                        title=one["title"], content=ref)
            return (page, node)

        def person(self, one, course):
            return (
                Person(remote_id=one["id"], name=one["name"], raw=one),
                Enrolment(remote_id=f"{course}-{one['id']}", container=course, person=one["id"],
                          role="learner", raw=one),
            )

        async def fetch(self, refs):
            records, skipped = [], []
            for ref in refs:
                for part in self.page(await self.get(f"/api/pages/{ref.remote_id}")):
                    (skipped if isinstance(part, Skipped) else records).append(part)
            return Batch(records=tuple(records), skipped=tuple(skipped))

        async def write(self, op, precondition):
            raise NotImplementedError

        async def subscribe(self, request):
            begun = json.loads(request.body).get("begin")
            if begun is None:
                return False
            await self.ctx.keep_secrets({"webhook_secret": begun})
            self.ctx.store.set("begun", True)
            return True

        def to_confirm(self):
            secret = self.ctx.config.webhook_secret
            return secret.get_secret_value() if self.ctx.store.get("begun") else None

        def verify_webhook(self, request):
            secret = self.ctx.config.webhook_secret
            if secret is None:
                raise AuthError("there is no secret")
            at = request.headers.get("x-campus-time", "0")
            signed = hmac.new(secret.get_secret_value().encode(), at.encode() + request.body,
                              hashlib.sha256).hexdigest()
            if not hmac.compare_digest(signed, request.headers.get("x-campus-signature", "")):
                raise AuthError("the signature is wrong")
            if abs(request.received_at - float(at)) > 300:
                raise AuthError("it was signed too long ago")
            event = json.loads(request.body)
            ref = Ref(Kind.PAGE, event["page"]) if event.get("page") else None
            return [Hint(ref=ref, event_id=event["id"])]

        def can_authorize(self):
            return bool(self.ctx.config.client_id and self.ctx.config.client_secret)

        def authorize_url(self, request):
            challenge = hashlib.sha256(request.verifier.encode()).digest()
            asked = {"client_id": self.ctx.config.client_id, "state": request.state,
                     "redirect_uri": request.redirect_uri,
                     "code_challenge": urlsafe_b64encode(challenge).decode().rstrip("=")}
            return f"{self.ctx.config.base_url}/login?{urlencode(asked)}"

        async def exchange(self, request, params):
            if "error" in params:
                raise AuthError("the person said no", code="login_cancelled")
            form = {"code": params["code"], "verifier": request.verifier,
                    "redirect_uri": request.redirect_uri,
                    "secret": self.ctx.config.client_secret.get_secret_value()}
            asked = Request(url=f"{self.ctx.config.base_url}/token", method="POST", form=form)
            answer = (await self.ctx.http.send(asked)).json()
            if "token" not in answer:
                raise AuthError("the code was not taken")
            return {"token": answer["token"]}

        def can_authorize_device(self):
            return self.ctx.config.client_id == "by-code"

        async def ask(self, **form):
            asked = Request(url=f"{self.ctx.config.base_url}/device", method="POST", form=form)
            return (await self.ctx.http.send(asked)).json()

        async def begin_device(self):
            answer = await self.ask(client=self.ctx.config.client_id)
            return DeviceLogin(user_code=answer["code"], verification_url=answer["where"],
                               expires_in=answer["seconds"], interval=0.01, state=answer)

        async def poll_device(self, login):
            answer = await self.ask(device=login.state["device"])
            if answer.get("error") == "slow":
                raise RateLimitedError("it was asked too soon")
            if answer.get("error") == "declined":
                raise AuthError("the person said no", code="login_cancelled")
            return {"token": answer["token"]} if "token" in answer else None
"""


def write_campus(site: Path, toml: Path, *, own: bool = False, more: str = "") -> None:
    """The plugin on a path of distributions, enabled in a hub.toml that lets it out to here.

    With ``own`` it is one of notes, with which people may connect themselves by a token; ``more``
    are settings of it.
    """
    family = "notes" if own else "lms"
    manifest = {
        "name": "Campus",
        "family": family,
        "config": "bloop_campus.config:Config",
        "provides": {family: "bloop_campus.provider:Campus"},
        "network": {"hosts": ["{base_url}"]},
        "secrets": ["token", "client_secret", "webhook_secret"],
    }
    whose = 'description="Access token"'
    config = CONFIG.replace(whose, f"personal=True, {whose}") if own else CONFIG
    files = {"config.py": config, "provider.py": PROVIDER}
    write_plugin(site, "campus", code=CODE, files=files, manifest=manifest)
    with toml.open("a") as file:
        file.write('\n[net]\nallow = ["127.0.0.1"]\n\n[plugins.campus]\nenabled = true\n' + more)


@dataclass
class Campus:
    """The system: what it holds may be changed while it runs."""

    tokens: dict[str, str] = field(default_factory=lambda: {TOKEN: "Ada Admin"})
    renews: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    hides_people: bool = False
    courses: dict[str, str] = field(
        default_factory=lambda: {"c1": "Waves and sound", "c2": "Light", "c3": "Heat"}
    )
    pages: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    devices: list[dict[str, str]] = field(default_factory=list)
    wait: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def __post_init__(self) -> None:
        self.wait.set()
        for course in self.courses:
            for number in range(1, 5):
                self.put(course, f"{course}p{number}", number)

    def put(self, course: str, page: str, number: int) -> None:
        """One page more."""
        self.pages[page] = {
            "id": page, "course": course, "n": number,
            "title": f"Page {number}", "html": f"<p>{page}</p>",
        }  # fmt: skip

    def start(self) -> ThreadingHTTPServer:
        """Serve at a free port of this machine; shut it down yourself."""
        campus = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answered(*campus.answer(self.path, self.headers))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                form = dict(parse_qsl(body.decode()))
                by_code = self.path == "/device"
                self.answered(*(campus.device(form) if by_code else campus.exchange(form)))

            def answered(self, status: int, answer: Any) -> None:
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def answer(self, path: str, headers: Any) -> tuple[int, Any]:
        """What a GET is answered with."""
        self.asked.append(path)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        name = self.tokens.get(token)
        if name is None:
            return 401, {"error": "who?"}
        match urlsplit(path).path.strip("/").split("/"):
            case ["api", "me"]:
                me = {"name": name, "missing": self.missing, "gaps": self.gaps}
                return 200, me | {"renewed": self.renews.get(token)}
            case ["api", "courses"]:
                found = [{"id": k, "title": v, "code": k.upper()} for k, v in self.courses.items()]
                return 200, {"items": found}
            case ["api", "courses", course, "pages"]:
                self.wait.wait(60)
                pages = [one for one in self.pages.values() if one["course"] == course]
                return 200, {"items": pages, "total": len(pages)}
            case ["api", "courses", _, "people"]:
                if self.hides_people:
                    return 403, {"error": "not you"}
                return 200, {"items": [{"id": "u1", "name": "Grace", "n": 1}], "total": 1}
            case ["api", "pages", page]:
                found_page = self.pages.get(page)
                return (200, found_page) if found_page else (404, {"error": "no"})
        return 404, {"error": "nothing here"}

    # -- the login by code

    def device(self, form: dict[str, str]) -> tuple[int, Any]:
        """A code, and what became of it: ``devices`` holds an answer for each question."""
        if "client" in form:
            where = {"where": f"{self.url}/device", "seconds": 600}
            return 200, {"code": "ABCD-1234", "device": "secret-of-device"} | where
        if form["device"] != "secret-of-device":
            return 200, {"error": "declined"}
        found = self.devices.pop(0)
        if "token" in found:
            self.tokens[found["token"]] = "Dora Device"
        return 200, found

    # -- the login

    def grant(self, url: str) -> str:
        """What a browser brings back that a person said yes in: the query."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked["code_challenge"]
        return f"code={code}&state={asked['state']}"

    def exchange(self, form: dict[str, str]) -> tuple[int, Any]:
        """What a code is worth, once, with its verifier."""
        challenge = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("verifier", "").encode()).digest()
        if (
            challenge != urlsafe_b64encode(digest).decode().rstrip("=")
            or form["secret"] != CLIENT_SECRET
        ):
            return 400, {"error": "invalid_grant"}
        token = secrets.token_urlsafe(16)
        self.tokens[token] = "Olga OAuth"
        return 200, {"token": token}

    # -- webhooks

    def hint(
        self, event: dict[str, Any], *, at: float | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """A signed hint: its body, and its headers."""
        body, when = json.dumps(event).encode(), str(time.time() if at is None else at)
        signed = hmac.new(WEBHOOK_SECRET.encode(), when.encode() + body, "sha256").hexdigest()
        return body, {"x-campus-time": when, "x-campus-signature": signed}
