"""Registered reads of progress, goals and certificates."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, exists, func, or_, select

from bloop.content.enrolling.visibility import (
    container_reachable,
    inside_reachable,
    item_shown,
    viewer,
)
from bloop.content.models import Container, Item
from bloop.graph.models import Concept
from bloop.learning.progress.models import Certificate, CertificateRule, Goal, ItemProgress
from bloop.store.statements import institution, register

COUNTED = ("page", "quiz", "assignment", "discussion", "link", "tool", "note", "opaque")
"""The kinds of items that are lessons: files are shown in them."""

_ID: Any = bindparam("id")
_mine = and_(
    ItemProgress.institution_id == Item.institution_id,
    ItemProgress.item_id == Item.id,
    ItemProgress.user_id == viewer,
)


def _of(model: Any, *columns: Any) -> Any:
    return select(*columns).where(
        model.institution_id == institution, viewer != "", model.user_id == viewer
    )


COURSE = register(
    "learning.course_progress",
    select(
        func.count(Item.id).label("lessons"),
        func.count(ItemProgress.done_at).label("done"),
        func.count(ItemProgress.item_id).label("begun"),
        exists(
            select(CertificateRule.container_id).where(
                CertificateRule.institution_id == institution, CertificateRule.container_id == _ID
            )
        ).label("certifies"),
        select(Certificate.code)
        .where(
            Certificate.institution_id == institution,
            Certificate.container_id == _ID,
            viewer != "",
            Certificate.user_id == viewer,
        )
        .scalar_subquery()
        .label("certificate"),
    )
    .select_from(Item)
    .outerjoin(ItemProgress, _mine)
    .where(
        Item.institution_id == institution,
        or_(ItemProgress.institution_id.is_(None), ItemProgress.institution_id == institution),
        Item.container_id == _ID,
        Item.kind.in_(COUNTED),
        item_shown,
        inside_reachable(Item.container_id),
    ),
)
"""How many lessons a course shows, and how many of them the caller has begun and done.

With that whether it gives certificates, and the code of the caller's.
"""

_progress: Any = _of(
    ItemProgress,
    ItemProgress.item_id.label("item"),
    ItemProgress.opened_at,
    ItemProgress.done_at,
    ItemProgress.how,
    ItemProgress.watched,
).where(inside_reachable(ItemProgress.container_id))
OF_COURSE = register("learning.items_progress", _progress.where(ItemProgress.container_id == _ID))
"""The lessons of a course that the caller has begun."""

OF_ITEM = register("learning.item_progress", _progress.where(ItemProgress.item_id == _ID))

GOALS = register(
    "learning.goals",
    select(
        Goal.kind,
        Goal.subject_id.label("subject"),
        func.coalesce(Concept.name, Container.title).label("name"),
        Goal.by,
        Goal.created_at,
    )
    .select_from(Goal)
    .outerjoin(
        Concept,
        and_(
            Concept.institution_id == Goal.institution_id,
            Goal.kind == "concept",
            Concept.id == Goal.subject_id,
        ),
    )
    .outerjoin(
        Container,
        and_(
            Container.institution_id == Goal.institution_id,
            Goal.kind == "container",
            Container.id == Goal.subject_id,
        ),
    )
    .where(
        Goal.institution_id == institution,
        or_(Concept.institution_id.is_(None), Concept.institution_id == institution),
        or_(Container.institution_id.is_(None), Container.institution_id == institution),
        or_(Container.id.is_(None), container_reachable),
        viewer != "",
        Goal.user_id == viewer,
    )
    .order_by(Goal.created_at, Goal.id),
)
"""What the caller has picked as goals; without a name where that is gone."""

_CERTIFICATE: Any = (
    Certificate.id,
    Certificate.container_id.label("container"),
    Certificate.number,
    Certificate.code,
    Certificate.name,
    Certificate.title,
    Certificate.lessons,
    Certificate.average,
    Certificate.issued_at,
)
CERTIFICATES = register(
    "learning.own_certificates", _of(Certificate, *_CERTIFICATE).order_by(Certificate.issued_at)
)
CERTIFICATE_OF = register(
    "learning.own_certificate",
    _of(Certificate, *_CERTIFICATE).where(Certificate.container_id == _ID),
)
VERIFIED = register(
    "learning.verified_certificate",
    select(*_CERTIFICATE).where(
        Certificate.institution_id == institution, Certificate.code == bindparam("code")
    ),
)
"""A certificate, for whoever has its code."""

RULE = register(
    "learning.certificate_rule",
    select(
        CertificateRule.container_id.label("container"),
        CertificateRule.average,
        CertificateRule.items,
        CertificateRule.row_version,
    ).where(
        CertificateRule.institution_id == institution,
        CertificateRule.container_id == _ID,
        inside_reachable(CertificateRule.container_id),
    ),
)

_earned: Any = (
    select(func.count())
    .select_from(Certificate)
    .where(
        Certificate.institution_id == institution,
        Certificate.container_id == CertificateRule.container_id,
    )
    .scalar_subquery()
    .label("earned")
)
ALL_RULES = register(
    "learning.certificate_rules",
    select(
        CertificateRule.container_id.label("id"),
        Container.title,
        CertificateRule.average,
        CertificateRule.items,
        CertificateRule.updated_at,
        _earned,
    )
    .join(
        Container,
        and_(
            Container.institution_id == CertificateRule.institution_id,
            Container.id == CertificateRule.container_id,
        ),
    )
    .where(
        CertificateRule.institution_id == institution,
        Container.institution_id == institution,
        Container.state != "trashed",
        container_reachable,
        CertificateRule.container_id > bindparam("after"),
    )
    .order_by(CertificateRule.container_id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The courses that give certificates, what they ask, and how many have earned one."""

EARNED = register(
    "learning.certificates_of_course",
    select(
        Certificate.id,
        Certificate.user_id.label("user"),
        Certificate.name,
        Certificate.number,
        Certificate.average,
        Certificate.issued_at,
    )
    .where(
        Certificate.institution_id == institution,
        Certificate.container_id == bindparam("container"),
        Certificate.id > bindparam("after"),
        inside_reachable(Certificate.container_id),
    )
    .order_by(Certificate.id)
    .limit(bindparam("limit")),
)
"""Who has earned the certificate of a course, by the name of that day; not the code of it."""

LESSONS = register(
    "learning.counted_lessons",
    select(Item.id, Item.title, Item.kind)
    .where(
        Item.institution_id == institution,
        Item.container_id == bindparam("container"),
        Item.kind.in_(COUNTED),
        item_shown,
        inside_reachable(Item.container_id),
    )
    .order_by(Item.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The lessons of a course that a certificate can ask for."""
