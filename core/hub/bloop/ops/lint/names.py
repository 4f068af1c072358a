"""Rules of names: one id, from the distribution to the last table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bloop.accounts.actions import ACTIONS
from bloop.ops.lint.model import Fault, Severity, rule
from bloop.ops.lint.subject import Subject
from bloop_sdk.events import TOPICS_OF_FAMILIES

_PLACE = re.compile(r"\{[^}]*\}")


def _in_manifest(subject: Subject, message: str, cure: str, *key: str | int) -> Fault:
    return Fault(message, cure, subject.manifest_name, subject.line(*key))


@rule("N201", Severity.ERROR)
def distribution_name(subject: Subject) -> Iterator[Fault]:
    """The distribution is called `bloop-<id>`, with `-` for each `_` of the id.

    The hub's advice to an operator is `pip install bloop-<id>`.
    """
    wanted = f"bloop-{subject.id.replace('_', '-')}"
    if re.sub(r"[-_.]+", "-", subject.distribution).lower() != wanted:
        yield Fault(
            f"the distribution is called {subject.distribution!r}",
            f'write name = "{wanted}"',
            "pyproject.toml",
        )


@rule("N202", Severity.ERROR)
def package_name(subject: Subject) -> Iterator[Fault]:
    """The top-level package is called `bloop_<id>`, so that two plugins never share one."""
    if subject.package is None:
        yield Fault(
            "there is no package that the entry point names",
            f"make the package bloop_{subject.id}",
            "pyproject.toml",
        )
    elif subject.package.name != f"bloop_{subject.id}":
        yield Fault(
            f"the package is called {subject.package.name}",
            f"rename it to bloop_{subject.id}",
            subject.show(subject.package),
        )


@rule("N203", Severity.ERROR)
def entry_point_name(subject: Subject) -> Iterator[Fault]:
    """There is one entry point in the group `bloop.plugins`, and its name is the id."""
    names = [name for name, _ in subject.entry_points]
    if names != [subject.id]:
        told = ", ".join(names) or "none"
        yield Fault(
            f"the entry points in bloop.plugins are: {told}; the manifest's id is {subject.id!r}",
            f"have one entry point, and call it {subject.id}",
            "pyproject.toml",
        )


@rule("N204", Severity.ERROR)
def tables_named(subject: Subject) -> Iterator[Fault]:
    """Tables are named `<id>_...`, belong to an institution and refer to no others.

    What `bloop_sdk.tables.check_tables` refuses is never migrated.
    """
    if subject.traced.tables:
        yield _in_manifest(
            subject,
            subject.traced.tables,
            f'derive the tables from plugin_base("{subject.id}")',
            "contributes",
            "tables",
        )


@rule("N205", Severity.ERROR)
def actions_known(subject: Subject) -> Iterator[Fault]:
    """Every action that is asked for is the plugin's own or the hub's."""
    if subject.manifest is None:
        return
    parts = subject.manifest.contributes
    own = {action.name for action in parts.actions}
    for kind in ("routes", "pages", "panels", "setup"):
        for number, part in enumerate(getattr(parts, kind)):
            if part.action not in own and part.action not in ACTIONS:
                yield _in_manifest(
                    subject,
                    f"{kind}: nobody declares the action {part.action}",
                    f"declare it in contributes.actions, or use one of {', '.join(ACTIONS)}",
                    *("contributes", kind, number),
                )
    for action in subject.manifest.scopes:
        if action not in ACTIONS:
            yield _in_manifest(
                subject,
                f"scopes: the hub has no action {action}",
                "name actions of the hub; your own need no scope",
                "scopes",
            )


@rule("N206", Severity.ERROR)
def topics_named(subject: Subject) -> Iterator[Fault]:
    """Events that the plugin emits have topics `<id>.<what>`, or are of its family."""
    family = subject.manifest.family if subject.manifest else ""
    of_family = TOPICS_OF_FAMILIES.get(family, ())
    for source in subject.sources:
        for topic, line in source.topics:
            if topic not in of_family and not topic.startswith(f"{subject.id}."):
                yield Fault(
                    f"it emits {topic!r}, which is not the plugin's own",
                    f"call it {subject.id}.{topic.rpartition('.')[2]}",
                    subject.show(source.path),
                    line,
                )


@rule("N207", Severity.ERROR)
def paths_apart(subject: Subject) -> Iterator[Fault]:
    """No two routes or pages answer the same requests: `/a/{id}` and `/a/{name}` are one path.

    Which of them the hub would ask, nobody could tell.
    """
    if subject.manifest is None:
        return
    parts = subject.manifest.contributes
    asked = [(method, route.path) for route in parts.routes for method in route.methods]
    asked += [("GET", page.path) for page in parts.pages]
    shapes = Counter(f"{method} {_PLACE.sub('{}', path)}" for method, path in asked)
    for shape, times in shapes.items():
        if times > 1:
            yield _in_manifest(
                subject,
                f"{times} routes or pages answer {shape}",
                "give each a path of its own",
                *("contributes", "routes" if parts.routes else "pages"),
            )


@rule("N208", Severity.ERROR)
def policies_usable(subject: Subject) -> Iterator[Fault]:
    """Policies are Cedar, fit the hub's schema, and are about the plugin's own actions.

    `bloop policy check` says the same of a file. Policies that do not keep the plugin off.
    """
    if subject.manifest is None or subject.manifest.contributes.policies is None:
        return
    from bloop.accounts.policy.contributed import PolicyRefusedError, plugin_engine

    path = (subject.package or Path()) / subject.manifest.contributes.policies
    try:
        plugin_engine(path, subject.manifest)
    except PolicyRefusedError as err:
        yield Fault(err.message, err.cure or "", subject.show(path))
