"""What a plugin is, and what the hub hands to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from bloop_sdk.http import HttpClient
from bloop_sdk.principals import Call
from bloop_sdk.records import JSONObject
from bloop_sdk.settings import PluginConfig

P = ParamSpec("P")
T = TypeVar("T")


class Logger(Protocol):
    """Structured logging: an event name and fields. Secrets and personal fields are masked."""

    def debug(self, event: str, **fields: Any) -> None:
        """For developers."""
        ...

    def info(self, event: str, **fields: Any) -> None:
        """Something worth knowing happened."""
        ...

    def warning(self, event: str, **fields: Any) -> None:
        """Somebody may have to look."""
        ...

    def error(self, event: str, **fields: Any) -> None:
        """Something failed."""
        ...


class KeyValueStore(Protocol):
    """JSON values of this plugin and institution; sync, quick, in the hub's database."""

    def get(self, key: str) -> Any:
        """The value, or None."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Add or replace; ``value`` is JSON-shaped, at most 64 KiB."""
        ...

    def delete(self, key: str) -> None:
        """Forget; unknown keys are ignored."""
        ...

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that start with ``prefix``, sorted."""
        ...


class PluginContext(Protocol):
    """What every plugin has: its settings at hub scope, a log, threads and a folder."""

    @property
    def plugin_id(self) -> str:
        """The manifest's id."""
        ...

    @property
    def config(self) -> PluginConfig:
        """The plugin's settings, resolved and validated."""
        ...

    @property
    def log(self) -> Logger:
        """Logs with plugin, connection and trace ids."""
        ...

    @property
    def data_dir(self) -> Path:
        """A folder of the plugin's own, made on first use; may be emptied between versions."""
        ...

    async def run_sync(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking code in a thread. It can't be timed out from outside."""
        ...


class ConnectionContext(PluginContext, Protocol):
    """What a provider has: an institution's own settings, and ways to the outside."""

    @property
    def connection(self) -> str:
        """Id of the connection; stable over its life."""
        ...

    @property
    def call(self) -> Call:
        """For whom, and as part of which trace."""
        ...

    @property
    def http(self) -> HttpClient:
        """The one way out."""
        ...

    @property
    def store(self) -> KeyValueStore:
        """Small state of the plugin in this institution."""
        ...

    @property
    def source(self) -> Path | None:
        """The file being imported, for connections that stand for a file."""
        ...


class JobContext(PluginContext, Protocol):
    """What a job has: its call, and progress to report."""

    @property
    def job(self) -> str:
        """The job's id."""
        ...

    @property
    def call(self) -> Call:
        """For whom, and as part of which trace."""
        ...

    @property
    def http(self) -> HttpClient:
        """The one way out."""
        ...

    @property
    def store(self) -> KeyValueStore:
        """Small state of the plugin in this institution."""
        ...

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Report; raises RetriableError when the job has been cancelled or lost its lease."""
        ...


class Plugin:
    """Base of a plugin's class, which its entry point in the group ``bloop.plugins`` names.

    Hooks are methods marked ``@hookimpl``. Providers and contributions are named by the manifest
    and made by the hub; importing the plugin's package should import no vendor's SDK.
    """

    def __init__(self, ctx: PluginContext) -> None:
        self.ctx = ctx

    def start(self) -> None:
        """Called once after loading; raise to refuse, with a cure."""

    def stop(self) -> None:
        """Called once when the plugin is switched off, after running calls have drained."""


ProviderFactory = Callable[[ConnectionContext], Any]
"""A provider's class: called with a context, gives an object of its capability's protocol."""

JobHandler = Callable[[JobContext, JSONObject], Any]
"""``async def (ctx, payload) -> JSON-shaped result or None``."""

Settings = Mapping[str, Any]
