"""The plugin of the fault tests: changes with events and jobs, and effects that can be counted.

``POST /x/flow/change`` changes one of some aggregates, says so in the same commit, and may ask for
a job. ``flow.effects`` writes a row for each event, ``flow.deliveries`` a line of a file outside,
and a job a row as it begins, which it completes as it ends.

A file named for an instant in the folder ``FLOW_FOLDER`` is a trap: the first process to come by
takes it and stands still, so that it can be killed right there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

AGGREGATES = 12
INSTANTS = (
    "asked",  # A request is in the middle of its transaction.
    "committing",  # Its rows, events and job are written, the commit is not.
    "committed",  # It is committed, the answer is not on its way.
    "effect",  # A consumer has written its effect, in the transaction of its position.
    "effect_committed",
    "delivered",  # An event is outside, its position is not written.
    "job_began",
    "job_done",  # A job has done its work, and the ledger does not know.
)
JOB_INSTANTS = ("job_began", "job_done")

TRAPS = """
import os
import time
from pathlib import Path

FOLDER = Path(os.environ["FLOW_FOLDER"])


def trap(instant):
    try:
        (FOLDER / f"{instant}.set").rename(FOLDER / f"{instant}.{os.getpid()}")
    except FileNotFoundError:
        return
    time.sleep(60)
"""

TABLES = """
from sqlalchemy import event, select
from sqlalchemy.orm import Mapped, mapped_column

from bloop_flow.traps import trap
from bloop_sdk.tables import ID, plugin_base

Base = plugin_base("flow")
metadata = Base.metadata


class Aggregate(Base):
    __tablename__ = "flow_aggregate"
    name: Mapped[str] = mapped_column(ID, primary_key=True)
    number: Mapped[int]


class Change(Base):
    __tablename__ = "flow_change"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(ID)
    aggregate: Mapped[str] = mapped_column(ID)
    number: Mapped[int]
    work: Mapped[bool]


class Effect(Base):
    __tablename__ = "flow_effect"
    id: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(ID)
    aggregate: Mapped[str] = mapped_column(ID)
    number: Mapped[int]
    at: Mapped[float]
    pid: Mapped[int]


class Run(Base):
    __tablename__ = "flow_run"
    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(ID)
    key: Mapped[str] = mapped_column(ID)
    pid: Mapped[int]
    began: Mapped[float]
    ended: Mapped[float | None]


def prepare(unit, number):
    for n in range(number):
        unit.session.add(Aggregate(name=f"a{n}", number=0))


def change(unit, key, aggregate, work):
    row = unit.session.scalars(
        select(Aggregate).where(Aggregate.name == aggregate).with_for_update()
    ).one()
    row.number += 1
    made = Change(key=key, aggregate=aggregate, number=row.number, work=work is not None)
    unit.session.add(made)
    unit.session.flush()
    trap("asked")
    unit.emit("flow.changed", f"flow:{aggregate}", {"number": row.number, "key": key})
    if work is not None:
        unit.enqueue("work", {"key": key, "seconds": work}, key=key)
    at(unit, "before_commit", "committing")
    at(unit, "after_commit", "committed")
    return row.number


def at(unit, moment, instant):
    # The hub's own session, since it is that which commits.
    event.listen(unit.unit.session, moment, lambda _session: trap(instant), once=True)
"""

VIEWS = """
import os

from bloop_flow import tables


async def prepare(request, ctx):
    await ctx.transaction(tables.prepare, (await request.json())["aggregates"])
    return {}


async def change(request, ctx):
    asked = await request.json()
    number = await ctx.transaction(tables.change, asked["key"], asked["aggregate"], asked["work"])
    return {"number": number}


async def hello(request, ctx):
    return {"pid": os.getpid()}
"""

WORK = """
import asyncio
import os
import time

from bloop_flow.tables import Effect, Run, at
from bloop_flow.traps import FOLDER, trap


def take(unit, event):
    said = {"aggregate": event.aggregate, "number": event.payload["number"]}
    unit.session.add(Effect(event=event.id, at=time.time(), pid=os.getpid(), **said))
    unit.session.flush()
    trap("effect")
    at(unit, "after_commit", "effect_committed")


async def deliver(ctx, event):
    at = time.time()
    line = f"{event.id} {event.aggregate} {event.payload['number']} {os.getpid()} {at}\\n"
    with (FOLDER / "deliveries").open("a") as out:
        out.write(line)
    trap("delivered")


async def run(ctx, payload):
    id_ = await ctx.transaction(began, ctx.job, payload["key"])
    trap("job_began")
    await asyncio.sleep(payload["seconds"])
    await ctx.transaction(ended, id_)
    trap("job_done")


def began(unit, job, key):
    row = Run(job=job, key=key, pid=os.getpid(), began=time.time())
    unit.session.add(row)
    unit.session.flush()
    return row.id


def ended(unit, id_):
    unit.session.get_one(Run, id_).ended = time.time()
"""

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
TEXT = sa.String(36)


def upgrade():
    make("aggregate", sa.Column("name", TEXT, primary_key=True), number())
    make("change", identity(), text("key"), text("aggregate"), number(),
         sa.Column("work", sa.Boolean, nullable=False))
    make("effect", identity(), text("event"), text("aggregate"), number(), time("at"), pid())
    make("run", identity(), text("job"), text("key"), pid(), time("began"),
         sa.Column("ended", sa.Float))


def make(name, *columns):
    op.create_table(f"flow_{name}", *columns, text("institution_id"))


def identity():
    return sa.Column("id", sa.Integer, primary_key=True)


def text(name):
    return sa.Column(name, TEXT, nullable=False)


def number():
    return sa.Column("number", sa.Integer, nullable=False)


def pid():
    return sa.Column("pid", sa.Integer, nullable=False)


def time(name):
    return sa.Column(name, sa.Float, nullable=False)
"""


def _route(path: str, handler: str, method: str = "POST") -> dict[str, Any]:
    handler = f"bloop_flow.views:{handler}"
    return {"path": path, "methods": [method], "handler": handler, "action": "content:read"}


def _consumer(name: str, handler: str) -> dict[str, Any]:
    handler = f"bloop_flow.work:{handler}"
    return {"name": name, "topics": ["flow.changed"], "handler": handler}


MANIFEST = {
    "contributes": {
        "tables": {"metadata": "bloop_flow.tables:metadata", "migrations": "bloop_flow.migrations"},
        "routes": [
            _route("/prepare", "prepare"),
            _route("/change", "change"),
            _route("/hello", "hello", "GET"),
        ],
        "consumers": [_consumer("effects", "take"), _consumer("deliveries", "deliver")],
        # One that is killed each time it is tried would be given up after its attempts.
        "jobs": [{"kind": "work", "handler": "bloop_flow.work:run", "attempts": 20}],
    }
}


def write(site: Path) -> None:
    """Write the plugin's distribution into a folder, which is to be on PYTHONPATH."""
    from bloop_sdk.testing.distributions import write_plugin

    files = {
        "traps.py": TRAPS,
        "tables.py": TABLES,
        "views.py": VIEWS,
        "work.py": WORK,
        "migrations/__init__.py": "",
        "migrations/0001_flow.py": MIGRATION,
    }
    write_plugin(site, "flow", manifest=MANIFEST, files=files)


def set_trap(folder: Path, instant: str) -> None:
    """Have whoever comes to an instant next stand still there."""
    (folder / f"{instant}.set").touch()


def caught(folder: Path, instant: str) -> int | None:
    """The process that stands in a trap, if one does; it is forgotten."""
    for path in folder.glob(f"{instant}.[0-9]*"):
        path.unlink()
        return int(path.suffix[1:])
    return None
