"""One content provider and a system for it, fresh for each rig."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bloop_sdk._http.urls import hosts_within
from bloop_sdk.errors import BloopError
from bloop_sdk.http import HttpClient
from bloop_sdk.providers.content import ContentProvider
from bloop_sdk.settings import PluginConfig
from bloop_sdk.testing.clock import Clock
from bloop_sdk.testing.context import FakeContext, ListLogger, NoHttp
from bloop_sdk.testing.faults import Faults, Killed, Steps
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.reading import ContractError, Replica, Report, difference
from bloop_sdk.testing.rules import require
from bloop_sdk.testing.suites.providing import ProviderCase
from bloop_sdk.testing.system import Folder, Source, System, http_client

__all__ = ["ContentCase", "Rig", "converge", "named", "was_killed"]


class ContentCase(ProviderCase[System | Folder, ContentProvider]):
    """A provider's class and its subject; each :meth:`rig` has a system of its own."""

    def __init__(
        self, plugin: PluginUnderTest, capability: str, subject: System | Folder, folder: Path
    ) -> None:
        super().__init__(plugin, capability, subject, folder)
        self.log = ListLogger()

    @property
    def offers(self) -> set[str]:
        """What a system of the subject offers."""
        source = self.subject.open(self.folder)
        return {*source.offers, *source.settings}

    def rig(self) -> Rig:
        """A fresh system, and a hub that knows nothing of it."""
        return Rig(self, self.subject.open(self.folder))

    async def whole(self) -> Rig:
        """A rig after an undisturbed read."""
        rig = self.rig()
        await rig.read("an undisturbed read")
        return rig


class Rig:
    """A system, what may go wrong on the way to it, and what the hub holds of it."""

    def __init__(self, case: ContentCase, source: Source) -> None:
        self.case = case
        self.source = source
        self.clock = Clock()
        self.steps = Steps()
        self.faults: Faults | None = None
        if source.transport is not None:
            self.faults = Faults(source.transport, self.clock, self.steps)
        self.replica = Replica()

    @property
    def http(self) -> Faults:
        """The way to a system over HTTP."""
        assert self.faults is not None, "a rule for systems over HTTP"
        return self.faults

    def config(self, credential: str = "good") -> PluginConfig:
        """The settings with a credential."""
        return self.case.plugin.config(self.source.settings[credential])

    def context(self, credential: str = "good") -> FakeContext:
        """What the provider is made with."""
        config = self.config(credential)
        plugin = self.case.plugin
        http: HttpClient = NoHttp()
        if self.faults is not None:
            network = plugin.manifest.network
            http = http_client(
                self.faults,
                self.clock,
                hosts=hosts_of(network.hosts, config) or None,
                downloads=hosts_of(network.downloads, config),
            )
        return FakeContext(
            plugin_id=plugin.manifest.id,
            config=config,
            source=self.source.path if self.source.imported else None,
            data_dir=self.case.folder,
            http=http,
            log=self.case.log,
            package=plugin.package,
            steps=self.steps,
        )

    def provider(self, credential: str = "good") -> ContentProvider:
        """A provider in a process of its own: nothing is left of those before."""
        self.steps.killed = False
        return self.case.make(self.context(credential))

    async def run(self, *, stop_after: int | None = None) -> Report:
        """Read, or read on; raises what the provider raises."""
        return await self.replica.run(self.provider(), stop_after=stop_after)

    async def seen(self) -> Replica:
        """What a hub that knew nothing would read of the system as it is."""
        other = Rig(self.case, self.source)
        await other.run()
        return other.replica

    async def read(self, where: str) -> Report:
        """Read, or read on, to the end; raises ContractError where that is not reached."""
        try:
            return await self.run()
        except ContractError:
            raise
        except Exception as err:
            raise ContractError(f"{where}: {type(err).__name__}: {err}") from err

    def offer(self, name: str) -> Callable[..., Any]:
        """What the system offers under a name; skips or fails where it does not."""
        require(self.case.subject, {*self.source.offers, *self.source.settings}, name)
        return self.source.offers[name]

    def expect(self, expected: dict[str, Any], where: str) -> None:
        """Raise ContractError where the hub holds something else."""
        wrong = difference(self.replica.state(), expected)
        if wrong:
            raise ContractError(f"{where}: {wrong}")


def hosts_of(declared: Iterable[str], config: PluginConfig) -> frozenset[str]:
    """Hosts as a manifest declares them, those that settings name filled in."""
    hosts: set[str] = set()
    for pattern in declared:
        if pattern.startswith("{"):
            hosts.update(hosts_within(getattr(config, pattern.strip("{}"))))
        else:
            hosts.add(pattern)
    return frozenset(hosts)


def named(rig: Rig, number: int) -> str:
    """A request by its number and path."""
    request = rig.http.requests[number - 1]
    return f"request {number} ({request.method} {urlsplit(request.url).path})"


def was_killed(error: BaseException) -> bool:
    """Whether a kill of ours ended it, also within a group of a task group."""
    if isinstance(error, BaseExceptionGroup):
        return any(was_killed(each) for each in error.exceptions)
    return isinstance(error, Killed)


async def ends_well(rig: Rig, allowed: type[BloopError], where: str) -> bool:
    """Read; whether it came to its end. Anything but ``allowed`` is told as a broken rule."""
    try:
        await rig.run()
    except allowed:
        return False
    except ContractError:
        raise
    except Exception as err:
        raise ContractError(
            f"{where}: {type(err).__name__}: {err}; let {allowed.__name__} leave the method"
        ) from err
    return True


async def converge(rig: Rig, expected: dict[str, Any], where: str) -> None:
    """Read once more, undisturbed: the hub has to hold what it should."""
    if rig.faults is not None:
        rig.faults.clear()
    await rig.read(f"{where}, then read again")
    rig.expect(expected, f"{where}, then read again")
