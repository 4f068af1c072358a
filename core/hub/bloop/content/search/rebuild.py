"""Making the indexes anew: a job names all content by ranges of ids, in events among the others.

So a rebuild needs no lock and no second index: whoever keeps an index takes it in the order of the
log, a document at a time, and what is there answers meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy import func, select

import bloop.content.search.topics  # noqa: F401 - declares what is said here
from bloop.content.models import Container, Item
from bloop.content.search.documents import ANALYSER
from bloop.content.search.index import OWNER
from bloop.content.search.queries import ANY_CONTAINER, ANY_DOCUMENT, OLD_DOCUMENT
from bloop.events.queries import CONSUMER, NEWEST
from bloop.jobs.ledger import enqueue, unfinished
from bloop.store.commands import command
from bloop.store.database import Database, in_unit
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

REBUILD_JOB = "content.search_rebuild"
AT_ONCE = 100
"""So many documents are written in one transaction: on SQLite everybody else waits for it."""
LOOK_SECONDS = 0.25

Progress = Callable[[int, int | None, str], None]


@command("content:write")
def ask_for_rebuild(unit: UnitOfWork) -> str:
    """The id of the job that has this institution's indexes made anew, asked for now or before."""
    return unfinished(unit, REBUILD_JOB) or enqueue(unit, REBUILD_JOB, {})


async def rebuild(
    database: Database, call: Call, everybody: Call, job: str, progress: Progress
) -> dict[str, int]:
    """Name all content, and wait until the index in the database has taken it; how much it was.

    ``everybody`` is a call for every institution.
    """
    total = await asyncio.to_thread(_count, database, call)
    ends = [(await _say(database, call, job, "begun"), 0)]
    after, named = "", 0
    while ids := await asyncio.to_thread(_next, database, call, after):
        named += len(ids)
        ends.append((await _say(database, call, job, "range", after=after, upto=ids[-1]), named))
        after = ids[-1]
        progress(0, total, f"{named} named")
    ends.append((await _say(database, call, job, "done"), named))
    total = named
    while ends:
        row = await database.read_one(CONSUMER, everybody, name=OWNER, number=0)
        position = row[0] if row else 0
        done = max((count for place, count in ends if place <= position), default=0)
        progress(done, total, "")
        if position >= ends[-1][0]:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return {"documents": named}


async def is_due(database: Database, call: Call) -> bool:
    """Whether the index in the database is of other words than this version's, or is not there."""
    if await database.read(OLD_DOCUMENT, call, analyser=ANALYSER):
        return True
    if await database.read(ANY_DOCUMENT, call):
        return False
    return bool(await database.read(ANY_CONTAINER, call))


async def _say(database: Database, call: Call, job: str, what: str, **payload: str) -> int:
    """Say an event; a place in the log that it does not come behind."""
    await database.run(in_unit, database, call, _append, job, what, payload)
    row = await database.read_one(NEWEST, call, after=0)
    assert row is not None, "something has just been said"
    return int(row[0])


@command("content:write")
def _append(unit: UnitOfWork, job: str, what: str, payload: dict[str, str]) -> None:
    unit.outbox.append(f"content.index.{what}", f"index:{job}", {"rebuild": job, **payload})


def _next(database: Database, call: Call, after: str) -> list[str]:
    found: list[str] = []
    with database.reading(call) as unit:
        for model in (Item, Container):
            found += unit.session.scalars(
                select(model.id)
                .where(model.institution_id == unit.institution, model.id > after)
                .order_by(model.id)
                .limit(AT_ONCE)
            )
    return sorted(found)[:AT_ONCE]


def _count(database: Database, call: Call) -> int:
    with database.reading(call) as unit:
        return sum(
            unit.session.scalar(
                select(func.count(model.id)).where(model.institution_id == unit.institution)
            )
            or 0
            for model in (Item, Container)
        )
