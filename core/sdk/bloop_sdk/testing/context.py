"""A context for tests: what the hub hands to a provider, in memory."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from bloop_sdk.errors import UnsupportedError
from bloop_sdk.http import Answer, HttpClient, Request, Response
from bloop_sdk.plugin import ConnectionContext, JobContext, RequestContext, Unit
from bloop_sdk.principals import Call, Principal, PrincipalKind, Role, Trace
from bloop_sdk.settings import PluginConfig
from bloop_sdk.testing.faults import Steps
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.reach import FakeContent, FakeFiles, FakeProviders
from bloop_sdk.words import Words, page_words_in, templates_in

if TYPE_CHECKING:
    from bloop_sdk.testing.units import FakeDatabase

P = ParamSpec("P")
T = TypeVar("T")


class MemoryStore:
    """``ctx.store`` as a dictionary."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """The value, or None."""
        return self._values.get(key)

    def set(self, key: str, value: Any) -> None:
        """Add or replace."""
        self._values[key] = value

    def delete(self, key: str) -> None:
        """Forget."""
        self._values.pop(key, None)

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that start with ``prefix``, sorted."""
        return sorted(key for key in self._values if key.startswith(prefix))


class NoHttp:
    """``ctx.http`` of a test that must not talk to anybody."""

    async def send(self, request: Request) -> Response:
        """Refuse."""
        raise UnsupportedError(f"this test has no network, and {request.url} was asked for")

    def stream(self, request: Request) -> AsyncIterator[bytes]:
        """Refuse."""
        raise UnsupportedError(f"this test has no network, and {request.url} was asked for")

    def exchange(self, request: Request) -> AbstractAsyncContextManager[Answer]:
        """Refuse."""
        raise UnsupportedError(f"this test has no network, and {request.url} was asked for")


class ListLogger:
    """``ctx.log`` that remembers: ``lines`` holds (level, event, fields)."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str, dict[str, Any]]] = []

    def debug(self, event: str, **fields: Any) -> None:
        """For developers."""
        self.lines.append((logging.DEBUG, event, fields))

    def info(self, event: str, **fields: Any) -> None:
        """Something worth knowing happened."""
        self.lines.append((logging.INFO, event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        """Somebody may have to look."""
        self.lines.append((logging.WARNING, event, fields))

    def error(self, event: str, **fields: Any) -> None:
        """Something failed."""
        self.lines.append((logging.ERROR, event, fields))


def fake_call(institution: str = "test-institution", role: Role = Role.ADMIN) -> Call:
    """A call by a user of ``institution``."""
    return Call(
        Principal(PrincipalKind.USER, "test-user", role),
        institution,
        Trace("0" * 31 + "1", "0" * 15 + "1"),
    )


@dataclass(kw_only=True)
class FakeContext:
    """Stands in for every context of :mod:`bloop_sdk.plugin`; fields are what it hands out.

    ``tables`` are the plugin's (``Base.metadata``), for ``read`` and ``transaction``; ``package``
    is the one whose templates are rendered; ``actions`` are those that the caller has, None all.
    """

    plugin_id: str = "test"
    config: PluginConfig = field(default_factory=PluginConfig)
    connection: str = "test-connection"
    source: Path | None = None
    call: Call = field(default_factory=fake_call)
    http: HttpClient = field(default_factory=NoHttp)
    public_url: str = "https://hub.example"
    store: MemoryStore = field(default_factory=MemoryStore)
    content: FakeContent = field(default_factory=FakeContent)
    files: FakeFiles = field(default_factory=FakeFiles)
    providers: FakeProviders = field(default_factory=FakeProviders)
    log: ListLogger = field(default_factory=ListLogger)
    job: str = "test-job"
    data_dir: Path = Path()
    tables: Any = None
    package: str | None = None
    actions: frozenset[str] | None = None
    locale: str = "en"
    reported: list[tuple[int, int | None, str]] = field(default_factory=list)
    steps: Steps = field(default_factory=Steps)
    kept: dict[str, str | None] = field(default_factory=dict, repr=False)
    """What ``keep_secrets`` was given."""

    async def keep_secrets(self, values: Mapping[str, str | None]) -> None:
        """Remember the secrets in ``kept``."""
        self.kept.update(values)

    async def run_sync(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking code in a thread."""
        self.steps.take()
        return await asyncio.to_thread(function, *args, **kwargs)

    def is_final(self, error: Exception) -> bool:
        """What fails here has failed."""
        del error
        return True

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Remember what was reported."""
        self.reported.append((done, total, message))

    @functools.cached_property
    def database(self) -> FakeDatabase:
        """The plugin's tables in memory, and what was emitted, audited and enqueued."""
        from bloop_sdk.testing.units import FakeDatabase

        return FakeDatabase(self.plugin_id, self.tables, self.config)

    async def read(
        self, work: Callable[Concatenate[Unit, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What ``work`` finds; raises FatalError where it writes."""
        return await asyncio.to_thread(self.database.read, self.call, work, *args, **kwargs)

    async def transaction(
        self, work: Callable[Concatenate[Unit, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``work`` in one transaction."""
        return await asyncio.to_thread(self.database.transaction, self.call, work, *args, **kwargs)

    def may(self, action: str) -> bool:
        """Whether ``actions`` holds it."""
        return self.actions is None or action in self.actions

    def signed(self, path: str, seconds: float) -> str:
        """An address that tells what was asked for, and opens nothing."""
        return f"/x/{self.plugin_id}{path}?signed=for-{seconds:g}-s"

    @property
    def words(self) -> Words:
        """What ``package`` says in ``locale``."""
        return page_words_in(self._folder, self.locale)

    def render(self, template: str, **values: Any) -> str:
        """HTML of a template in ``package``, with Jinja2 where that is installed."""
        found = templates_in(self._folder, self.locale).get_template(template)
        known = {"csrf": "test-csrf", "locale": self.locale, "base": f"/x/{self.plugin_id}"}
        return str(found.render({**known, **values}))

    @property
    def _folder(self) -> Path:
        return PluginUnderTest(self.package or f"bloop_{self.plugin_id}").folder


if TYPE_CHECKING:

    def _fits(ctx: FakeContext) -> tuple[ConnectionContext, RequestContext, JobContext]:
        return ctx, ctx, ctx
