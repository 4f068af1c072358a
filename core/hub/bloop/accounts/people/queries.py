"""Registered reads of people and invitations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, bindparam, case, func, or_, select

from bloop.accounts.models import Institution, User
from bloop.accounts.people.models import Group, GroupMember, Invitation
from bloop.accounts.seen import seen
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import institution, register


def _text(name: str) -> Any:
    return bindparam(name, type_=String)


_state: Any = case(
    (User.waiting.is_(True), "waiting"), (User.disabled_at.is_not(None), "disabled"), else_="active"
)
_PERSON: Any = (
    User.id,
    User.name,
    User.email,
    User.email_verified_at.is_not(None).label("email_verified"),
    User.role,
    _state.label("state"),
    User.created_at,
    User.row_version,
)


def _like(name: str) -> Any:
    """A match of the pattern, which is in lower case.

    SQLite folds ASCII alone: a name that begins with another letter is found by ``titled``.
    """
    return or_(
        func.lower(User.name).like(_text(name), escape="\\"),
        User.name.like(_text("titled"), escape="\\"),
        User.email.like(_text(name), escape="\\"),
    )


PEOPLE = register(
    "accounts.people",
    select(*_PERSON)
    .where(
        User.institution_id == institution,
        User.id > bindparam("after"),
        or_(_text("role") == "", User.role == _text("role")),
        or_(_text("state") == "", _state == _text("state")),
        or_(_text("pattern") == "", _like("pattern")),
    )
    .order_by(User.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The users of an institution, in the order in which they came; see :func:`patterns`."""

PERSON = register(
    "accounts.person",
    select(*_PERSON).where(User.institution_id == institution, User.id == bindparam("id")),
)
"""One of them."""

BY_EMAIL = register(
    "accounts.person_by_email",
    select(*_PERSON).where(User.institution_id == institution, User.email == bindparam("email")),
)
"""The one with this address, which is normalised."""

_INVITATION: Any = (
    Invitation.id,
    Invitation.role,
    Invitation.email,
    Invitation.uses,
    Invitation.max_uses,
    Invitation.created_by,
    Invitation.created_at,
    Invitation.expires_at,
    Invitation.revoked_at,
    Invitation.row_version,
)

INVITATIONS = register(
    "accounts.invitations",
    select(*_INVITATION)
    .where(
        Invitation.institution_id == institution,
        or_(_text("before") == "", Invitation.id < _text("before")),
    )
    .order_by(Invitation.id.desc())
    .limit(bindparam("limit")),
)
"""The invitations of an institution, newest first."""

INVITATION = register(
    "accounts.invitation",
    select(*_INVITATION).where(
        Invitation.institution_id == institution, Invitation.id == bindparam("id")
    ),
)
"""One of them."""

BROUGHT = register(
    "accounts.brought_invitation",
    select(
        Institution.name.label("institution"),
        Invitation.role,
        Invitation.email.is_not(None).label("bound"),
        Invitation.uses,
        Invitation.max_uses,
        Invitation.expires_at,
        Invitation.revoked_at,
    )
    .join(Institution, Institution.id == Invitation.institution_id)
    .where(
        Invitation.institution_id == institution,
        Invitation.token_hash == bindparam("token_hash"),
    ),
)
"""What whoever brings a link may know of it before they use it."""

DOOR = register(
    "accounts.door",
    select(Institution.id, Institution.name, Institution.slug, Institution.settings).where(
        or_(Institution.id == institution, institution == EVERY_INSTITUTION),
        Institution.slug == bindparam("slug"),
    ),
)
"""The institution at whose door somebody stands who is no user yet."""

OWN = register(
    "accounts.own_institution",
    select(
        Institution.id,
        Institution.name,
        Institution.slug,
        Institution.settings,
        Institution.row_version,
    ).where(Institution.id == institution),
)
"""The caller's institution with its settings."""


_members: Any = (
    select(func.count())
    .select_from(GroupMember)
    .where(GroupMember.institution_id == institution, GroupMember.group_id == Group.id)
    .scalar_subquery()
    .label("members")
)
_GROUP: Any = (Group.id, Group.name, _members, Group.created_at, Group.row_version)

GROUPS = register(
    "accounts.groups",
    select(*_GROUP)
    .where(Group.institution_id == institution, Group.id > bindparam("after"))
    .order_by(Group.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The groups of an institution, with how many are in each."""

GROUP = register(
    "accounts.group",
    select(*_GROUP).where(Group.institution_id == institution, Group.id == bindparam("id")),
    heavy=True,
)
"""One of them."""

MEMBERS = register(
    "accounts.group_members",
    select(User.id, User.name, User.email, User.role, _state.label("state"))
    .join(
        GroupMember,
        (GroupMember.institution_id == User.institution_id) & (GroupMember.user_id == User.id),
    )
    .where(
        User.institution_id == institution,
        GroupMember.institution_id == institution,
        GroupMember.group_id == bindparam("group"),
        GroupMember.user_id > bindparam("after"),
    )
    .order_by(GroupMember.user_id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The users of a group."""


def patterns(search: str) -> dict[str, str]:
    """What :data:`PEOPLE` takes to find what somebody typed, wherever it stands."""
    typed = " ".join(seen(search).split())
    for special in ("\\", "%", "_"):
        typed = typed.replace(special, f"\\{special}")
    if not typed:
        return {"pattern": "", "titled": ""}
    return {"pattern": f"%{typed.lower()}%", "titled": f"%{typed.title()}%"}
