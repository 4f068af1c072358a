"""Registered reads of how a class is doing, for who teaches it.

Learners are those who are enrolled; what they know is read of the concepts alone that the course
teaches or asks about.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, case, func, or_, select

from bloop.content.enrolling.learners import learners_of
from bloop.content.enrolling.visibility import (
    inside_reachable,
    item_shown,
    item_visible,
    with_container,
)
from bloop.content.models import Container, Item
from bloop.graph.models import Concept, Coverage, Role, Standing
from bloop.learning.models import Answer, Mastery
from bloop.learning.progress.models import ItemProgress
from bloop.learning.progress.queries import COUNTED
from bloop.learning.quizzes.models import FINISHED, Attempt
from bloop.store.listing import is_one_of
from bloop.store.statements import Statement, institution, register

_COURSE: Any = bindparam("container")
_KNOWN: Any = bindparam("from_p")
_WEAK: Any = bindparam("below_p")

_who: Any = learners_of(_COURSE).cte("who")


def _among(user: Any) -> Any:
    return user.in_(select(_who.c.id))


def _of_item(model: Any) -> Any:
    return and_(model.institution_id == Item.institution_id, model.item_id == Item.id)


_lesson: Any = (
    Item.institution_id == institution,
    Item.container_id == _COURSE,
    Item.kind.in_(COUNTED),
    item_shown,
)
_done: Any = (
    select(
        ItemProgress.user_id.label("user"),
        func.count(ItemProgress.done_at).label("done"),
        func.count().label("begun"),
        func.max(func.coalesce(ItemProgress.done_at, ItemProgress.opened_at)).label("at"),
    )
    .join(Item, _of_item(ItemProgress))
    .where(
        ItemProgress.institution_id == institution,
        _among(ItemProgress.user_id),
        *_lesson,
    )
    .group_by(ItemProgress.user_id)
    .subquery("done")
)
_answered: Any = (
    select(Answer.user_id.label("user"), func.max(Answer.at).label("at"))
    .join(Item, _of_item(Answer))
    .where(
        Answer.institution_id == institution,
        Item.institution_id == institution,
        Item.container_id == _COURSE,
        _among(Answer.user_id),
    )
    .group_by(Answer.user_id)
    .subquery("answered")
)
_covered: Any = (
    select(Coverage.concept_id)
    .join(Item, _of_item(Coverage))
    .where(
        Coverage.institution_id == institution,
        Item.institution_id == institution,
        Item.container_id == _COURSE,
        Item.state != "trashed",
        Coverage.role.in_((Role.TEACHES.value, Role.ASSESSES.value)),
        Coverage.standing != Standing.REJECTED.value,
    )
)
_holds: Any = and_(
    Concept.institution_id == institution,
    Concept.standing != Standing.REJECTED.value,
    Concept.id.in_(_covered),
)
_is_known: Any = case((Mastery.p >= _KNOWN, 1), else_=0)
_knows: Any = (
    select(
        Mastery.user_id.label("user"),
        func.sum(_is_known).label("known"),
        func.count().label("asked"),
    )
    .where(
        Mastery.institution_id == institution,
        Mastery.concept_id.in_(select(Concept.id).where(_holds)),
        _among(Mastery.user_id),
    )
    .group_by(Mastery.user_id)
    .subquery("knows")
)
_lessons: Any = select(func.count(Item.id)).where(*_lesson).scalar_subquery()

LEARNERS_PROGRESS = register(
    "learning.class_progress",
    select(
        _who.c.id,
        _who.c.name,
        _lessons.label("lessons"),
        func.coalesce(_done.c.done, 0).label("done"),
        func.coalesce(_done.c.begun, 0).label("begun"),
        func.coalesce(_knows.c.known, 0).label("known"),
        func.coalesce(_knows.c.asked, 0).label("asked"),
        _done.c.at.label("progressed_at"),
        _answered.c.at.label("answered_at"),
    )
    .select_from(_who)
    .outerjoin(_done, _done.c.user == _who.c.id)
    .outerjoin(_answered, _answered.c.user == _who.c.id)
    .outerjoin(_knows, _knows.c.user == _who.c.id)
    .where(inside_reachable(_COURSE))
    .order_by(_who.c.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""Who learns in a course, and how far each is: lessons done, concepts known, when last seen."""

_about: Any = and_(
    Mastery.institution_id == Concept.institution_id,
    Mastery.concept_id == Concept.id,
    _among(Mastery.user_id),
)
SPREAD = register(
    "learning.class_mastery",
    select(
        Concept.id,
        Concept.name,
        func.coalesce(func.sum(_is_known), 0).label("known"),
        func.coalesce(func.sum(case((Mastery.p < _WEAK, 1), else_=0)), 0).label("weak"),
        func.count(Mastery.user_id).label("answered"),
    )
    .select_from(Concept)
    .outerjoin(Mastery, _about)
    .where(
        _holds,
        or_(Mastery.institution_id.is_(None), Mastery.institution_id == institution),
        inside_reachable(_COURSE),
    )
    .group_by(Concept.id, Concept.name)
    .order_by(Concept.name, Concept.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The concepts of a course, and how many of its learners know each, are weak, and answered."""

_attempts: Any = func.count()
_best: Any = func.max(Attempt.score)
_mark: Any = func.max(Item.data["pass_mark"].as_float())
"""From which share a quiz itself says that it is passed; else ``passed`` does."""
TRIES = register(
    "learning.class_tries",
    select(
        Attempt.user_id.label("user"),
        Item.id.label("item"),
        Item.title,
        _attempts.label("tries"),
        _best.label("best"),
    )
    .join(Item, _of_item(Attempt))
    .where(
        Attempt.institution_id == institution,
        Attempt.status == FINISHED,
        _among(Attempt.user_id),
        *_lesson,
        inside_reachable(Item.container_id),
    )
    .group_by(Attempt.user_id, Item.id, Item.title)
    .having(_attempts >= bindparam("tries"), _best < func.coalesce(_mark, bindparam("passed")))
    .order_by(_attempts.desc(), Item.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""Quizzes of a course that somebody tried several times and has not passed."""

_finish: Any = (ItemProgress.user_id.label("user"), ItemProgress.done_at.label("at"))
DONE_SINCE = register(
    "learning.class_done_since",
    select(*_finish)
    .join(Item, _of_item(ItemProgress))
    .where(
        ItemProgress.institution_id == institution,
        is_one_of(ItemProgress.user_id, "users"),
        ItemProgress.done_at >= bindparam("since"),
        *_lesson,
        inside_reachable(Item.container_id),
    ),
    heavy=True,
)
"""When some learners finished lessons of a course."""

_lesson_on: Any = (
    Coverage.concept_id.label("concept"),
    Item.id.label("item"),
    Item.title,
    Item.kind,
    Item.container_id.label("container"),
    Container.title.label("course"),
)


def _teaching(name: str, *conditions: Any) -> Statement:
    return register(
        name,
        select(*_lesson_on)
        .join_from(Coverage, Item, _of_item(Coverage))
        .join(Container, with_container)
        .where(
            Coverage.institution_id == institution,
            Item.institution_id == institution,
            Container.institution_id == institution,
            is_one_of(Coverage.concept_id, "ids"),
            Coverage.role == Role.TEACHES.value,
            Coverage.standing != Standing.REJECTED.value,
            *conditions,
        )
        .order_by(Item.container_id != _COURSE, Coverage.weight.desc(), Item.id)
        .limit(bindparam("limit")),
        heavy=True,
    )


TEACHING = _teaching(
    "learning.lessons_teaching",
    inside_reachable(Item.container_id),
    Item.state != "trashed",
    Container.state != "trashed",
)
TEACHING_SHOWN = _teaching("learning.lessons_teaching_shown", item_visible)
"""The lessons that teach some concepts, those of a course first: all, and those one may see."""
