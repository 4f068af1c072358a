"""Registered reads of how far an institution is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, exists, func, or_, select

from bloop.accounts.identities.models import IdentityLink
from bloop.accounts.login.models import PasswordCredential
from bloop.accounts.mfa.models import Passkey
from bloop.accounts.models import User
from bloop.accounts.people.models import Invitation
from bloop.content.enrolling.models import Audience, CourseEnrolment
from bloop.content.enrolling.visibility import ONGOING, viewer
from bloop.content.models import Container, Enrolment, Item
from bloop.hub.setup.models import SetupDismissal
from bloop.kernel.models import Connection
from bloop.store.statements import institution, register
from bloop.store.types import UtcDateTime

_course = (
    Container.institution_id == institution,
    Container.kind == "course",
    Container.owner_id.is_(None),
    Container.state == "active",
)


def _comes_back(*whose: Any) -> Any:
    """Whether somebody can log in again without a link."""
    return or_(
        *(
            exists(
                select(model.user_id)
                .join(User, and_(User.id == model.user_id, User.institution_id == institution))
                .where(model.institution_id == institution, User.disabled_at.is_(None), *whose)
            )
            for model in (PasswordCredential, Passkey, IdentityLink)
        )
    )


def _enrolled(model: Any, *conditions: Any) -> Any:
    return exists(
        select(model.id).where(
            model.institution_id == institution,
            model.container_id == Container.id,
            model.role == "learner",
            *conditions,
        )
    )


_seen = and_(
    Container.published.is_(True),
    or_(
        Container.audience.in_([Audience.OPEN.value, Audience.MEMBERS.value]),
        _enrolled(CourseEnrolment),
        _enrolled(Enrolment, ONGOING),
    ),
)
_first = select(Container.id).where(*_course).order_by(Container.id).limit(1).scalar_subquery()
_lesson = (
    select(Item.id)
    .where(
        Item.institution_id == institution,
        Item.container_id == _first,
        Item.kind == "page",
        Item.state == "active",
    )
    .order_by(Item.published.desc(), Item.id)
    .limit(1)
    .scalar_subquery()
)
_learners = (
    select(func.count())
    .select_from(User)
    .where(User.institution_id == institution, User.role == "learner", User.disabled_at.is_(None))
    .scalar_subquery()
)
_invited = exists(
    select(Invitation.id).where(
        Invitation.institution_id == institution,
        Invitation.role == "learner",
        Invitation.revoked_at.is_(None),
        Invitation.uses < Invitation.max_uses,
        Invitation.expires_at > bindparam("now", type_=UtcDateTime()),
    )
)

FACTS = register(
    "hub.setup_facts",
    select(
        _comes_back(User.id == viewer).label("caller_comes_back"),
        _comes_back(User.role.in_(["admin", "operator"])).label("somebody_comes_back"),
        _first.label("course"),
        exists(select(Container.id).where(*_course, _seen)).label("seen"),
        _learners.label("learners"),
        _invited.label("invited"),
        _lesson.label("lesson"),
    ),
    whole="the hub asks how far an institution is, of what is nobody's own",
    heavy=True,
)
"""What is there: who can log in again, a first course and its first lesson, learners."""

CONNECTED = register(
    "hub.setup_connected",
    select(Connection.plugin_id)
    .where(Connection.institution_id == institution, Connection.owner_id.is_(None))
    .distinct(),
    whole="the hub asks which plugins are connected, not with what",
)
"""The plugins that the institution has connected, or imported a file by."""

DISMISSED = register(
    "hub.setup_dismissed",
    select(SetupDismissal.step, SetupDismissal.user_id.is_(None).label("for_all")).where(
        SetupDismissal.institution_id == institution,
        or_(SetupDismissal.user_id.is_(None), SetupDismissal.user_id == viewer),
    ),
)
"""The steps that the caller does not see, and whether nobody does."""
