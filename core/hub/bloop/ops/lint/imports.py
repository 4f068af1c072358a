"""Rules of what the import does; it is traced in a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from bloop.ops.lint.model import Fault, Severity, rule
from bloop.ops.lint.requirements import (
    brought_by,
    contract_requirements,
    required_names,
)
from bloop.ops.lint.subject import Subject

IMPORT_BUDGET_MS = 250.0
"""Of processor time, so that a busy machine makes no difference."""


@rule("I401", Severity.ERROR)
def imports_well(subject: Subject) -> Iterator[Fault]:
    """The class that the entry point names, and the config model, can be imported.

    They derive from `bloop_sdk.Plugin` and `bloop_sdk.PluginConfig`.
    """
    for name in ("import", "config"):
        error = subject.traced.steps.get(name, {}).get("error")
        if error:
            yield Fault(
                f"{name} fails: {error['type']}: {error['text']}",
                "mend it, or name in dependencies what it lacks",
                subject.show(error["file"]) if error["file"] else subject.manifest_name,
                error["line"],
            )
    if subject.traced.hooks is not None and not subject.traced.is_plugin:
        cure = "derive it from bloop_sdk.Plugin"
        yield Fault(f"{subject.entry_points[0][1]} is no Plugin", cure, "pyproject.toml")
    if subject.traced.settings_fault:
        yield Fault(
            f"{subject.raw['config']} is no PluginConfig",
            "derive it from bloop_sdk.PluginConfig",
            subject.manifest_name,
            subject.line("config"),
        )


@rule("I402", Severity.ERROR)
def survives_import(subject: Subject) -> Iterator[Fault]:
    """Importing it neither ends the process nor hangs."""
    for step, ended in subject.traced.deaths.items():
        yield Fault(
            f"{'the import' if step == 'import' else f'the import of {step}'} {ended}",
            "do nothing at import that may end or block",
            subject.manifest_name,
        )


@rule("I403", Severity.WARNING)
def imports_quickly(subject: Subject) -> Iterator[Fault]:
    """The import of the plugin and its settings takes at most 250 ms of processor time.

    Every start of every process of the hub waits for it.
    """
    steps = subject.traced.steps
    spent = sum(steps[name]["ms"] for name in ("import", "config") if name in steps)
    if spent > IMPORT_BUDGET_MS:
        yield Fault(
            f"the import takes {spent:.0f} ms of processor time",
            "import large modules where they are first used",
            subject.show(subject.package) if subject.package else subject.manifest_name,
        )


@rule("I404", Severity.WARNING)
def vendors_wait(subject: Subject) -> Iterator[Fault]:
    """The import of the plugin and its settings brings no vendor's SDK.

    Only the provider needs it, whose module is imported when it is first used.
    """
    vendors = required_names(subject.requires) - contract_requirements() - {"bloop-sdk"}
    for name in ("import", "config"):
        for module in subject.traced.steps.get(name, {}).get("modules", ()):
            if brought_by().get(module, frozenset()) & vendors:
                file, line = _importer(subject, module)
                cure = "import it in the module of the provider, or in the function"
                yield Fault(f"the import of the plugin imports {module}", cure, file, line)


@rule("I405", Severity.ERROR)
def import_is_offline(subject: Subject) -> Iterator[Fault]:
    """Nothing is sent, looked up or listened for at import."""
    yield from _acts(subject, "network", "uses the network", "do it in start(), or later")


@rule("I406", Severity.ERROR)
def import_starts_no_process(subject: Subject) -> Iterator[Fault]:
    """No process is started at import."""
    yield from _acts(subject, "process", "starts a process", "do it when it is needed")


@rule("I407", Severity.ERROR)
def import_starts_no_thread(subject: Subject) -> Iterator[Fault]:
    """No thread is started at import: what cannot be stopped cannot be switched off."""
    yield from _acts(subject, "thread", "starts a thread", "use ctx.run_sync, or a job")


@rule("I408", Severity.ERROR)
def import_writes_nothing(subject: Subject) -> Iterator[Fault]:
    """No file or folder is written at import; a plugin's own folder is `ctx.data_dir`."""
    yield from _acts(subject, "file", "writes", "write below ctx.data_dir, when it is needed")


@rule("I409", Severity.ERROR)
def hub_not_imported(subject: Subject) -> Iterator[Fault]:
    """Nothing of `bloop` is imported: it may change any day, and the contract is `bloop_sdk`."""
    for source in subject.sources:
        for module, line in source.imports:
            if module.partition(".")[0] == "bloop":
                yield Fault(
                    f"it imports {module}",
                    "use bloop_sdk; what it lacks, ask for",
                    subject.show(source.path),
                    line,
                )


@rule("I410", Severity.WARNING)
def nothing_deprecated(subject: Subject) -> Iterator[Fault]:
    """Nothing of the contract is used that will go; the message says when and what to use."""
    for one in subject.traced.deprecated:
        yield Fault(
            one["deprecated"], "change it before that day", subject.show(one["file"]), one["line"]
        )


def _acts(subject: Subject, kind: str, said: str, cure: str) -> Iterator[Fault]:
    for act in subject.traced.acts:
        if act["act"] == kind:
            file = subject.show(act["file"]) if act["file"] else subject.manifest_name
            step = "the import" if act["step"] == "import" else f"the import of {act['step']}"
            detail = f": {act['detail']}" if kind in {"file", "process"} and act["detail"] else ""
            yield Fault(f"{step} {said} ({act['event']}{detail})", cure, file, act["line"])


def _importer(subject: Subject, module: str) -> tuple[str, int]:
    """The first import of a module that runs with an import of a module of the plugin."""
    loaded = (subject.entry_points[0][1], str(subject.raw.get("config", "")))
    starts = [source for path in loaded if (source := subject.source(path.partition(":")[0]))]
    for source in [*starts, *subject.sources]:
        for name, line in source.top_imports:
            if name.partition(".")[0] == module and module not in sys.stdlib_module_names:
                return subject.show(source.path), line
    return subject.manifest_name, 0
