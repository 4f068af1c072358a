"""Providers as domains get them: with their context, each call guarded by the kernel."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from bloop.content.imports import Importer, import_upload
from bloop.hub.contexts import file_context
from bloop.jobs.context import RunningJob
from bloop.kernel.calls import Calls
from bloop.kernel.registry import ProviderHandle
from bloop_sdk import (
    Authorization,
    Authorizing,
    Batch,
    Call,
    CheckResult,
    Container,
    Cursor,
    DeviceAuthorizing,
    DeviceLogin,
    Exporter,
    Foreseeing,
    Hint,
    Keyed,
    LMSProvider,
    Partition,
    Precondition,
    ProviderSpec,
    Ref,
    Subscribing,
    UnsupportedError,
    Watching,
    WebhookRequest,
    WriteOp,
    WriteResult,
)

if TYPE_CHECKING:
    from bloop.hub import Hub

P = ParamSpec("P")
T = TypeVar("T")

CALL_SECONDS = 300.0
"""A provider may take so long for one answer, and for each batch that it reads."""


@dataclass(frozen=True, slots=True)
class GuardedProvider:
    """A content provider whose every call has a breaker, a deadline and one way to fail."""

    inner: LMSProvider
    handle: ProviderHandle
    calls: Calls
    connection: str

    def spec(self) -> ProviderSpec:
        """As the provider's."""
        return self.calls.run(self.handle, "spec", self.inner.spec)

    async def check(self) -> CheckResult:
        """As the provider's."""
        return await self._call("check", CheckResult, self.inner.check)

    async def discover(self) -> Sequence[Container]:
        """As the provider's."""
        return await self._call("discover", list, self._discovered)

    def read(self, partition: Partition, state: Cursor | None) -> AsyncIterator[Batch]:
        """As the provider's."""
        operation = f"read {partition.stream}"
        # It need not be a generator: a plain function does something by being called.
        batches = self.calls.run(self.handle, operation, self.inner.read, partition, state)
        return self.calls.stream(
            self.handle,
            operation,
            batches,
            timeout=CALL_SECONDS,
            connection=self.connection,
        )

    def ahead(self, partitions: Sequence[Partition]) -> None:
        """As the provider's, if it foresees anything."""
        if isinstance(self.inner, Foreseeing):
            self.calls.run(self.handle, "ahead", self.inner.ahead, partitions)

    def source_key(self) -> str:
        """As the provider's; empty where it has none."""
        inner = self.inner
        if not isinstance(inner, Keyed):
            return ""
        return self.calls.run(self.handle, "source_key", lambda: _expected(inner.source_key(), str))

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """As the provider's."""
        return await self._call("fetch", Batch, self.inner.fetch, refs)

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """As the provider's."""
        return await self._call(f"write {op.kind}", WriteResult, self.inner.write, op, precondition)

    def verify_webhook(self, request: WebhookRequest) -> Sequence[Hint]:
        """As the provider's."""

        def hints() -> list[Hint]:
            return [_expected(one, Hint) for one in self.inner.verify_webhook(request)]

        return self.calls.run(self.handle, "verify_webhook", hints)

    async def subscribe(self, request: WebhookRequest) -> bool:
        """As the provider's; False where it knows no subscriptions."""
        inner = self.inner
        if not isinstance(inner, Subscribing):
            return False
        return await self._call("subscribe", bool, inner.subscribe, request)

    def to_confirm(self) -> str | None:
        """As the provider's; None where it knows no subscriptions."""
        inner = self.inner
        if not isinstance(inner, Subscribing):
            return None
        secret = self.calls.run(self.handle, "to_confirm", inner.to_confirm)
        return None if secret is None else _expected(secret, str)

    def can_authorize(self) -> bool:
        """Whether its credential can come from a login at the other side."""
        inner = self.inner
        if not isinstance(inner, Authorizing):
            return False
        return bool(self.calls.run(self.handle, "can_authorize", inner.can_authorize))

    def authorize_url(self, request: Authorization) -> str:
        """As the provider's; an address that a browser can be sent to."""

        def ask() -> str:
            url = _expected(self._authorizing().authorize_url(request), str)
            if not url.startswith(("https://", "http://")) or not url.isprintable():
                raise TypeError("it gave no address to send a browser to")
            return url

        return self.calls.run(self.handle, "authorize_url", ask)

    async def exchange(
        self, request: Authorization, params: Mapping[str, str]
    ) -> Mapping[str, str | None]:
        """As the provider's."""
        found: Mapping[str, str | None] = await self._call(
            "exchange", dict, self._exchanged, request, params
        )
        return found

    async def _exchanged(
        self, request: Authorization, params: Mapping[str, str]
    ) -> dict[str, str | None]:
        return dict(await self._authorizing().exchange(request, params))

    def can_authorize_device(self) -> bool:
        """Whether its credential can come from a login by code, on any device."""
        inner = self.inner
        if not isinstance(inner, DeviceAuthorizing):
            return False
        return bool(self.calls.run(self.handle, "can_authorize_device", inner.can_authorize_device))

    async def begin_device(self) -> DeviceLogin:
        """As the provider's."""
        return await self._call(
            "begin_device", DeviceLogin, self._device_authorizing().begin_device
        )

    async def poll_device(self, login: DeviceLogin) -> Mapping[str, str | None] | None:
        """As the provider's."""
        inner = self._device_authorizing()

        async def poll() -> dict[str, Any]:
            secrets = await inner.poll_device(login)
            return {"secrets": None if secrets is None else dict(secrets)}

        found = await self._call("poll_device", dict, poll)
        secrets: Mapping[str, str | None] | None = found["secrets"]
        return secrets

    def _device_authorizing(self) -> DeviceAuthorizing:
        if not isinstance(self.inner, DeviceAuthorizing):
            raise UnsupportedError(f"plugin {self.handle.plugin_id} knows no login by code")
        return self.inner

    def _authorizing(self) -> Authorizing:
        if not isinstance(self.inner, Authorizing):
            raise UnsupportedError(f"plugin {self.handle.plugin_id} knows no login elsewhere")
        return self.inner

    def can_watch(self) -> bool:
        """Whether it notices changes by itself."""
        inner = self.inner
        if not isinstance(inner, Watching):
            return False
        return bool(self.calls.run(self.handle, "can_watch", inner.can_watch))

    def watch(self) -> AsyncGenerator[Batch]:
        """As the provider's: nothing for days, if nothing changes."""
        inner = self.inner
        if not isinstance(inner, Watching):
            raise UnsupportedError(f"plugin {self.handle.plugin_id} watches nothing")
        hints = self.calls.run(self.handle, "watch", inner.watch)
        return self.calls.stream(
            self.handle, "watch", hints, timeout=None, connection=self.connection
        )

    async def _discovered(self) -> list[Container]:
        found = await self.inner.discover()
        return [_expected(one, Container) for one in found]

    async def _call(
        self,
        operation: str,
        kind: type[T],
        method: Callable[P, Coroutine[Any, Any, T]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        async def work() -> T:
            return _expected(await method(*args, **kwargs), kind)

        return await self.calls.call(
            self.handle, operation, work(), timeout=CALL_SECONDS, connection=self.connection
        )


def _expected(answer: T, kind: type) -> T:
    """The answer; raises TypeError, which the guard makes the plugin's failure, for another one."""
    if not isinstance(answer, kind):
        raise TypeError(f"it answered with a {type(answer).__name__}, which is no {kind.__name__}")
    return answer


def open_file_provider(
    hub: Hub, call: Call, importer: Importer, connection: str, path: Path
) -> GuardedProvider:
    """A provider that reads a file; raises PluginUnavailableError with a cure."""
    handle = hub.kernel.provider(importer.capability, importer.plugin_id)
    context = file_context(hub, importer.plugin_id, call, connection, path)
    return GuardedProvider(handle.create(context), handle, hub.kernel.calls, connection)


def open_exporter(hub: Hub, plugin_id: str) -> Exporter:
    """A plugin's exporter; raises PluginUnavailableError with a cure."""
    handle = hub.kernel.provider("exporter", plugin_id)
    exporter: Exporter = handle.create(hub.kernel.context(plugin_id))
    return exporter


async def run_import_job(hub: Hub, job: RunningJob, payload: dict[str, Any]) -> dict[str, Any]:
    """Handle a job of the kind :data:`bloop.content.imports.IMPORT_JOB`."""
    await hub.choices.require(job.call, payload["plugin"])

    def open_provider(importer: Importer, connection: str, path: Path) -> GuardedProvider:
        return open_file_provider(hub, job.call, importer, connection, path)

    return await import_upload(
        hub.database, hub.blobs, open_provider, job.call, payload, job.progress, hub.sanitiser
    )
