"""Loading: a plugin's code runs for the first time, journalled, with a deadline, contained."""

from __future__ import annotations

import contextlib
import importlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from stevedore.extension import error_on_conflict
from stevedore.named import NamedExtensionManager

from bloop.kernel.discovery import Found
from bloop.kernel.dispatch import Dispatcher
from bloop.kernel.faults import PluginUnavailableError, describe, interrupted, place
from bloop.kernel.folders import GROUP
from bloop.kernel.stdlib_guard import StandardLibrary
from bloop.kernel.watchdog import Watchdog
from bloop_sdk.errors import BloopError, ConfigError
from bloop_sdk.plugin import Plugin, PluginContext
from bloop_sdk.settings import PluginConfig

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Imported:
    """A plugin whose code is in this process; ``at`` is when it came, in ns since 1970."""

    found: Found
    plugin: type[Plugin]
    config: type[PluginConfig]
    import_ms: float
    at: int

    def is_outdated(self) -> bool:
        """Whether the plugin's files were written after it was imported."""
        if self.found.package is None:
            return False
        with contextlib.suppress(OSError):
            files = self.found.package.rglob("*.py")
            return any(file.stat().st_mtime_ns > self.at for file in files)
        return True


class Runner:
    """Runs plugins' code; whatever it raises becomes a :class:`PluginUnavailableError`."""

    def __init__(self, watchdog: Watchdog | None = None) -> None:
        self._watchdog = watchdog
        self._stdlib = StandardLibrary()
        self._turn = threading.RLock()
        self._spoilers: dict[str, PluginUnavailableError] = {}

    @contextlib.contextmanager
    def guard(self, found: Found, what: str) -> Iterator[None]:
        """For code that runs for the first time and may crash or hang, such as an import.

        Journalled and with a deadline; what it replaced in the standard library is put back, and
        makes it fail. One at a time, or what one replaced would be laid at another's door.
        """
        with self._turn, self.watched(found, what):
            self._stdlib.note()
            try:
                yield
            finally:
                # Inside, for what watches uses the standard library as well.
                if replaced := self._stdlib.restore():
                    self._spoilers[found.id] = _spoiled(found, what, replaced)
        # What it has kept for itself of the replaced things, nobody can take from it again.
        if found.id in self._spoilers:
            raise self._spoilers[found.id]

    def watched(self, found: Found, what: str) -> AbstractContextManager[None]:
        """For what may crash or hang: journalled and with a deadline."""
        if self._watchdog is None:
            return contextlib.nullcontext()
        return self._watchdog.guard(found.code, what)

    @contextlib.contextmanager
    def journalled(self, found: Found, what: str) -> Iterator[None]:
        """For code that may crash, and may take as long as it likes."""
        if self._watchdog is None:
            yield
            return
        with self._watchdog.journal.running(found.code, what):
            yield

    @staticmethod
    def run(found: Found, what: str, function: Callable[[], T]) -> T:
        """Run a plugin's code, contained."""
        try:
            return function()
        except BaseException as error:
            # Nothing is awaited here, so a cancellation is no one's but the plugin's.
            if interrupted(error):
                raise
            package = found.package.name if found.package else ""
            at = place(error, package)
            raise PluginUnavailableError(
                f"{what} failed: {describe(error)}" + (f" ({at})" if at else ""),
                cure=_cure(error, found),
            ) from error

    def load(self, found: Found, path: str, what: str) -> Any:
        """The object that a dotted path ``package.module:name`` of a manifest names."""

        def get() -> Any:
            module, _, name = path.partition(":")
            return getattr(importlib.import_module(module), name)

        what = f"import of {what} {path}"
        with self.guard(found, what):
            return self.run(found, what, get)


class _EntryPoint:
    """A scanned entry point as stevedore sees it; its ``load`` runs contained."""

    group = GROUP

    def __init__(self, runner: Runner, found: Found) -> None:
        self.name, self.value = found.id, found.entry_point.value
        self.found = found
        self._runner = runner

    def load(self) -> Imported:
        """Import plugin class and config model."""
        found, begin = self.found, time.perf_counter()
        with self._runner.guard(found, "import"):
            plugin = self._runner.run(found, "import", found.entry_point.load)
        config: Any = PluginConfig
        if found.manifest is not None and found.manifest.config is not None:
            config = self._runner.load(found, found.manifest.config, "config")
        for kind, base in ((plugin, Plugin), (config, PluginConfig)):
            if not isinstance(kind, type) or not issubclass(kind, base):
                raise PluginUnavailableError(
                    f"{_named(kind)} is no subclass of bloop_sdk.{base.__name__}",
                    cure=f"derive it from bloop_sdk.{base.__name__}",
                )
        return Imported(found, plugin, config, (time.perf_counter() - begin) * 1e3, time.time_ns())


class _Extensions(NamedExtensionManager[Any]):
    """Stevedore on the entry points that the scan found, which it need not look for again.

    Its own would have lost their distributions, and catch neither SystemExit nor AssertionError.
    """

    def __init__(
        self, points: list[_EntryPoint], failed: Callable[[Any, Any, BaseException], None]
    ) -> None:
        self._points = points
        super().__init__(
            GROUP,
            [point.name for point in points],
            on_load_failure_callback=failed,
            on_missing_entrypoints_callback=None,
            conflict_resolver=error_on_conflict,
        )

    def list_entry_points(self) -> list[Any]:
        """The scanned ones."""
        return list(self._points)


def import_plugins(
    runner: Runner, plugins: Iterable[Found]
) -> tuple[dict[str, Imported], dict[str, PluginUnavailableError]]:
    """Import exactly these plugins; gives those that work, and why the others don't."""
    failures: dict[str, PluginUnavailableError] = {}

    def failed(_manager: Any, point: _EntryPoint, error: BaseException) -> None:
        assert isinstance(error, PluginUnavailableError), "Runner makes it one"
        failures[point.name] = error

    extensions = _Extensions([_EntryPoint(runner, found) for found in plugins], failed)
    imported: dict[str, Any] = {extension.name: extension.plugin for extension in extensions}
    return imported, failures


def start_plugin(
    runner: Runner, dispatcher: Dispatcher, imported: Imported, context: PluginContext
) -> tuple[Plugin, frozenset[str]]:
    """Make and start the plugin's object; gives it and the names of its hooks.

    Raises :class:`PluginUnavailableError`, also where manifest and class differ on the hooks.
    """
    found = imported.found
    own = imported.plugin.start is not Plugin.start or (
        imported.plugin.__init__ is not Plugin.__init__
    )
    # Where nothing of the plugin's runs but its hooks' names are read, nothing can be replaced.
    guard = runner.guard if own else runner.watched
    with guard(found, "start"):
        plugin = runner.run(found, "creation", lambda: imported.plugin(context))
        hooks = runner.run(found, "check of hooks", lambda: dispatcher.check(found.id, plugin))
        _compare_hooks(hooks, frozenset(found.manifest.hooks if found.manifest else ()))
        runner.run(found, "start", plugin.start)
    return plugin, hooks


def stop_plugin(runner: Runner, found: Found, plugin: Plugin) -> None:
    """Stop the plugin's object; raises :class:`PluginUnavailableError` where that fails."""
    with runner.watched(found, "stop"):
        runner.run(found, "stop", plugin.stop)


def notes_of(runner: Runner, found: Found, plugin: Plugin) -> tuple[str, ...]:
    """What the plugin tells of itself; one that fails tells that."""
    try:
        with runner.watched(found, "notes"):
            return tuple(map(str, runner.run(found, "notes", plugin.notes)))
    except PluginUnavailableError as error:
        return (error.message,)


def _compare_hooks(implemented: frozenset[str], declared: frozenset[str]) -> None:
    for names, fault, cure in (
        (implemented - declared, "implements hooks that its manifest does not declare", "add to"),
        (declared - implemented, "declares hooks that it does not implement", "remove from"),
    ):
        if names:
            raise PluginUnavailableError(
                f"the plugin {fault}: {', '.join(sorted(names))}",
                cure=f"{cure} `hooks` in bloop-plugin.toml, or mend the class",
            )


def _spoiled(found: Found, what: str, names: tuple[str, ...]) -> PluginUnavailableError:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return PluginUnavailableError(
        f"{what}: it replaced {shown}, which the hub and all its plugins share; it was put back",
        cure=f"update {found.distribution} and restart the hub, for what was imported stays; or "
        f"`bloop plugins disable {found.id}`",
    )


def _named(thing: Any) -> str:
    """What a plugin gave instead of what was asked for, by its type alone."""
    name = getattr(thing, "__name__", None) if isinstance(thing, type) else None
    return name if isinstance(name, str) else f"an object of type {type(thing).__name__}"


def _cure(error: BaseException, found: Found) -> str:
    if isinstance(error, BloopError) and error.cure:
        return error.cure
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        if found.package is not None and top == found.package.name:
            return f"pip install --force-reinstall {found.distribution}"
        wanted = [name for name in found.requires if _same(name, top)]
        missing = wanted[0].partition(";")[0].strip() if wanted else top
        return f"pip install '{missing}'"
    if isinstance(error, ConfigError):
        return f"correct [plugins.{found.id}] in hub.toml, or `bloop plugins disable {found.id}`"
    if found.folder is not None:
        return f"mend it in {found.folder}, or leave out --plugin"
    if isinstance(error, SyntaxError):
        return f"update {found.distribution} or Python"
    return f"update {found.distribution}, or `bloop plugins disable {found.id}`"


def _same(requirement: str, module: str) -> bool:
    """Whether a requirement looks like the distribution of a module."""
    name = re.split(r"[\s\[<>=!~;(]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]", "", name).lower() == re.sub(r"[-_.]", "", module).lower()
