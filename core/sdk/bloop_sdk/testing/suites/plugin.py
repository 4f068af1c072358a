"""What holds for every plugin, whatever it does."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pluggy

from bloop_sdk._protocols import protocol_faults
from bloop_sdk.errors import BloopError
from bloop_sdk.hooks import HOOK_GROUPS, PROJECT
from bloop_sdk.manifest import API_VERSION, InboundDecl, RouteDecl
from bloop_sdk.plugin import Plugin
from bloop_sdk.providers import CAPABILITIES
from bloop_sdk.settings import PluginConfig, is_secret
from bloop_sdk.testing.context import FakeContext
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.rules import Suite
from bloop_sdk.translations import translation_faults

_WATCH = """
import importlib, json, sys
found = []
for names in json.loads(sys.argv[1]):
    for name in names:
        importlib.import_module(name)
    found.append(sorted(sys.modules))
print(json.dumps(found))
"""


class PluginCase:
    """A plugin, and a folder for its data."""

    def __init__(
        self, plugin: PluginUnderTest, capability: str, subject: object, folder: Path
    ) -> None:
        del capability, subject
        self.plugin = plugin
        self.folder = folder

    def context(self) -> FakeContext:
        """What the hub hands to the plugin's class."""
        plugin = self.plugin
        try:
            config = plugin.config()
        except ValueError as err:
            raise AssertionError(
                f"its settings have no defaults, so plugin_tests(settings=...) has to give them: "
                f"{err}"
            ) from err
        return FakeContext(
            plugin_id=plugin.manifest.id,
            config=config,
            data_dir=self.folder,
            package=plugin.package,
        )


EVERY_PLUGIN = Suite("Every plugin", PluginCase)


@EVERY_PLUGIN.rule()
async def manifest(case: PluginCase) -> None:
    """The manifest is valid, and asks for an API version that this SDK has."""
    try:
        found = case.plugin.manifest
    except BloopError as err:
        raise AssertionError(str(err)) from err
    have = ".".join(map(str, API_VERSION))
    assert found.compatible, f"the manifest asks for api = {found.api}; this SDK has {have}"


@EVERY_PLUGIN.rule()
async def dotted_paths(case: PluginCase) -> None:
    """Every dotted path of the manifest names something that can be imported."""
    for path in case.plugin.manifest.dotted_paths():
        case.plugin.load(path)
    tables = case.plugin.manifest.contributes.tables
    if tables is not None:
        folder = importlib.util.find_spec(tables.migrations)
        assert folder is not None, f"tables.migrations: there is no package {tables.migrations}"


@EVERY_PLUGIN.rule()
async def plugin_class(case: PluginCase) -> None:
    """The plugin's class derives from Plugin, is made with a context, starts and stops."""
    plugin = _plugin_class(case)(case.context())
    plugin.start()
    plugin.stop()


def _plugin_class(case: PluginCase) -> type[Plugin]:
    named = case.plugin.entry_point()
    found = case.plugin.load(named)
    assert isinstance(found, type), f"{named} is no class"
    assert issubclass(found, Plugin), f"{named} does not derive from bloop_sdk.Plugin"
    return found


@EVERY_PLUGIN.rule()
async def hooks(case: PluginCase) -> None:
    """The hooks that the manifest declares are those of the class, and their arguments fit."""
    plugin = _plugin_class(case)(case.context())
    manager = pluggy.PluginManager(PROJECT)
    for group in HOOK_GROUPS.values():
        manager.add_hookspecs(group)
    try:
        manager.register(plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as err:
        raise AssertionError(f"hooks: {err}") from err
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        for implementation in caller.get_hookimpls():
            wraps = implementation.wrapper or implementation.hookwrapper
            assert not wraps, f"hook {caller.name} is a wrapper, which the hub refuses"
            fits = not inspect.iscoroutinefunction(implementation.function) or _event(caller)
            assert fits, f"hook {caller.name} must be def: it is called inline"
    implemented, declared = {caller.name for caller in callers}, set(case.plugin.manifest.hooks)
    assert implemented >= declared, f"declared, not implemented: {_names(declared - implemented)}"
    assert declared >= implemented, f"implemented, not declared: {_names(implemented - declared)}"


def _event(caller: Any) -> bool:
    return str(caller.spec.function.bloop_hook.kind) == "event"


@EVERY_PLUGIN.rule()
async def settings(case: PluginCase) -> None:
    """Every setting says what it is and who may set it."""
    model = case.plugin.config_model
    assert isinstance(model, type), f"{case.plugin.manifest.config} is no class"
    assert issubclass(model, PluginConfig), f"{model.__name__} does not derive from PluginConfig"
    for name, info in model.model_fields.items():
        assert info.description, f"setting {name} has no description; use setting(...)"
        extra = info.json_schema_extra
        scoped = isinstance(extra, dict) and "scope" in extra
        assert scoped, f"setting {name} has no scope; use setting(scope=...)"


@EVERY_PLUGIN.rule()
async def secrets(case: PluginCase) -> None:
    """The secrets that the manifest declares are the secret settings."""
    model = case.plugin.config_model
    held = {name for name in model.model_fields if is_secret(model, name)}
    declared = set(case.plugin.manifest.secrets)
    assert declared >= held, f"secret, but not declared in the manifest: {_names(held - declared)}"
    assert held >= declared, f"declared, but no SecretStr setting: {_names(declared - held)}"


@EVERY_PLUGIN.rule()
async def light_import(case: PluginCase) -> None:
    """Importing the plugin's class imports neither a provider nor a vendor's SDK."""
    manifest = case.plugin.manifest
    first = [case.plugin.entry_point(), *([manifest.config] if manifest.config else [])]
    modules = [path.partition(":")[0] for path in first]
    base = ["bloop_sdk", *(["bloop_sdk.tables"] if manifest.contributes.tables else [])]
    known, imported = _imported(base, modules)
    for capability, path in manifest.provides.items():
        module = path.partition(":")[0]
        eager = module in imported and module not in modules and module != case.plugin.package
        assert not eager, f"importing {modules[0]} imports the {capability} provider {module}"
        same = module in modules or module == case.plugin.package
        assert not same, f"the {capability} provider is in {module}: give it a module of its own"
    more = _tops(imported) - _tops(known) - {case.plugin.package}
    assert not more, (
        f"importing {modules[0]} imports {_names(more)}; import it where it is first used, or say "
        "why not: plugin_tests(without={'light_import': 'reason'})"
    )


def _imported(*steps: list[str]) -> list[set[str]]:
    """What a process of its own has imported after each of these steps."""
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, json.dumps(steps)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, f"import of {', '.join(steps[-1])}: {done.stderr.strip()[-600:]}"
    return [set(names) for names in json.loads(done.stdout.splitlines()[-1])]


def _tops(modules: set[str]) -> set[str]:
    tops = {name.partition(".")[0] for name in modules}
    return {name for name in tops if name not in sys.stdlib_module_names and name[:1] != "_"}


@EVERY_PLUGIN.rule()
async def providers(case: PluginCase) -> None:
    """Each provider is made with a context alone, and has the methods of its protocol."""
    for capability, path in case.plugin.manifest.provides.items():
        factory = case.plugin.load(path)
        provider = factory(case.context())
        faults = list(protocol_faults(CAPABILITIES[capability].protocol, provider))
        assert not faults, f"{path} is no {capability} provider: {'; '.join(faults)}"


@EVERY_PLUGIN.rule()
async def contributions(case: PluginCase) -> None:
    """What the plugin contributes can be called as the hub calls it."""
    faults = [fault for fault in _contribution_faults(case) if fault]
    assert not faults, "; ".join(faults)


@EVERY_PLUGIN.rule()
async def translations(case: PluginCase) -> None:
    """Each catalogue in ``locale`` says all that code, templates and linked titles say."""
    faults = translation_faults(case.plugin.folder, case.plugin.manifest)
    assert not faults, "; ".join(faults[:20])


def _contribution_faults(case: PluginCase) -> Iterator[str | None]:
    load, parts = case.plugin.load, case.plugin.manifest.contributes
    answering: tuple[RouteDecl | InboundDecl, ...] = (*parts.routes, *parts.inbound)
    for route in answering:
        yield _call_fault(load(route.handler), f"route {route.path}: {route.handler}", 2)
    for page in parts.pages:
        yield _call_fault(load(page.view), f"page {page.path}: {page.view}", 2)
    for panel in parts.panels:
        yield _call_fault(load(panel.view), f"panel {panel.slot}: {panel.view}", 3)
    yield from (
        _call_fault(load(step.done), f"step {step.name}: {step.done}", 1) for step in parts.setup
    )
    for job in parts.jobs:
        yield _call_fault(load(job.handler), f"job {job.kind}: {job.handler}", 2)
    for consumer in parts.consumers:
        handler = load(consumer.handler)
        asynchronous = inspect.iscoroutinefunction(handler)
        what = f"consumer {consumer.name}: {consumer.handler}"
        yield _call_fault(handler, what, 2, asynchronous=asynchronous)
    if parts.tables is not None:
        from bloop_sdk.tables import check_tables

        try:
            check_tables(case.plugin.manifest.id, load(parts.tables.metadata))
        except BloopError as err:
            yield str(err)
    own = {action.name for action in parts.actions}
    acting: tuple[Any, ...] = (*parts.routes, *parts.pages, *parts.panels, *parts.setup)
    for name in sorted({part.action for part in acting} - own):
        if name.startswith(f"{case.plugin.manifest.id}:"):
            yield f"action {name} is used, but not declared in contributes.actions"


def _call_fault(
    handler: Any, what: str, arguments: int, *, asynchronous: bool = True
) -> str | None:
    if not callable(handler):
        return f"{what} cannot be called"
    if inspect.iscoroutinefunction(handler) is not asynchronous:
        return f"{what} must be async def"
    try:
        inspect.signature(handler).bind(*range(arguments))
    except TypeError:
        return f"{what} must take {arguments} arguments"
    return None


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names))
