"""Registered reads of recommendations: what changed, and what of a list is still to be opened."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from bloop.content.enrolling.visibility import item_visible, with_container
from bloop.content.models import Container, Item
from bloop.learning.mastery.models import Learner
from bloop.learning.recommend.models import RecommendationRule, RecommendationState
from bloop.store.listing import is_one_of
from bloop.store.statements import institution, reader, register

VERSIONS = register(
    "recommend.versions",
    select(
        select(Learner.version)
        .where(Learner.institution_id == institution, Learner.user_id == reader)
        .scalar_subquery()
        .label("learner"),
        select(RecommendationState.version)
        .where(RecommendationState.institution_id == institution)
        .scalar_subquery()
        .label("rules"),
        select(RecommendationState.tried)
        .where(RecommendationState.institution_id == institution)
        .scalar_subquery()
        .label("tried"),
    ),
)
"""By which a list is known to be as it was; each is None where nothing was ever written."""

OPEN = register(
    "recommend.open",
    select(
        Item.id,
        Item.title,
        Item.kind,
        Item.container_id.label("container"),
        Container.title.label("course"),
    )
    .join_from(Item, Container, with_container)
    .where(
        Item.institution_id == institution,
        Container.institution_id == institution,
        is_one_of(Item.id, "ids"),
        item_visible,
    ),
)
"""Of some items those that whoever asks may open."""

_rule: Any = (
    RecommendationRule.item_id.label("item"),
    RecommendationRule.scope,
    RecommendationRule.act,
    RecommendationRule.position,
    Item.container_id.label("container"),
    Item.title,
)
RULES = register(
    "recommend.rules",
    select(*_rule)
    .join_from(
        RecommendationRule,
        Item,
        (Item.institution_id == RecommendationRule.institution_id)
        & (Item.id == RecommendationRule.item_id),
    )
    .where(
        RecommendationRule.institution_id == institution,
        Item.institution_id == institution,
        Item.container_id == bindparam("container"),
    )
    .order_by(RecommendationRule.act, RecommendationRule.position, RecommendationRule.item_id)
    .limit(bindparam("limit")),
    heavy=True,
    whole="the route asks first whether the course is for whoever asks",
)
"""What was said of the items of a course."""
