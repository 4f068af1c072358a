"""What a provider is given to read a file: its plugin's context, and no way to the outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from bloop.store.database import Database
from bloop.store.values import PluginValues
from bloop_sdk import (
    Call,
    HttpClient,
    PluginConfig,
    PluginContext,
    Request,
    Response,
    UnsupportedError,
)
from bloop_sdk.plugin import KeyValueStore, Logger

P = ParamSpec("P")
T = TypeVar("T")


class NoHttp:
    """The HTTP client of a connection that stands for a file."""

    async def send(self, request: Request) -> Response:
        """Refuse."""
        raise UnsupportedError(f"{request.url}: the import of a file has no way to the outside")

    def stream(self, request: Request) -> AsyncIterator[bytes]:
        """Refuse."""
        raise UnsupportedError(f"{request.url}: the import of a file has no way to the outside")


@dataclass(frozen=True, slots=True)
class FileContext:
    """A :class:`bloop_sdk.ConnectionContext` of an imported file."""

    plugin: PluginContext
    database: Database
    call: Call
    connection: str
    source: Path

    @property
    def plugin_id(self) -> str:
        """The manifest's id."""
        return self.plugin.plugin_id

    @property
    def config(self) -> PluginConfig:
        """The plugin's settings."""
        return self.plugin.config

    @property
    def log(self) -> Logger:
        """The plugin's log."""
        return self.plugin.log

    @property
    def data_dir(self) -> Path:
        """The plugin's folder."""
        return self.plugin.data_dir

    @property
    def http(self) -> HttpClient:
        """A client that refuses."""
        return NoHttp()

    @property
    def store(self) -> KeyValueStore:
        """The plugin's values in this institution."""
        return PluginValues(self.database, self.call, self.plugin.plugin_id)

    async def run_sync(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking code in one of the plugin's threads."""
        return await self.plugin.run_sync(function, *args, **kwargs)
