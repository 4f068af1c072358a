"""Rules of what is declared against what is used."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

from bloop.ops.lint.model import Fault, Severity, rule
from bloop.ops.lint.requirements import (
    brought_by,
    canonical,
    contract_requirements,
    required_names,
)
from bloop.ops.lint.subject import Subject


@rule("D301", Severity.WARNING)
def hosts_declared(subject: Subject) -> Iterator[Fault]:
    """Every host of a URL in the source is in `[network] hosts`.

    The hub's client lets a plugin talk to what it declares, and whoever enables the plugin reads
    that list. Docstrings and descriptions are not looked at, nor `http:` in modules that send
    nothing: there it names a namespace. Nor is a package `testing`, which plays the outside.
    """
    for source in subject.at_work:
        for host, line in source.hosts:
            if not _declared(subject, host):
                yield Fault(
                    f"the host {host} is not declared",
                    f'add "{host}" to [network] hosts, if the plugin talks to it',
                    subject.show(source.path),
                    line,
                )


@rule("D302", Severity.ERROR)
def recorded_hosts_declared(subject: Subject) -> Iterator[Fault]:
    """Every host that the recorder met, in the cassettes below `tests/`, is declared.

    There the plugin has talked to it.
    """
    if subject.root is None or any(host.startswith("{") for host in _hosts(subject)):
        return  # The address is a setting, so that a recording may be of any.
    for path in sorted(subject.root.glob("tests/**/*.json")):
        for host in sorted(_recorded(path.read_bytes())):
            if not _declared(subject, host):
                yield Fault(
                    f"the recording talks to {host}, which is not declared",
                    f'add "{host}" to [network] hosts',
                    subject.show(path),
                )


@rule("D303", Severity.HINT)
def declared_hosts_used(subject: Subject) -> Iterator[Fault]:
    """Every declared host occurs in the source: a right that is not needed is not asked for."""
    used = {host for source in subject.at_work for host, _ in source.hosts}
    for pattern in _hosts(subject):
        if not pattern.startswith("{") and not any(_matches(pattern, host) for host in used):
            yield Fault(
                f"the declared host {pattern} is nowhere in the source",
                "take it out of [network] hosts, if nothing talks to it",
                subject.manifest_name,
                subject.line("network", "hosts"),
            )


@rule("D304", Severity.ERROR)
def host_settings_exist(subject: Subject) -> Iterator[Fault]:
    """A host that is written `{key}` names a setting of the config model."""
    if subject.traced.settings is None and "config" in subject.raw:
        return  # It could not be read, which other rules say.
    known = {one["name"] for one in subject.traced.settings or ()}
    for pattern in _hosts(subject):
        if pattern.startswith("{") and pattern.strip("{}") not in known:
            yield Fault(
                f"[network] hosts names {pattern}, and there is no such setting",
                "name a setting that holds the address",
                subject.manifest_name,
                subject.line("network", "hosts"),
            )


@rule("D305", Severity.ERROR)
def providers_complete(subject: Subject) -> Iterator[Fault]:
    """The class of each capability has every method of its protocol, async where that is."""
    for one in subject.traced.providers:
        for fault in one["missing"]:
            yield Fault(
                f"{one['provider']} is no provider of {one['capability']}: {fault}",
                "docs/plugins/capabilities.md has the signatures",
                subject.manifest_name,
                subject.line("provides", one["capability"]),
            )


@rule("D306", Severity.ERROR)
def hooks_declared(subject: Subject) -> Iterator[Fault]:
    """`hooks` names exactly the hooks that the class implements.

    The hub refuses to start the plugin otherwise.
    """
    if subject.traced.hooks is None:
        return
    implemented, declared = set(subject.traced.hooks), set(subject.raw.get("hooks", ()))
    for name in sorted(implemented - declared):
        yield _hook(subject, f"the class implements {name}, which is not declared", "add it to")
    for name in sorted(declared - implemented):
        yield _hook(subject, f"hooks names {name}, which the class lacks", "take it out of")


@rule("D307", Severity.ERROR)
def parts_import(subject: Subject) -> Iterator[Fault]:
    """Every dotted path of the manifest leads to something that can be imported."""
    for path, step in subject.traced.steps.items():
        if path in {"import", "config", "tables"} or not step["error"]:
            continue
        error = step["error"]
        yield Fault(
            f"{path} cannot be imported: {error['type']}: {error['text']}",
            "correct the path, or the module",
            subject.show(error["file"]) if error["file"] else subject.manifest_name,
            error["line"],
        )


@rule("D308", Severity.ERROR)
def imports_required(subject: Subject) -> Iterator[Fault]:
    """Every third-party module that is imported comes from a declared dependency.

    What only a dependency's dependency brings is gone when that one changes. Pydantic and pluggy,
    of which the contract is made, come with `bloop-sdk`.
    """
    known = required_names([*subject.requires, *_extras(subject)])
    if "bloop-sdk" in known:
        known |= contract_requirements()
    own = subject.package.name if subject.package else ""
    told: set[str] = set()
    for source in subject.sources:
        for module, line in source.imports:
            top = module.partition(".")[0]
            if top in sys.stdlib_module_names or top in {own, "bloop", *told}:
                continue
            candidates = brought_by().get(top, {canonical(top)})
            if not candidates & known:
                told.add(top)
                yield Fault(
                    f"{top} is imported and no dependency brings it",
                    f"add {min(candidates)} to dependencies",
                    subject.show(source.path),
                    line,
                )


@rule("D309", Severity.ERROR)
def uses_declared(subject: Subject) -> Iterator[Fault]:
    """Every capability that `ctx.providers` is asked for by name is in `uses`.

    The hub gives the plugin no other, and whoever enables it reads that list.
    """
    uses = subject.raw.get("uses", ())
    for source in subject.sources:
        for capability, line in source.capabilities:
            if capability not in uses:
                yield Fault(
                    f"it asks for {capability!r}, which it does not say that it uses",
                    f'add "{capability}" to uses',
                    subject.show(source.path),
                    line,
                )


@rule("D310", Severity.ERROR)
def credential_exists(subject: Subject) -> Iterator[Fault]:
    """What `[network] credential` names are settings, or properties of the config model.

    Where one is missing, each connection counts by itself, and two with one token together ask
    for twice what the other side allows.
    """
    if subject.traced.settings is None and "config" in subject.raw:
        return  # It could not be read, which other rules say.
    known = {one["name"] for one in subject.traced.settings or ()} | {*subject.traced.properties}
    network = subject.manifest.network if subject.manifest else None
    for name in network.credential if network else ():
        if name not in known:
            yield Fault(
                f"[network] credential names {name!r}, and there is no such setting",
                "name the setting that holds what the other side counts by",
                subject.manifest_name,
                subject.line("network", "credential"),
            )


def _extras(subject: Subject) -> list[str]:
    extras = subject.project.get("project", {}).get("optional-dependencies", {})
    return [line for lines in extras.values() for line in lines]


def _hook(subject: Subject, message: str, what: str) -> Fault:
    return Fault(message, f"{what} hooks", subject.manifest_name, subject.line("hooks"))


def _hosts(subject: Subject) -> list[str]:
    network = subject.raw.get("network", {})
    hosts = network.get("hosts", ()) if isinstance(network, dict) else ()
    return [host for host in hosts if isinstance(host, str)]


def _declared(subject: Subject, host: str) -> bool:
    return any(_matches(pattern, host) for pattern in _hosts(subject))


def _matches(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return pattern.lower() == host


def _recorded(data: bytes) -> set[str]:
    """The hosts of a cassette; none of any other JSON file."""
    try:
        exchanges = json.loads(data)["exchanges"]
        urls = [str(exchange["request"]["url"]) for exchange in exchanges]
    except (ValueError, TypeError, KeyError):
        return set()
    hosts = {urlsplit(url).hostname or "" for url in urls}
    return {host for host in hosts if re.search(r"\.[a-z]{2,}$", host)}
