"""Decides by Cedar: one principal, one action, one thing it is done to.

Only the entities that matter are given to it, and always the schema: without one, a missing
attribute would make a ``forbid`` be skipped. Anything but Allow, and any diagnostic, is a refusal.
Importing this module imports cedarpy, which reads never need.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import cedarpy

from bloop.accounts.policy.schema import COURSE_TYPES, PRINCIPALS, TYPES, schema_of
from bloop_sdk import Call, Principal, PrincipalKind, Role

_ROLES = list(Role)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as people are told of it; ``plugin`` is who contributed it."""

    id: str
    words: str
    effect: str
    plugin: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Whom a course is for (``open members enrolled owner``), and what whoever asks is in it.

    By default as little as there can be: nobody who writes by their role needs more. ``owner`` is
    the id of the user whom something is of.
    """

    audience: str = "enrolled"
    enrolled: bool = False
    taught: bool = False
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """What something is done to; ``owner`` is the id of a user, ``standing`` that to a course."""

    type: str
    id: str
    institution: str
    published: bool | None = None
    owner: str | None = None
    disabled: bool | None = None
    standing: Standing = Standing()

    def owned_by_other_than(self, principal: Principal) -> bool:
        """Whether it is somebody's, and that is not the principal."""
        owner = self.standing.owner or self.owner
        return owner is not None and (principal.kind, principal.id) != (PrincipalKind.USER, owner)

    def entity(self) -> dict[str, Any]:
        """As Cedar takes it."""
        attributes: dict[str, Any] = {"institution": _reference("Institution", self.institution)}
        standing = asdict(self.standing)
        owner = standing.pop("owner") or self.owner
        if self.published is not None:
            attributes |= {"published": self.published, **standing}
        if owner is not None:
            attributes["owner"] = _reference("User", owner)
        if self.disabled is not None:
            attributes["disabled"] = self.disabled
        return {"uid": {"type": self.type, "id": self.id}, "attrs": attributes, "parents": []}


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, by which policies, and what went wrong on the way."""

    allowed: bool
    policies: tuple[Policy, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contributed:
    """The policies of a plugin, and the actions that they are about."""

    plugin: str
    actions: Mapping[str, Role]
    text: str


def institution_of(id_: str) -> Resource:
    """An institution as a whole."""
    return Resource("Institution", id_, id_)


def resource_of(row: Any) -> Resource | None:
    """A row of the database; None for a kind that no policy speaks of."""
    kind = TYPES.get(row.__tablename__)
    if kind is None:
        return None
    if kind == "Institution":
        return institution_of(row.id)
    actor, _, user = getattr(row, "actor", "").partition(":")
    asker = user if kind == "Job" and actor == "user" else None
    return Resource(
        kind,
        str(getattr(row, "id", None) or row.name),
        row.institution_id,
        published=getattr(row, "published", False) if kind in COURSE_TYPES else None,
        owner=getattr(row, "owner_id", None) or asker,
        disabled=row.disabled_at is not None if kind == "User" else None,
    )


class Engine:
    """Cedar with the hub's policies, and those of a plugin for the plugin's own actions."""

    def __init__(self, actions: Mapping[str, Role], contributed: Contributed | None = None) -> None:
        plugin = contributed.plugin if contributed else None
        self.actions = {**actions, **(contributed.actions if contributed else {})}
        self.schema_text = schema_of(self.actions, plugin)
        core = core_policies()
        text = core + (contributed.text if contributed else "")
        self._schema = cedarpy.Schema.from_str(self.schema_text)
        self._policies = cedarpy.PolicySet.from_str(text)
        count = len(_parsed(core))
        self._known = {
            name: _told(name, one, plugin if number >= count else None)
            for number, (name, one) in enumerate(_parsed(text).items())
        }

    def decide(
        self,
        call: Call,
        action: str,
        resource: Resource,
        *,
        disabled: bool = False,
        plugin: Collection[str] | None = None,
    ) -> Decision:
        """Whether the call's principal may do it; ``plugin`` is what was granted to one."""
        if action not in self.actions:
            return Decision(allowed=False, faults=(f"there is no action {action}",))
        who = _subject(call, disabled=disabled)
        thing = resource.entity()
        context: dict[str, Any] = {"second_factor": call.principal.second_factor}
        for key, narrowing in (("scopes", call.principal.scopes), ("plugin", plugin)):
            if narrowing is not None:
                known = sorted(set(narrowing) & self.actions.keys())
                context[key] = [_reference("Action", name) for name in known]
        request = {
            "principal": who["uid"],
            "action": {"type": "Action", "id": action},
            "resource": thing["uid"],
            "context": context,
        }
        # Somebody who looks at their own account is both.
        entities = [who] if who["uid"] == thing["uid"] else [who, thing]
        answer = cedarpy.is_authorized(request, self._policies, entities, self._schema)
        found = answer.diagnostics
        return Decision(
            allowed=answer.decision is cedarpy.Decision.Allow and not found.errors,
            policies=tuple(self._known[name] for name in found.reasons),
            faults=tuple(found.errors),
        )


def _subject(call: Call, *, disabled: bool) -> dict[str, Any]:
    principal: Principal = call.principal
    reached = _ROLES[: _ROLES.index(principal.role) + 1]
    kind = "guest" if principal.kind is PrincipalKind.GUEST else str(principal.kind)
    return {
        "uid": {"type": PRINCIPALS[kind], "id": principal.id},
        "attrs": {
            "institution": _reference("Institution", call.institution),
            "disabled": disabled,
        },
        "parents": [{"type": "Role", "id": role.value} for role in reached],
    }


def _reference(kind: str, id_: str) -> dict[str, Any]:
    return {"__entity": {"type": kind, "id": id_}}


@lru_cache(maxsize=1)
def core_policies() -> str:
    """The hub's own policies, all files one after another."""
    folder = files("bloop.accounts.policy") / "policies"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".cedar"))
    return "\n".join((folder / name).read_text("utf-8") for name in names)


@lru_cache(maxsize=1)
def core() -> Engine:
    """Cedar with the hub's own policies and actions."""
    from bloop.accounts.actions import ACTIONS

    return Engine(ACTIONS)


def _parsed(text: str) -> dict[str, dict[str, Any]]:
    """Policies by the names that the parser gives them, in their order."""
    found: dict[str, dict[str, Any]] = json.loads(cedarpy.policies_to_json_str(text))[
        "staticPolicies"
    ]
    return dict(sorted(found.items(), key=lambda one: int(one[0].removeprefix("policy"))))


def _told(name: str, policy: Mapping[str, Any], plugin: str | None) -> Policy:
    notes = policy.get("annotations", {})
    return Policy(notes.get("id", name), notes.get("words", ""), policy["effect"], plugin)
