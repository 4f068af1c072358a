"""Commands of API keys: made and shown once, used, revoked, and told before they end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, or_, select, update

import bloop.accounts.tokens.topics  # noqa: F401 - declares what is said here
from bloop.accounts.actions import ForbiddenError
from bloop.accounts.service import end_links, token_hash
from bloop.accounts.tokens import forms
from bloop.accounts.tokens.forms import Form
from bloop.accounts.tokens.models import ApiKey
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.types import to_text, utcnow
from bloop.store.unit import UnitOfWork, actor_of
from bloop_sdk import Call, PrincipalKind, Role

DAYS = 90
"""For so long a key lasts where nobody says otherwise."""
MOST_DAYS = 366
MOST_KEYS = 50
"""So many valid keys somebody, or an institution, may have."""
NOTED_SECONDS = 60.0
"""How old the last use that is noted may be."""
WARNING = timedelta(days=7)

_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is to be; ``role`` is of a key of the institution, a person's has none."""

    name: str
    scopes: Collection[str]
    days: int = DAYS
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key, with the token that is shown this once."""

    id: str
    token: str


def create(unit: UnitOfWork, new: NewKey, *, user: str | None) -> MadeKey:
    """A key of ``user``, or of the institution; its scopes are checked already.

    Raises InvalidError, ForbiddenError, and ConflictError where there are too many.
    """
    _check(unit, new, user)
    token = forms.mint(Form.PERSONAL_KEY if user else Form.INSTITUTION_KEY, unit.institution)
    made = ApiKey(
        institution_id=unit.institution,
        user_id=user,
        role=new.role,
        name=new.name,
        hint=forms.hint(token),
        token_hash=token_hash(token),
        scopes=sorted(new.scopes),
        created_by=actor_of(unit.call),
        expires_at=utcnow() + timedelta(days=new.days),
    )
    unit.session.add(made)
    unit.session.flush()
    detail = {"name": new.name, "scopes": sorted(new.scopes)}
    unit.audit.append("keys.created", f"api_key:{made.id}", detail)
    unit.outbox.append("user.key_created", f"api_key:{made.id}", _told(made))
    return MadeKey(made.id, token)


def revoke(unit: UnitOfWork, key_id: str, *, user: str | None) -> None:
    """End a key of ``user``, or one of the institution; raises NotFoundError for another's."""
    key = _valid(unit, ApiKey.id == key_id, _of(user))
    key.revoked_at = utcnow()
    if user is not None:
        end_links(unit, user)
    unit.audit.append("keys.revoked", f"api_key:{key_id}", {"name": key.name})
    unit.outbox.append("user.key_revoked", f"api_key:{key_id}", _told(key))


def note_use(unit: UnitOfWork, key_id: str) -> None:
    """Note that a key was used just now, unless that has been noted a moment ago."""
    now = utcnow()
    unit.session.execute(
        update(ApiKey)
        .where(
            ApiKey.id == key_id,
            or_(
                ApiKey.last_used_at.is_(None),
                ApiKey.last_used_at < now - timedelta(seconds=NOTED_SECONDS),
            ),
        )
        .values(last_used_at=now)
        .execution_options(synchronize_session=False)
    )


def tell_expiring(unit: UnitOfWork) -> int:
    """Say of each key that ends within a week that it does, once; how many.

    The unit is of every institution.
    """
    now = utcnow()
    rows = unit.session.scalars(
        update(ApiKey)
        .where(
            ApiKey.warned_at.is_(None),
            ApiKey.revoked_at.is_(None),
            ApiKey.expires_at.between(now, now + WARNING),
            # One that was made for a few days has been told of when it was made.
            ApiKey.created_at < now - timedelta(days=1),
        )
        .values(warned_at=now)
        .returning(ApiKey)
        .execution_options(synchronize_session=False)
    ).all()
    for key in rows:
        unit.outbox.append(
            "user.key_expiring",
            f"api_key:{key.id}",
            {**_told(key), "expires_at": to_text(key.expires_at)},
            institution=key.institution_id,
        )
    return len(rows)


def owner_of(call: Call) -> str:
    """The person whose own keys and tokens these are; raises ForbiddenError for who is none."""
    if call.principal.kind is not PrincipalKind.USER:
        raise ForbiddenError(
            f"a {call.principal.kind} has no tokens and keys of its own",
            cure="log in as a person, or use the keys of the institution",
        )
    return call.principal.id


def _check(unit: UnitOfWork, new: NewKey, user: str | None) -> None:
    if not 1 <= new.days <= MOST_DAYS:
        raise InvalidError(f"a key lasts 1 to {MOST_DAYS} days", field="days")
    if (new.role is None) != (user is not None):
        raise InvalidError("keys of the institution have a role, others have none", field="role")
    if new.role not in {None, Role.LEARNER, Role.EDUCATOR, Role.ADMIN}:
        raise InvalidError("a key is learner, educator or admin", field="role")
    if new.role is not None and _RANK[new.role] > _RANK[unit.call.principal.role]:
        raise ForbiddenError(f"a {unit.call.principal.role} can't make a key that is {new.role}")
    number = unit.session.scalar(
        select(func.count())
        .select_from(ApiKey)
        .where(_of(user), ApiKey.revoked_at.is_(None), ApiKey.expires_at > utcnow())
    )
    if (number or 0) >= MOST_KEYS:
        raise ConflictError(f"there are {MOST_KEYS} keys already", cure="revoke one first")


def _valid(unit: UnitOfWork, *which: Any) -> ApiKey:
    found: ApiKey | None = unit.session.scalar(
        select(ApiKey).where(ApiKey.revoked_at.is_(None), *which)
    )
    if found is None:
        raise NotFoundError("no such key")
    return found


def _of(user: str | None) -> Any:
    return ApiKey.user_id.is_(None) if user is None else ApiKey.user_id == user


def _told(key: ApiKey) -> dict[str, Any]:
    return {"id": key.id, "name": key.name, "user": key.user_id}
