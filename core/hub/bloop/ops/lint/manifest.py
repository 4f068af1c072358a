"""Rules of the manifest itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bloop.jobs.times import next_time
from bloop.ops.lint.model import Fault, Severity, rule
from bloop.ops.lint.subject import Subject
from bloop.store.types import utcnow
from bloop_sdk.manifest import API_VERSION


@rule("M101", Severity.ERROR)
def valid(subject: Subject) -> Iterator[Fault]:
    """The manifest is there, is valid, and names nothing that the contract does not know.

    A hub refuses the plugin otherwise.
    """
    if subject.problem:
        yield Fault(subject.problem, "correct the entry point", subject.manifest_name)
    elif subject.manifest_fault:
        yield Fault(subject.manifest_fault, "correct the manifest", subject.manifest_name)


@rule("M102", Severity.ERROR)
def known_api(subject: Subject) -> Iterator[Fault]:
    """`api` is a version of the contract that this hub has.

    A plugin that asks for a newer one is not loaded.
    """
    asked = subject.raw.get("api")
    if not isinstance(asked, str) or not re.fullmatch(r"\d+\.\d+", asked):
        return  # M101 says so.
    major, minor = (int(part) for part in asked.split("."))
    if major != API_VERSION[0] or minor > API_VERSION[1]:
        ours = ".".join(map(str, API_VERSION))
        yield Fault(
            f"it asks for plugin API {asked}, this hub has {ours}",
            f'write api = "{ours}", or update bloop-hub',
            subject.manifest_name,
            subject.line("api"),
        )


@rule("M103", Severity.WARNING)
def telling_summary(subject: Subject) -> Iterator[Fault]:
    """The summary is one sentence that says what the plugin does.

    It begins with a capital letter, ends with a full stop, has at least four words and does not
    only repeat the name: it is what an admin reads before enabling the plugin.
    """
    summary = subject.raw.get("summary")
    if not isinstance(summary, str):
        return
    said = None
    if not summary[:1].isupper() or not summary.rstrip().endswith("."):
        said = "is no sentence: it begins with a capital letter and ends with a full stop"
    elif len(summary.split()) < 4:
        said = "says too little"
    elif "\n" in summary:
        said = "has more than one line"
    elif re.match(r"(a|the|this) plugin\b", summary, re.IGNORECASE):
        said = 'says that it is a plugin; begin with what it does, as in "Imports ..."'
    if said:
        yield Fault(
            f"the summary {said}",
            "write what it does in one sentence",
            subject.manifest_name,
            subject.line("summary"),
        )


@rule("M104", Severity.ERROR)
def secrets_listed(subject: Subject) -> Iterator[Fault]:
    """`secrets` names exactly the settings of type `SecretStr` or `SecretBytes`.

    Whoever enables the plugin is told which secrets it wants, before any of its code runs.
    """
    settings = subject.traced.settings
    if settings is None:
        return
    typed = {one["name"] for one in settings if one["secret"]}
    listed = set(subject.raw.get("secrets", ()))
    for name in sorted(typed - listed):
        yield Fault(
            f"the setting {name!r} is a secret that the manifest does not list",
            f"add {name!r} to secrets",
            subject.manifest_name,
            subject.line("secrets"),
        )
    for name in sorted(listed - typed):
        yield Fault(
            f"secrets lists {name!r}, which is no setting of type SecretStr",
            "give the setting the type SecretStr, or take it out of secrets",
            subject.manifest_name,
            subject.line("secrets"),
        )


@rule("M105", Severity.WARNING)
def settings_described(subject: Subject) -> Iterator[Fault]:
    """Every setting has a description: forms and `bloop config explain` show it."""
    for one in subject.traced.settings or ():
        if not one["described"]:
            yield _setting(subject, one["name"], "has no description")


@rule("M106", Severity.WARNING)
def settings_scoped(subject: Subject) -> Iterator[Fault]:
    """Every setting states its scope, as `setting(...)` does.

    Without one, an institution cannot set it, which is rarely meant.
    """
    for one in subject.traced.settings or ():
        if not one["scoped"]:
            yield _setting(subject, one["name"], "states no scope")


@rule("M107", Severity.ERROR)
def schedules_due(subject: Subject) -> Iterator[Fault]:
    """Every schedule has a time at which it is due.

    A cron line that means nothing, or a day that never comes, starts nothing in a running hub.
    """
    contributes = subject.raw.get("contributes", {})
    lines = contributes.get("schedules", ()) if isinstance(contributes, dict) else ()
    if subject.manifest_fault:
        return  # M101 says so.
    for line in lines:
        try:
            next_time(line["every"], line.get("zone", "UTC"), None, utcnow())
        except ValueError as err:
            yield Fault(
                f"the schedule of {line['job']} is never due: {err}",
                'write an interval like "15m", or a cron line like "30 3 * * *"',
                subject.manifest_name,
                subject.line("contributes", "schedules"),
            )


def _setting(subject: Subject, name: str, said: str) -> Fault:
    path = str(subject.raw.get("config", ""))
    source = subject.source(path.partition(":")[0])
    file, line = (source.path, 0) if source else (subject.manifest_path, subject.line("config"))
    if source is not None:
        text = source.path.read_text("utf-8", "replace").splitlines()
        found = (at for at, one in enumerate(text, 1) if re.match(rf"\s+{name}\s*:", one))
        line = next(found, 0)
    cure = f"{name}: ... = setting(..., scope=..., description=...)"
    return Fault(f"the setting {name!r} {said}", cure, subject.show(file), line)
