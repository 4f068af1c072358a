"""Registered reads of tokens and keys."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, bindparam, or_, select

from bloop.accounts.models import Institution, User
from bloop.accounts.tokens.models import ApiKey, SigningKey, TokenFamily
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import institution, register
from bloop.store.types import UtcDateTime

_now = bindparam("now", type_=UtcDateTime())

SIGNING_KEYS = register(
    "accounts.signing_keys",
    select(SigningKey.kid, SigningKey.public, SigningKey.state, SigningKey.created_at)
    .where(institution == EVERY_INSTITUTION)
    .order_by(SigningKey.created_at, SigningKey.kid),
)
"""The public halves of all keys that verify; for the hub's own calls."""

FAMILY_HOLDER = register(
    "accounts.family_holder",
    select(
        User.id,
        User.role,
        TokenFamily.proved_at,
        TokenFamily.second_factor,
        Institution.settings,
    )
    .join(User, (User.id == TokenFamily.user_id) & (User.institution_id == institution))
    .join(Institution, Institution.id == TokenFamily.institution_id)
    .join(SigningKey, SigningKey.kid == bindparam("kid"))
    .where(
        TokenFamily.institution_id == institution,
        TokenFamily.id == bindparam("id"),
        TokenFamily.ended_at.is_(None),
        TokenFamily.expires_at > _now,
        User.disabled_at.is_(None),
    ),
)
"""Who holds a family, as long as it, its owner's account and the key that signed all last."""

KEY_HOLDER = register(
    "accounts.key_holder",
    select(
        ApiKey.id,
        ApiKey.user_id,
        ApiKey.role,
        User.role.label("user_role"),
        ApiKey.scopes,
        ApiKey.last_used_at,
    )
    .outerjoin(User, (User.id == ApiKey.user_id) & (User.institution_id == institution))
    .where(
        ApiKey.institution_id == institution,
        ApiKey.token_hash == bindparam("token_hash"),
        ApiKey.revoked_at.is_(None),
        ApiKey.expires_at > _now,
        or_(ApiKey.user_id.is_(None), User.id.is_not(None) & User.disabled_at.is_(None)),
    ),
)
"""Who an API key is, as long as it and its owner's account last."""

KEY_ROLE = register(
    "accounts.key_role",
    select(ApiKey.role).where(
        ApiKey.institution_id == institution,
        ApiKey.id == bindparam("id"),
        ApiKey.user_id.is_(None),
        ApiKey.revoked_at.is_(None),
        ApiKey.expires_at > _now,
    ),
)
"""The role of an institution's key that is good."""

FAMILIES = register(
    "accounts.families",
    select(
        TokenFamily.id,
        TokenFamily.client,
        TokenFamily.name,
        TokenFamily.scopes,
        TokenFamily.address,
        TokenFamily.agent,
        TokenFamily.created_at,
        TokenFamily.last_used_at,
        TokenFamily.expires_at,
    )
    .where(
        TokenFamily.institution_id == institution,
        TokenFamily.user_id == bindparam("user"),
        TokenFamily.ended_at.is_(None),
        TokenFamily.expires_at > _now,
    )
    .order_by(TokenFamily.created_at, TokenFamily.id),
)
"""The devices and programs that hold tokens of somebody."""


def _keys() -> Select[*tuple[Any, ...]]:
    return (
        select(
            ApiKey.id,
            ApiKey.name,
            ApiKey.role,
            ApiKey.hint,
            ApiKey.scopes,
            ApiKey.created_by,
            ApiKey.created_at,
            ApiKey.expires_at,
            ApiKey.last_used_at,
        )
        .where(ApiKey.institution_id == institution, ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.created_at, ApiKey.id)
    )


PERSONAL_KEYS = register(
    "accounts.personal_keys", _keys().where(ApiKey.user_id == bindparam("user"))
)
"""Somebody's own API keys, also those that have expired."""

INSTITUTION_KEYS = register("accounts.institution_keys", _keys().where(ApiKey.user_id.is_(None)))
"""The institution's API keys, also those that have expired."""
