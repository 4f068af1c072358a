"""What the hub knows of plugins, and what ready plugins offer: providers and contributions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bloop.kernel.breaker import Breakers
from bloop.kernel.context import HubContext
from bloop.kernel.discovery import Found, cure_of_absence
from bloop.kernel.dispatch import Hooks
from bloop.kernel.faults import PluginUnavailableError, PluginUnknownError
from bloop.kernel.loader import Runner
from bloop.kernel.states import PluginState, Status
from bloop_sdk._protocols import protocol_faults
from bloop_sdk.manifest import Manifest
from bloop_sdk.providers import CAPABILITIES

TARGETS = ("handler", "view", "command", "metadata", "done")
"""The fields of a declaration that name what is imported."""


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """All that is known of one plugin in this process."""

    id: str
    status: Status[PluginState]
    found: Found | None = None
    import_ms: float | None = None
    hooks: frozenset[str] = frozenset()
    last_error: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each setting came from."""

    @property
    def manifest(self) -> Manifest | None:
        """The manifest, where it could be read."""
        return self.found.manifest if self.found else None

    @property
    def version(self) -> str | None:
        """The version of its distribution."""
        return self.found.version if self.found else None

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What the plugin provides."""
        return tuple(self.manifest.provides) if self.manifest else ()


def unavailable(plugin_id: str, record: PluginRecord | None) -> PluginUnavailableError:
    """The error for whoever asks for a plugin that does not run here, with its cure."""
    if record is None:
        return PluginUnknownError(
            f"plugin {plugin_id} is not installed",
            cure=cure_of_absence(plugin_id),
        )
    reason = f": {record.status.reason}" if record.status.reason else ""
    return PluginUnavailableError(
        f"plugin {plugin_id} is {record.status.state}{reason}",
        cure=record.status.cure or f"`bloop plugins enable {plugin_id}`",
    )


class ProviderHandle:
    """A ready plugin's provider of a capability; its code is imported by the first ``create``."""

    def __init__(
        self, runner: Runner, breakers: Breakers, found: Found, capability: str, path: str
    ) -> None:
        self.plugin_id = found.id
        self.capability = capability
        self._runner = runner
        self._breakers = breakers
        self._found = found
        self._path = path
        self._factory: Callable[[Any], Any] | None = None

    def __repr__(self) -> str:
        return f"<{self.capability} of {self.plugin_id}>"

    def create(self, ctx: Any) -> Any:
        """A provider that was checked against its protocol, made with a connection's context.

        The first time it imports, which may take long: call it in a thread beside an event loop.
        Raises :class:`PluginUnavailableError` with a cure, or CircuitOpenError after many times.
        """
        breaker = self._breakers.get(self.plugin_id, f"create {self.capability}")
        breaker.enter()
        try:
            provider = self._create(ctx)
        except PluginUnavailableError as err:
            breaker.failed(err)
            raise
        breaker.succeeded()
        return provider

    def _create(self, ctx: Any) -> Any:
        what = f"provider {self.capability}"
        factory = self._factory or self._runner.load(self._found, self._path, what)
        provider = self._runner.run(self._found, f"creation of {what}", lambda: factory(ctx))
        if self._factory is None:
            protocol = CAPABILITIES[self.capability].protocol
            faults = self._runner.run(
                self._found, f"check of {what}", lambda: list(protocol_faults(protocol, provider))
            )
            if faults:
                raise PluginUnavailableError(
                    f"plugin {self.plugin_id}: {self._path} is no {protocol.__name__}: "
                    + "; ".join(faults),
                    cure=f"update {self._found.distribution}, or tell its author",
                )
            self._factory = factory
        return provider


@dataclass(frozen=True, slots=True)
class Contribution:
    """One part that a ready plugin adds to the hub, as its manifest declares it."""

    plugin_id: str
    declaration: Any
    _runner: Runner = field(repr=False)
    _found: Found = field(repr=False)
    _loaded: list[Any] = field(default_factory=list, repr=False, compare=False)

    def target(self) -> Any:
        """What the declaration names by dotted path, imported on first use.

        Raises :class:`PluginUnavailableError` with a cure.
        """
        if not self._loaded:
            names = (name for name in TARGETS if hasattr(self.declaration, name))
            path = getattr(self.declaration, next(names))
            self._loaded.append(self._runner.load(self._found, path, "contribution"))
        return self._loaded[0]

    async def load(self) -> Any:
        """As :meth:`target`, where an event loop must not wait for the import."""
        return self._loaded[0] if self._loaded else await asyncio.to_thread(self.target)


@dataclass(frozen=True, slots=True)
class Live:
    """What requests see. It never changes: a change of plugins makes a new one."""

    generation: str
    hooks: Hooks
    plugins: Mapping[str, PluginRecord]
    contexts: Mapping[str, HubContext]
    providers: Mapping[str, tuple[ProviderHandle, ...]]
    contributions: Mapping[str, tuple[Contribution, ...]]


def offers(
    runner: Runner, breakers: Breakers, ready: Iterable[Found]
) -> tuple[dict[str, tuple[ProviderHandle, ...]], dict[str, tuple[Contribution, ...]]]:
    """Providers by capability and contributions by kind, in the plugins' order."""
    providers: dict[str, tuple[ProviderHandle, ...]] = {}
    contributions: dict[str, tuple[Contribution, ...]] = {}
    for found in ready:
        assert found.manifest is not None, "a plugin without one is never ready"
        for capability, path in found.manifest.provides.items():
            handle = ProviderHandle(runner, breakers, found, capability, path)
            providers[capability] = (*providers.get(capability, ()), handle)
        for kind, declared in found.manifest.contributes:
            parts = declared if isinstance(declared, tuple) else (declared,) if declared else ()
            made = tuple(Contribution(found.id, part, runner, found) for part in parts)
            contributions[kind] = (*contributions.get(kind, ()), *made)
    return providers, contributions
