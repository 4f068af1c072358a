"""Systems for tests: what a plugin talks to, in memory or in a folder.

    class FakeCanvas:
        async def answer(self, request: Request) -> Response:
            ...

    System(make=FakeCanvas, good={"base_url": "https://canvas.example", "token": "good"},
           bad={...}, expired={...})

What a test needs beyond answers, the system offers as methods of the names in :data:`OFFERS`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import pytest

from bloop_sdk._http.client import Client
from bloop_sdk._http.urls import told
from bloop_sdk._http.wire import Key, Learn, Pace, Transport, prepare
from bloop_sdk.errors import RateLimitedError
from bloop_sdk.http import Answer, Request, Response
from bloop_sdk.testing.clock import Clock
from bloop_sdk.testing.embeddings import Embeddings
from bloop_sdk.testing.faults import pieces
from bloop_sdk.testing.indexes import Indexes
from bloop_sdk.testing.learners import Learners
from bloop_sdk.testing.lessons import Lessons
from bloop_sdk.testing.models import Models
from bloop_sdk.testing.payments import Payments
from bloop_sdk.testing.streams import Stream
from bloop_sdk.testing.voices import Voices

OFFERS: dict[str, str] = {
    "bad": "settings with a credential that was never valid",
    "expired": "settings with a credential that was valid once",
    "edit": "`edit() -> Ref`: change a record",
    "add": "`add() -> Ref`: add a record where it moves the others to other pages",
    "delete": "`delete() -> Ref`: delete a record",
    "restore": "`restore()`: bring back what `delete` removed, unchanged",
    "malform": "`malform() -> Ref`: break one record, so that it cannot be used",
    "unknown": "`unknown() -> Ref`: give one record a type that nobody knows; its opaque ref",
    "forbid": "`forbid() -> Ref | None`: refuse one record with 403 (None: an optional stream)",
    "unshare": "`unshare() -> Ref | None`: take the right to see a record (None: to a stream)",
    "share": "`share()`: give back what `unshare` took",
    "write": "`write(kind) -> WriteOp`: a valid operation of that kind, new each time",
    "beyond": "`beyond() -> (Ref, Any)`: a note, and what of it Markdown cannot say",
    "webhook": "`webhook() -> WebhookRequest`: a call with a valid signature",
    "log_in": "`log_in(url) -> dict`: what a browser brings back whose owner logs in at an address",
    "cancel": "`cancel(url) -> dict`: what it brings back when they say no",
    "pay": "`pay(checkout)`: be the buyer, who pays",
    "moved": "`moved() -> list[Money]`: what money has moved so far, negative where it went back",
    "decline": "`decline(checkout)`: be the buyer, whose bank says no",
    "expire": "`expire(checkout)`: let nobody pay it any more",
    "dispute": "`dispute(capture, outcome)`: a bank takes it back; `open`, `won` or `lost`",
    "renew": "`renew(subscription, paid)`: let a period pass; whether the next is paid",
    "stranger": "`stranger() -> WebhookRequest`: a call that another account's key signed",
    "stop": "`stop()`: let the system be away",
    "start": "`start()`: bring it back, at the same address",
    "kill": "`kill(provider) -> bool`: end the process in which it works at the moment",
    "hang": "`hang()`: leave the next request without an answer",
    "cut": "`cut()`: break the next stream off before its end",
    "refused": "`refused() -> dict`: a payload that it can never take",
}
"""What a system may offer beyond its content, with the methods' signatures."""


class FakeSystem(Protocol):
    """A system in memory; each one that is made holds the same content."""

    async def answer(self, request: Request) -> Response:
        """Answer a request as it arrives: see :func:`arrived`."""
        ...


@dataclass(frozen=True, kw_only=True)
class System:
    """A system that is talked to over HTTP.

    ``good``, ``bad`` and ``expired`` are the plugin's settings with such credentials. ``without``
    says of each offer that is lacking, and of each rule that can't hold, why.
    """

    make: Callable[[], FakeSystem]
    good: Mapping[str, Any]
    bad: Mapping[str, Any] | None = None
    expired: Mapping[str, Any] | None = None
    without: Mapping[str, str] = field(default_factory=dict)
    over_http = True

    def open(self, folder: Path) -> Source:
        """A fresh system."""
        del folder
        made = self.make()
        given = {"good": self.good, "bad": self.bad, "expired": self.expired}
        offers = {name: getattr(made, name, None) for name in OFFERS}
        return Source(
            {name: settings for name, settings in given.items() if settings is not None},
            {name: offer for name, offer in offers.items() if offer is not None},
            transport=FakeTransport(made),
        )


Change = Callable[[Path], Any]
"""Changes the source at a path; gives the ref of what it changed."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A source that is a file or a folder: ``build(path)`` writes it there.

    ``settings`` may be made from the path; providers find it as ``ctx.source`` too, unless it is
    ``living``: a folder that a connection stands for, and no import.
    """

    build: Change
    name: str = "source"
    settings: Mapping[str, Any] | Callable[[Path], Mapping[str, Any]] = field(default_factory=dict)
    edit: Change | None = None
    add: Change | None = None
    delete: Change | None = None
    malform: Change | None = None
    unknown: Change | None = None
    beyond: Change | None = None
    without: Mapping[str, str] = field(default_factory=dict)
    living: bool = False
    over_http = False

    def open(self, folder: Path) -> Source:
        """A fresh source, always at the same path and with the same times of its files."""
        path, pristine = folder / "now" / self.name, folder / "pristine" / self.name
        if not pristine.exists():
            pristine.parent.mkdir(parents=True)
            self.build(pristine)
        _copy(pristine, path)
        saved = folder / "saved" / self.name
        offers: dict[str, Callable[..., Any]] = {}
        for name in ("edit", "add", "malform", "unknown", "beyond"):
            change = getattr(self, name)
            if change is not None:
                offers[name] = lambda change=change: change(path)
        remove = self.delete
        if remove is not None:

            def delete() -> Any:
                _copy(path, saved)
                return remove(path)

            offers["delete"] = delete
            offers["restore"] = lambda: _copy(saved, path)
        return Source({"good": self.settings_at(path)}, offers, path=path, imported=not self.living)

    def settings_at(self, path: Path) -> Mapping[str, Any]:
        """The plugin's settings for a source at ``path``."""
        return self.settings(path) if callable(self.settings) else self.settings


def _copy(source: Path, target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


Subject = (
    System
    | Folder
    | Stream
    | Embeddings
    | Indexes
    | Learners
    | Lessons
    | Models
    | Payments
    | Voices
)


@dataclass(frozen=True, slots=True)
class Source:
    """One fresh system: settings by credential, what it offers, and how it is reached."""

    settings: Mapping[str, Mapping[str, Any]]
    offers: Mapping[str, Callable[..., Any]]
    transport: Transport | None = None
    path: Path | None = None
    imported: bool = True

    def has(self, offer: str) -> bool:
        """Whether it offers something of :data:`OFFERS`."""
        return offer in self.offers or offer in self.settings


def arrived(request: Request) -> Request:
    """A request as the other side sees it.

    ``url`` is whole, ``params`` is its query (a list for what is repeated), header names are
    lower-case, and ``form`` or ``json_body`` is what the body holds.
    """
    url, headers, body = prepare(request)
    lower = {name.lower(): value for name, value in headers.items()}
    kind, text = lower.get("content-type", ""), (body or b"").decode("utf-8", "replace")
    form = _last(text) if "x-www-form-urlencoded" in kind else None
    return dataclasses.replace(
        request,
        url=url,
        headers=lower,
        params={
            name: values if len(values) > 1 else values[0]
            for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()
        },
        body=body,
        form=form,
        json_body=json.loads(text) if "json" in kind and text else None,
    )


def _last(query: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}


def reply(
    content: Any = b"", *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer of a fake system: bytes as they are, text as HTML, anything else as JSON."""
    if isinstance(content, bytes):
        body, kind = content, "application/octet-stream"
    elif isinstance(content, str):
        body, kind = content.encode(), "text/html; charset=utf-8"
    else:
        body, kind = json.dumps(content).encode(), "application/json"
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    return Response(status=status, headers={"content-type": kind, **lower}, body=body, url="")


class FakeTransport:
    """The network, as far as a fake system is behind it."""

    def __init__(self, system: FakeSystem) -> None:
        self._system = system

    @contextlib.asynccontextmanager
    async def open(
        self,
        request: Request,
        *,
        total: float,  # noqa: ARG002 - an answer in memory takes no time
        idle: float,  # noqa: ARG002
    ) -> AsyncIterator[Answer]:
        """As :meth:`Transport.open`."""
        try:
            response = await self._system.answer(arrived(request))
        except Exception as err:  # noqa: BLE001 - whatever is wrong with it
            # Whatever the plugin catches, it must not take this for the system's answer.
            __tracebackhide__ = True
            pytest.fail(f"the fake system failed: {told(request)}: {type(err).__name__}: {err}")
        yield Answer(response.status, response.headers, pieces(response.body))

    async def close(self) -> None:
        """Nothing is open."""


class Turns:
    """A pacer of one: everybody's turn comes at once, unless the other side asked to wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[Key, float] = {}

    @contextlib.asynccontextmanager
    async def turn(self, key: Key, pace: Pace, patience: float) -> AsyncIterator[Learn]:
        """As :meth:`Pacer.turn`."""
        del pace
        wait = self._until.get(key, 0.0) - self._clock.waited
        if wait > patience:
            raise RateLimitedError(f"{key[1]} asked to wait {wait:.0f} s more", retry_after=wait)
        if wait > 0:
            await self._clock.sleep(wait)
        yield lambda _headers: None

    def hold(self, key: Key, seconds: float) -> None:
        """As :meth:`Pacer.hold`."""
        self._until[key] = max(self._until.get(key, 0.0), self._clock.waited + seconds)


def http_client(
    transport: Transport,
    clock: Clock | None = None,
    *,
    hosts: frozenset[str] | None = None,
    downloads: frozenset[str] = frozenset(),
) -> Client:
    """The hub's own client over a transport, with waits that take no time."""
    clock = clock or Clock()
    return Client(
        transport,
        Turns(clock),
        credential="test",
        hosts=hosts,
        downloads=downloads,
        wait=clock.sleep,
    )
