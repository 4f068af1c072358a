"""Registered reads of accounts elsewhere."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from bloop.accounts.identities.models import IdentityLink, MembershipRules
from bloop.store.statements import institution, register

LINKS = register(
    "accounts.identity_links",
    select(
        IdentityLink.id,
        IdentityLink.provider,
        IdentityLink.issuer,
        IdentityLink.label,
        IdentityLink.created_at,
        IdentityLink.used_at,
    )
    .where(IdentityLink.institution_id == institution, IdentityLink.user_id == bindparam("user"))
    .order_by(IdentityLink.id),
)
"""The accounts elsewhere of one person."""

RULES = register(
    "accounts.membership_rules",
    select(MembershipRules.rules, MembershipRules.row_version).where(
        MembershipRules.institution_id == institution
    ),
)
"""The institution's rules of membership; no row where none were ever set."""
