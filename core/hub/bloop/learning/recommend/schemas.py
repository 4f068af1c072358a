"""What the API takes and gives of recommendations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Id = Annotated[str, Field(min_length=1, max_length=60)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Reason(_Model):
    """Why: the kind, the sentence, and the facts behind it."""

    kind: Literal["next", "weak", "due", "pinned", "course"]
    text: str = Field(examples=["You know Atom; Bond is next on the way to Acid."])
    facts: dict[str, Any]


class RecommendationOut(_Model):
    """An item to open next; ``part`` names a question of it, ``ranker`` who chose it."""

    item: str
    part: str
    title: str
    item_kind: str
    container: str
    course: str
    concept: str | None
    score: float
    ranker: str
    reason: Reason


class NextList(_Model):
    """A list as it is logged under ``list_id``; asked again within a minute it is the same one."""

    list_id: str
    goal: str | None
    items: list[RecommendationOut]


class OpenedIn(_Model):
    """The item of a list that was opened."""

    item: Id


class RuleIn(_Model):
    """What is said of an item: for a concept, or without one whatever it is recommended for."""

    act: Literal["pin", "hide", "order"]
    concept: Annotated[str, Field(max_length=60)] = ""
    position: Annotated[int, Field(ge=0, le=1000)] = 0


class RuleOut(_Model):
    """What was said of an item; ``by`` is the name of the user who said it last, if one did."""

    item: str
    scope: str = Field(description="A concept's id, or empty")
    act: str
    position: int
    container: str
    title: str
    concept_name: str | None
    at: datetime
    by: str | None


class RuleList(_Model):
    """What was said of a course's items."""

    items: list[RuleOut]


class PreviewList(_Model):
    """What a learner of a course would be shown of it now; it is not logged."""

    learner: Id
    name: str
    items: list[RecommendationOut]


class ComparisonIn(_Model):
    """The ranker to compare the usual one with; null ends a comparison."""

    ranker: Literal["order"] | None
