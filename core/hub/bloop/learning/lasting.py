"""What learners did with items that would be deleted with them, and so keeps these from going.

Answers outlive their item; attempts, what was answered to reviews, and what is done do not.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select

from bloop.content.standing import DONE_WITH_ITEMS, count_rows
from bloop.learning.progress.models import ItemProgress
from bloop.learning.quizzes.models import Attempt
from bloop.learning.reviews.models import ReviewResponse
from bloop.store.unit import UnitOfWork

_LOST: tuple[tuple[Any, ...], ...] = (
    (Attempt,),
    (ReviewResponse,),
    (ItemProgress, ItemProgress.done_at.is_not(None)),
)


def done_with(unit: UnitOfWork, items: Select[str]) -> int:
    """How many attempts, responses and finished lessons there are of items."""
    return sum(
        count_rows(unit, model, model.item_id.in_(items), *conditions)
        for model, *conditions in _LOST
    )


if done_with not in DONE_WITH_ITEMS:
    DONE_WITH_ITEMS.append(done_with)
