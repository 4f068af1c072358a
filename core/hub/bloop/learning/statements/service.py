"""Keeping statements: each once, all of a request or none, and the answers that they tell of.

Whoever has an account tells of themselves; of others only who may ``learning:write``. What somebody
tells of themselves is their own word, and marked so by the answer's source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from pydantic import ValidationError
from sqlalchemy import func, select

import bloop.learning.following  # noqa: F401 - hears of answers in every process
from bloop.accounts.actions import ForbiddenError, may
from bloop.accounts.models import User
from bloop.content.enrolling.seen import item_seen
from bloop.graph.models import PART_LENGTH
from bloop.learning.answers import Given, record, take_back
from bloop.learning.quizzes.service import user_of
from bloop.learning.statements.models import Statement
from bloop.learning.statements.schemas import (
    VOIDED,
    Activity,
    Actor,
    Agent,
    StatementIn,
    StatementRef,
    fault_of,
)
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.ids import new_id
from bloop.store.inserting import INSERT
from bloop.store.types import dumps, utcnow
from bloop.store.unit import UnitOfWork, actor_of

WRITE = "account:write"
OTHERS = "learning:write"
MOST = 200
AHEAD = timedelta(minutes=5)
ADL = "http://adlnet.gov/expapi/verbs/"
SCORING = frozenset(
    f"{ADL}{one}" for one in ("answered", "passed", "failed", "completed", "scored")
)
"""Verbs whose result is an answer, where it has a score or says whether it was a success."""
_OURS = ("stored", "authority", "version")


@command(WRITE)
def store(unit: UnitOfWork, told: Sequence[Any], *, site: str, id_: str | None = None) -> list[str]:
    """Keep statements, all or none; their ids in order. ``site`` is the address of the hub.

    ``id_`` is the id of the only one, where the request names it. One that is kept already is not
    kept again. Raises InvalidError naming the place of what is wrong, ForbiddenError for statements
    of others, and ConflictError for an id that another statement has.
    """
    user_of(unit)
    if not 1 <= len(told) <= MOST:
        raise InvalidError(f"statements: 1 to {MOST} at once", field="statements")
    ids: list[str] = []
    request = _Request(unit, site)
    for place, one in enumerate(told):
        ids.append(_store(request, _parsed(one, place, id_), one, f"[{place}]", id_))
    if len(set(ids)) != len(ids):
        raise ConflictError("two of the statements have one id", cure="give each its own")
    request.write()
    return ids


class _Request:
    """What the statements of a request have in common: they are mostly of one user and lesson.

    The answers that they tell of, and those that they take back, are written once a user.
    """

    def __init__(self, unit: UnitOfWork, site: str) -> None:
        self.unit, self.site = unit, site
        self._users: dict[str, str] = {}
        self._lessons: dict[str, str] = {}
        self._given: dict[str, dict[str, Given]] = {}
        self._back: dict[str, list[str]] = {}

    def user(self, actor: Actor, field: str) -> str:
        """The user whom an actor is, looked up once."""
        key = actor.model_dump_json()
        if key not in self._users:
            self._users[key] = _user(self.unit, actor, self.site, field)
        return self._users[key]

    def lesson(self, id_: str) -> str:
        """The lesson of an id, looked up once; raises NotFoundError."""
        if id_ not in self._lessons:
            self._lessons[id_] = item_seen(self.unit, id_).id
        return self._lessons[id_]

    def give(self, user: str, given: Given) -> None:
        self._given.setdefault(user, {})[given.key] = given

    def take_back(self, user: str, key: str) -> None:
        if self._given.get(user, {}).pop(key, None) is None:
            self._back.setdefault(user, []).append(key)

    def write(self) -> None:
        # In one order for everybody: whoever writes what a user knows holds their row.
        for user in sorted(self._given.keys() | self._back.keys()):
            if some := self._given.get(user):
                record(self.unit, user, list(some.values()))
            if keys := self._back.get(user):
                take_back(self.unit, user, keys)


def _parsed(one: Any, place: int, id_: str | None) -> StatementIn:
    if fault := fault_of(one):
        raise InvalidError(f"[{place}]: {fault}", field=f"[{place}]", cure="tell it without")
    try:
        found = StatementIn.model_validate(one)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        field = ".".join([f"[{place}]", *(str(part) for part in first["loc"])])
        raise InvalidError(f"{field}: {first['msg']}", field=field) from None
    if id_ is not None and found.id is not None and str(found.id) != id_:
        raise InvalidError("id: it is another than statementId", field="id")
    return found


def _store(
    request: _Request, told: StatementIn, raw: Mapping[str, Any], field: str, named: str | None
) -> str:
    unit, now = request.unit, utcnow()
    at = told.timestamp or now
    if at > now + AHEAD:
        raise InvalidError(
            f"{field}.timestamp: it lies in the future",
            field=f"{field}.timestamp",
            cure="set the clock of whoever tells",
        )
    id_ = named or str(told.id or uuid4())
    user, hashed = request.user(told.actor, f"{field}.actor"), _hash(told, raw)
    if _is_kept(unit, id_, user, hashed):
        return id_
    item, part = _lesson(request, told)
    raw = {name: value for name, value in raw.items() if name not in _OURS}
    row = {
        "institution_id": unit.institution,
        "id": id_,
        "place": new_id(),
        "user_id": user,
        "verb": told.verb.id,
        "activity": told.object.id if isinstance(told.object, Activity) else "",
        "registration": _registration(told),
        "item_id": item,
        "voids": _voided(unit, told, user, field),
        "at": min(at, now),
        "stored_at": now,
        "source": "xapi",
        "told_by": actor_of(unit.call),
        "hash": hashed,
        "raw": raw | {"id": id_, "timestamp": raw.get("timestamp") or now.isoformat()},
    }
    if _insert(unit, row):
        _follow(request, row, told, part)
    else:
        _is_kept(unit, id_, user, hashed)  # Somebody told it at the same time.
    return id_


def _insert(unit: UnitOfWork, row: Mapping[str, Any]) -> bool:
    make = INSERT[unit.dialect]
    added = make(Statement).values(**row).on_conflict_do_nothing().returning(Statement.id)
    return unit.connection.scalar(added) is not None


def _is_kept(unit: UnitOfWork, id_: str, user: str, hashed: str) -> bool:
    """Whether a statement is kept already; raises ConflictError where its id is another's."""
    before = unit.session.get(Statement, (unit.institution, id_))
    if before is not None and (before.hash != hashed or before.user_id != user):
        raise ConflictError(f"the id {id_} is another statement's", cure="give it a new id")
    return before is not None


def _registration(told: StatementIn) -> str:
    found = told.context.registration if told.context else None
    return str(found) if found else ""


def _follow(request: _Request, row: Mapping[str, Any], told: StatementIn, part: str) -> None:
    """Note the answer that a statement makes, or that of the statement which it takes back."""
    if row["voids"] is not None:
        key = (request.unit.institution, row["voids"])
        request.take_back(request.unit.session.get_one(Statement, key).user_id, _key(row["voids"]))
        return
    score = _score(told)
    if row["item_id"] is None or score is None:
        return
    given = Given(
        item=row["item_id"],
        part=part,
        key=_key(row["id"]),
        score=score,
        at=row["at"],
        source="xapi",
    )
    request.give(row["user_id"], given)


def _key(id_: str) -> str:
    return f"statement:{id_}"


def _score(told: StatementIn) -> float | None:
    if told.verb.id not in SCORING or told.result is None:
        return None
    share = told.result.score.share() if told.result.score else None
    if share is None and told.result.success is not None:
        return float(told.result.success)
    return share


def _voided(unit: UnitOfWork, told: StatementIn, user: str, field: str) -> str | None:
    """What a statement takes back; raises where that is not there, or is not to be taken back."""
    if told.verb.id != VOIDED or not isinstance(told.object, StatementRef):
        return None
    id_ = str(told.object.id)
    row = unit.session.get(Statement, (unit.institution, id_))
    if row is None or (row.user_id != user and not may(unit.call, OTHERS)):
        raise NotFoundError(f"{field}.object: there is no statement {id_}")
    if row.told_by != actor_of(unit.call) and not may(unit.call, OTHERS):
        raise ForbiddenError(
            f"{field}.object: somebody else told it of you", cure="ask them to take it back"
        )
    if row.voids is not None:
        raise InvalidError(f"{field}.object: a voiding statement stays", field=f"{field}.object")
    if row.source != "xapi":
        raise InvalidError(
            f"{field}.object: what the hub told itself is not voided", field=f"{field}.object"
        )
    return id_


def _lesson(request: _Request, told: StatementIn) -> tuple[str | None, str]:
    """The lesson of the hub that a statement is about, and the question of it; else nothing."""
    begin = f"{request.site}/lessons/"
    if not isinstance(told.object, Activity) or not told.object.id.startswith(begin):
        return None, ""
    id_, _, part = told.object.id.removeprefix(begin).partition("#")
    try:
        # Of others tells only who sees it all; whoever tells of themselves sees what they do.
        return request.lesson(id_), part[:PART_LENGTH]
    except NotFoundError as err:
        raise InvalidError(
            f"object.id: {err.message}", field="object.id", cure="name a lesson that there is"
        ) from err


def _user(unit: UnitOfWork, actor: Actor, site: str, field: str) -> str:
    """The user whom an actor is; raises ForbiddenError and InvalidError."""
    own = user_of(unit)
    found = find_user(unit, actor, site)
    if found == own:
        return own
    if not may(unit.call, OTHERS):
        raise ForbiddenError(
            f"{field}: you may tell of yourself alone",
            cure=f"the account {own} of {site}, or your own mail address",
        )
    if found is None:
        raise InvalidError(
            f"{field}: {_named(actor)} is nobody here",
            field=field,
            cure=f"name an account of {site} by its id, or a user by mailto:",
        )
    return found


def find_user(unit: UnitOfWork, actor: Actor, site: str) -> str | None:
    """The id of the user whom an actor is, if any."""
    if not isinstance(actor, Agent):
        return None
    condition: Any = None
    if actor.mbox is not None:
        condition = func.lower(User.email) == actor.mbox.removeprefix("mailto:").lower()
    elif actor.account is not None and actor.account.homePage.rstrip("/") == site.rstrip("/"):
        condition = User.id == actor.account.name
    if condition is None:
        return None
    return unit.session.scalar(
        select(User.id).where(
            User.institution_id == unit.institution, User.erased_at.is_(None), condition
        )
    )


def _named(actor: Actor) -> str:
    if not isinstance(actor, Agent):
        return "a group"
    if actor.account is not None:
        return f"{actor.account.name[:80]!r} of {actor.account.homePage[:120]}"
    return str(actor.mbox or actor.openid or actor.mbox_sha1sum)


def _hash(statement: StatementIn, raw: Mapping[str, Any]) -> str:
    """Of what makes two statements the same, by the standard's rules on immutability."""
    told = {name: value for name, value in raw.items() if name not in {*_OURS, "attachments"}}
    told["verb"] = {"id": raw["verb"]["id"]}
    told["object"] = {name: one for name, one in raw["object"].items() if name != "definition"}
    if statement.timestamp is not None:
        told["timestamp"] = statement.timestamp.timestamp()
    told.pop("id", None)
    return sha256(dumps(told).encode()).hexdigest()
