"""Registered reads of recommendations: what changed, and what of a list is still to be opened."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, func, literal, or_, select

from bloop.accounts.models import User
from bloop.content.enrolling.visibility import item_visible, with_container
from bloop.content.models import Container, Item
from bloop.graph.models import Concept, Coverage, GraphState, Role, Standing
from bloop.learning.mastery.models import Learner
from bloop.learning.models import Answer, Mastery
from bloop.learning.progress.models import Goal, ItemProgress
from bloop.learning.recommend.models import RecommendationRule, RecommendationState
from bloop.learning.reviews.models import ReviewCard, ReviewModel
from bloop.store.listing import is_one_of
from bloop.store.statements import institution, reader, register

_nothing = select(literal(1).label("one")).subquery("sub_one")


_versions: Any = (
    func.coalesce(GraphState.version, 0).label("graph"),
    func.coalesce(Learner.version, 0).label("learner"),
    func.coalesce(Learner.followed, 0).label("followed"),
    func.coalesce(Learner.answers, 0).label("answers"),
    func.coalesce(Learner.right, 0).label("right"),
    func.coalesce(Learner.surplus, 0.0).label("surplus"),
    func.coalesce(RecommendationState.version, 0).label("rules"),
    RecommendationState.tried,
    select(ReviewModel.id)
    .where(ReviewModel.institution_id == institution)
    .order_by(ReviewModel.made_at.desc(), ReviewModel.id.desc())
    .limit(1)
    .scalar_subquery()
    .label("model"),
    select(func.aggregate_strings(Goal.subject_id, " "))
    .where(Goal.institution_id == institution, Goal.user_id == reader)
    .scalar_subquery()
    .label("goals"),
)
VERSIONS = register(
    "learning.next_versions",
    select(*_versions)
    .select_from(_nothing)
    .outerjoin(GraphState, GraphState.institution_id == institution)
    .outerjoin(Learner, and_(Learner.institution_id == institution, Learner.user_id == reader))
    .outerjoin(RecommendationState, RecommendationState.institution_id == institution),
)
"""By which a list is known to be as it was: always one row, of 0 and None where nothing is."""


class Versions(NamedTuple):
    """The row of :data:`VERSIONS`: the graph's and the learner's version, and so on."""

    graph: int
    learner: int
    followed: int
    answers: int
    right: int
    surplus: float
    rules: int
    tried: str | None
    model: str | None
    goals: str | None


_open: Any = (
    Item.id,
    Item.title,
    Item.kind,
    Item.container_id.label("container"),
    Container.title.label("course"),
    ItemProgress.done_at.is_not(None).label("done"),
)


def _may_open(*more: Any) -> Any:
    return (
        select(*_open, *more)
        .join_from(Item, Container, with_container)
        .outerjoin(
            ItemProgress,
            and_(
                ItemProgress.institution_id == institution,
                ItemProgress.user_id == reader,
                ItemProgress.item_id == Item.id,
            ),
        )
        .where(
            Item.institution_id == institution,
            Container.institution_id == institution,
            is_one_of(Item.id, "ids"),
            item_visible,
        )
    )


OPEN = register("learning.next_open", _may_open())
"""Of some items those that whoever asks may open, and whether they have done them."""

_best: Any = (
    select(func.max(Answer.score))
    .where(
        Answer.institution_id == institution,
        Answer.user_id == reader,
        Answer.item_id == Item.id,
    )
    .correlate(Item)
    .scalar_subquery()
    .label("best")
)
OPEN_TRIED = register("learning.next_open_tried", _may_open(_best))
"""The same, with the best score of each that whoever asks has answered."""

_rule: Any = (
    RecommendationRule.item_id.label("item"),
    RecommendationRule.scope,
    RecommendationRule.act,
    RecommendationRule.position,
    Item.container_id.label("container"),
    Item.title,
    Concept.name.label("concept_name"),
    RecommendationRule.at,
    User.name.label("by"),
)
RULES = register(
    "learning.next_rules",
    select(*_rule)
    .join_from(
        RecommendationRule,
        Item,
        (Item.institution_id == RecommendationRule.institution_id)
        & (Item.id == RecommendationRule.item_id),
    )
    .outerjoin(
        Concept,
        (Concept.institution_id == RecommendationRule.institution_id)
        & (Concept.id == RecommendationRule.scope),
    )
    .outerjoin(
        User,
        (User.institution_id == RecommendationRule.institution_id)
        & (User.id == func.substr(RecommendationRule.actor, len("user:") + 1)),
    )
    .where(
        RecommendationRule.institution_id == institution,
        Item.institution_id == institution,
        or_(Concept.institution_id.is_(None), Concept.institution_id == institution),
        or_(User.institution_id.is_(None), User.institution_id == institution),
        Item.container_id == bindparam("container"),
    )
    .order_by(RecommendationRule.act, RecommendationRule.position, RecommendationRule.item_id)
    .limit(bindparam("limit")),
    heavy=True,
    whole="the route asks first whether the course is for whoever asks",
)
"""What was said of the items of a course, and by whom: no name where no user said it."""

_CHOOSES = "the hub chooses by it among items, and shows those that are in OPEN alone"

# What speaks for each candidate, of whoever asks. All of it runs in a thread.

_known: Any = (Mastery.concept_id, Mastery.p, Mastery.answers)
_own = (Mastery.institution_id == institution, Mastery.user_id == reader)
OWN_MASTERY = register("learning.next_own_mastery", select(*_known).where(*_own), heavy=True)
"""What whoever asks knows."""

OWN_NEW_MASTERY = register(
    "learning.next_own_new_mastery",
    select(*_known)
    .where(*_own, Mastery.version > bindparam("since"))
    .order_by(Mastery.version, Mastery.concept_id)
    .limit(bindparam("limit")),
)
"""What of that was written since a version of theirs, as long as answers alone were taken in."""

_card: Any = (
    ReviewCard.concept_id,
    ReviewCard.item_id,
    ReviewCard.part,
    ReviewCard.stability,
    ReviewCard.due,
    ReviewCard.at,
)
OWN_DUE = register(
    "learning.next_own_due",
    select(*_card)
    .where(
        ReviewCard.institution_id == institution,
        ReviewCard.user_id == reader,
        ReviewCard.due <= bindparam("now"),
    )
    .order_by(ReviewCard.due, ReviewCard.subject)
    .limit(bindparam("limit")),
)
"""What is due, the longest overdue first."""

_parameters: Any = ReviewModel.parameters
REVIEW_MODEL = register(
    "learning.next_review_model",
    select(_parameters).where(
        ReviewModel.institution_id == institution, ReviewModel.id == bindparam("id")
    ),
)
"""By which cards foretell."""

_coverage: Any = (
    Coverage.concept_id,
    Coverage.item_id,
    Coverage.part,
    Coverage.role,
    Coverage.weight,
)
COVERING = register(
    "learning.next_covering",
    select(*_coverage)
    .where(
        Coverage.institution_id == institution,
        is_one_of(Coverage.concept_id, "ids"),
        Coverage.role.in_((Role.TEACHES.value, Role.ASSESSES.value)),
        Coverage.standing != Standing.REJECTED.value,
    )
    .order_by(Coverage.weight.desc(), Coverage.item_id, Coverage.part),
    heavy=True,
    whole=_CHOOSES,
)
"""The items of some concepts, whoever may open them: :data:`OPEN` says who may."""

_ruled: Any = (
    RecommendationRule.item_id,
    RecommendationRule.scope,
    RecommendationRule.act,
    RecommendationRule.position,
)
ALL_RULES = register(
    "learning.next_all_rules",
    select(*_ruled)
    .where(RecommendationRule.institution_id == institution)
    .order_by(RecommendationRule.item_id, RecommendationRule.scope),
    heavy=True,
    whole=_CHOOSES,
)
"""What was said of any item."""
