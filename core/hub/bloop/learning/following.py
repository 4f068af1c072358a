"""What follows from answers in the same unit, and from changes of the graph after them.

Rows of mastery and of reviews are made of the log of answers and of the graph. So they don't depend
on the order in which answers were told, nor on when the graph was changed: a change has the people
whose answers it concerns made anew, at once where they are few, by a job where they are many.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import select

from bloop.events.handlers import Consumer
from bloop.graph.models import GraphChange
from bloop.graph.service import MERGED
from bloop.graph.writing import batches
from bloop.learning.answers import ON_ANSWERED, ON_TAKEN_BACK
from bloop.learning.log import AT_ONCE, heard, items_about, log_of
from bloop.learning.mastery import service as mastery
from bloop.learning.models import Answer
from bloop.learning.reviews import service as reviews
from bloop.learning.training import estimates
from bloop.store.unit import UnitOfWork
from bloop_sdk.events import Event

OWNER = "bloop:learning"
RENEW_JOB = "learning.renew"
SWITCHED = ("plugin.switched_on", "plugin.switched_off")
AT_HAND = 20
"""So many people are made anew with the event; more than that by a job."""

Enqueue = Callable[[UnitOfWork, str, dict[str, Any]], str]


def hear(unit: UnitOfWork, user: str, answers: Sequence[Answer]) -> None:
    """Have new answers of a user count, in the unit that records them."""
    learner = mastery.hold(unit, user)
    new = heard(unit, answers)
    mastery.follow(unit, learner, new)
    reviews.follow(unit, user, new)
    learner.version += 1
    unit.session.flush()


def renew(unit: UnitOfWork, user: str) -> None:
    """Make what a user knows and what is due anew, of all their answers."""
    learner = mastery.hold(unit, user)
    log = log_of(unit, user)
    mastery.renew(unit, learner, log)
    reviews.renew(unit, user, log)
    learner.version += 1
    unit.session.flush()


def consumer(enqueue: Enqueue) -> Consumer:
    """Who has people made anew whose answers a change of the graph concerns.

    It also has the model in use looked at once more, where an institution switched a plugin.
    """

    def take(unit: UnitOfWork, event: Event) -> None:
        if event.topic in SWITCHED:
            estimates.look_again(unit)
            return
        if event.topic == MERGED:
            # Not before: what is moved there comes to know of attempts, and these of this.
            from bloop.learning import merging

            merging.follow(unit, str(event.payload["id"]), str(event.payload["into"]))
            return
        items = sorted(changed_items(unit, int(event.payload["version"])))
        users = sorted(_concerned(unit, items))
        if len(users) > AT_HAND:
            enqueue(unit, RENEW_JOB, {"items": items})
            return
        for user in users:
            renew(unit, user)

    topics = ("learning.graph_changed", MERGED, *SWITCHED)
    return Consumer(OWNER, OWNER, topics, lambda: take, trusted=True)


def renew_after(unit: UnitOfWork, items: Sequence[str], after: str, limit: int) -> str | None:
    """Make some people behind ``after`` anew who answered these items; the last, or None."""
    users = sorted(user for user in _concerned(unit, items) if user > after)[:limit]
    for user in users:
        renew(unit, user)
    return users[-1] if users else None


def changed_items(unit: UnitOfWork, version: int) -> set[str]:
    """The items that answers may be about something else of, since a write of the graph."""
    items: set[str] = set()
    concepts: set[str] = set()
    changes: Any = select(
        GraphChange.subject, GraphChange.key, GraphChange.before, GraphChange.after
    ).where(
        GraphChange.institution_id == unit.institution,
        GraphChange.version == version,
        GraphChange.subject.in_(("concept", "concept_coverage")),
    )
    for subject, key, before, after in unit.session.execute(changes):
        first = json.loads(key)[0]
        if subject == "concept_coverage":
            items.add(first)
        elif before and after and before["standing"] != after["standing"]:
            concepts.add(first)
    return items | items_about(unit, concepts)


def _concerned(unit: UnitOfWork, items: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for some in batches(items, AT_ONCE):
        found.update(
            unit.session.scalars(
                select(Answer.user_id)
                .where(Answer.institution_id == unit.institution, Answer.item_id.in_(some))
                .distinct()
            )
        )
    return found


if hear not in ON_ANSWERED:
    ON_ANSWERED.append(hear)
if renew not in ON_TAKEN_BACK:
    ON_TAKEN_BACK.append(renew)
