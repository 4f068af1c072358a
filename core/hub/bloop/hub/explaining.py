"""Why somebody may do something, or may not: each of the factors that have to agree, in words.

    explain(hub, call, Question("ada@example.org", "content:write", "item:019a..."))

The same policies decide as for a command; of what is read, ``published`` is what learners see.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import or_, select

from bloop.accounts.actions import ACTIONS
from bloop.accounts.models import User
from bloop.accounts.people.models import Group
from bloop.accounts.policy.contributed import actions_of
from bloop.accounts.policy.engine import (
    Decision,
    Engine,
    Resource,
    core,
    institution_of,
    resource_of,
)
from bloop.accounts.policy.schema import COURSE_TYPES, kinds_of
from bloop.accounts.sessions import GUEST, STRANGER, system_call
from bloop.content.enrolling.standing import standing_of
from bloop.content.models import Container, Item, Node
from bloop.content.queries import CONTAINER_IS_SHOWN, ITEM_IS_SHOWN
from bloop.content.sync_models import SyncRun
from bloop.hub.offers import engine_of
from bloop.jobs.models import Job, JobSchedule
from bloop.kernel.grants import scopes_of
from bloop.kernel.models import Connection
from bloop.store.errors import InvalidError, NotFoundError
from bloop.webhooks.models import WebhookEndpoint
from bloop_sdk import Call, Principal, PrincipalKind, Role

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.store.unit import UnitOfWork

MODELS: dict[str, Any] = {
    "connection": Connection,
    "container": Container,
    "group": Group,
    "item": Item,
    "job": Job,
    "node": Node,
    "run": SyncRun,
    "schedule": JobSchedule,
    "user": User,
    "webhook": WebhookEndpoint,
}
"""What a resource ``kind:id`` names."""


@dataclass(frozen=True, slots=True)
class Question:
    """May ``user`` (id, e-mail, or ``guest``) do ``action`` to ``resource``?

    ``scopes`` are those of a token, ``plugin`` acts for the user.
    """

    user: str
    action: str
    resource: str = ""
    scopes: Collection[str] | None = None
    plugin: str | None = None


def explain(hub: Hub, call: Call, asked: Question) -> dict[str, Any]:
    """The answer, for the call's institution; reads the database, so it may block.

    Raises NotFoundError and InvalidError for what the question names.
    """
    with hub.database.reading(system_call(call.institution, call.trace)) as unit:
        who, disabled, name = _who(hub, unit, asked.user)
        resource = _resource(hub, unit, asked, replace(call, principal=who))
    engine = _engine(hub, asked.action)
    granted = None if asked.plugin is None else scopes_of(_manifest(hub, asked.plugin))
    scoped = who if asked.scopes is None else replace(who, scopes=frozenset(asked.scopes))

    def decided(principal: Principal, plugin: Collection[str] | None = None) -> Decision:
        by = replace(call, principal=principal)
        return engine.decide(by, asked.action, resource, disabled=disabled, plugin=plugin)

    plain, whole = decided(who), decided(scoped, granted)
    factors = [
        _user_factor(engine, who, plain, asked.action),
        _narrowing("token", None if asked.scopes is None else decided(scoped), plain),
        _narrowing("plugin", None if granted is None else decided(who, granted), plain),
    ]
    return {
        "allowed": whole.allowed,
        "action": asked.action,
        "user": {"id": who.id, "name": name, "role": who.role, "disabled": disabled},
        "resource": {"kind": resource.type, "id": resource.id, "published": resource.published},
        "factors": factors,
    }


def _user_factor(engine: Engine, who: Principal, found: Decision, action: str) -> dict[str, Any]:
    if found.allowed or found.policies:
        return _factor("user", found)
    if found.faults:
        return _factor("user", found, missing="; ".join(found.faults))
    least = engine.actions[action]
    return _factor(
        "user",
        found,
        missing=f"the role {least} or a higher one; this is a {who.role}",
        needs=least,
    )


def _narrowing(factor: str, found: Decision | None, plain: Decision) -> dict[str, Any]:
    """What a token or a plugin takes away of what the user has; None: there is none."""
    if found is None:
        return _factor(factor, Decision(allowed=True))
    added = tuple(
        one for one in found.policies if one.effect == "forbid" and one not in plain.policies
    )
    missing = None if not added else f"this has to be among what the {factor} may do"
    return _factor(factor, Decision(allowed=not added, policies=added), missing=missing)


def _factor(
    factor: str, found: Decision, *, missing: str | None = None, needs: str | None = None
) -> dict[str, Any]:
    return {
        "factor": factor,
        "allowed": found.allowed,
        "policies": [
            {"id": one.id, "effect": one.effect, "words": one.words, "plugin": one.plugin}
            for one in found.policies
        ],
        "missing": missing,
        "needs": needs,
    }


def _who(hub: Hub, unit: UnitOfWork, given: str) -> tuple[Principal, bool, str]:
    if given == "guest":
        reads = hub.config.value.access.guests == "read"
        return (GUEST if reads else STRANGER), False, "a guest"
    row = unit.session.scalar(select(User).where(or_(User.id == given, User.email == given)))
    if row is None:
        raise NotFoundError(
            f"nobody here has the id or the e-mail address {given[:80]!r}",
            cure="give an id, an e-mail address, or guest",
        )
    who = Principal(PrincipalKind.USER, row.id, Role(row.role), second_factor=True)
    return who, row.disabled_at is not None, row.name


def _resource(hub: Hub, unit: UnitOfWork, asked: Question, by: Call) -> Resource:
    kind, _, id_ = asked.resource.partition(":")
    domain = asked.action.partition(":")[0]
    if kind == "" and asked.action not in ACTIONS:
        kind, id_ = "plugin", domain
    if kind in {"", "institution"}:
        return institution_of(unit.institution)
    if kind == "plugin":
        return Resource("Plugin", id_, unit.institution, disabled=False)
    model = MODELS.get(kind)
    if model is None:
        raise InvalidError(
            f"resource: {asked.resource[:80]!r} is nothing that policies speak of",
            field="resource",
            cure=f"write institution, plugin:NAME or one of {', '.join(MODELS)} with its id",
        )
    key = model.name if kind == "schedule" else model.id
    row = unit.session.scalar(select(model).where(key == id_))
    if row is None:
        raise NotFoundError(f"no {kind} here has the id {id_[:80]!r}")
    found = resource_of(row)
    assert found is not None, "every model of the table has a type"
    if found.type not in kinds_of(asked.action):
        raise InvalidError(
            f"resource: {asked.action} is not done to a {kind}",
            field="resource",
            cure=f"it is done to {', '.join(one.lower() for one in kinds_of(asked.action))}",
        )
    shown = {"Item": ITEM_IS_SHOWN, "Container": CONTAINER_IS_SHOWN}.get(found.type)
    if shown is not None:
        seen = hub.database.read_now(shown, system_call(unit.institution), id=id_)
        found = replace(found, published=bool(seen))
    if found.type in COURSE_TYPES:
        found = replace(found, standing=standing_of(unit, row, by))
    return found


def _engine(hub: Hub, action: str) -> Engine:
    """Who decides about an action; raises NotFoundError for one that nobody declares.

    A plugin's are read from its manifest, so that no code of it runs.
    """
    if action in ACTIONS:
        return core()
    found = hub.kernel.found(action.partition(":")[0])
    manifest = found.manifest if found else None
    if found is None or manifest is None or action not in actions_of(manifest):
        raise NotFoundError(
            f"there is no action {action[:80]!r}", cure="`bloop policy actions` lists the hub's"
        )
    return engine_of(found)


def _manifest(hub: Hub, plugin: str) -> Any:
    found = hub.kernel.found(plugin)
    if found is None or found.manifest is None:
        raise NotFoundError(f"no plugin {plugin[:40]!r} is installed")
    return found.manifest
