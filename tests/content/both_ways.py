"""The hub and a system of notes, as the tests of both ways need them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bloop.content.engine import run_read
from bloop.content.models import Container, Item
from bloop.content.notes import service
from bloop.content.notes.models import Unsent
from bloop.content.notes.sending import Sending
from bloop.content.notes.texts import text_of
from bloop.content.notes.waiting import ask_for_send
from bloop.content.options import RunOptions
from bloop.kernel.models import Connection
from bloop.store.unit import UnitOfWork
from bloop_sdk.providers.content import ContentProvider
from tests.content.course import rows
from tests.support.desk import Desk, DeskProvider

THREE = "one\n\ntwo\n\nthree\n"


class Killed(BaseException):
    """The process ends."""


def die(_op: object) -> None:
    """End it."""
    raise Killed


@dataclass
class Pair:
    """The hub and a desk."""

    database: Any
    blobs: Any
    call: Any
    command: Any
    connection: str
    desk: Desk

    def provider(self) -> ContentProvider:
        """A new one for each run, as the hub makes them."""
        return DeskProvider(self.desk)

    async def sync(self, **options: Any) -> Any:
        return await run_read(
            self.database,
            self.blobs,
            self.provider(),
            self.call,
            connection=self.connection,
            options=RunOptions(**options),
        )

    async def send(self) -> dict[str, int]:
        job = self.command(self._ask)
        sending = Sending(
            self.database, self.blobs, self.provider(), self.call, self.connection, job
        )
        return await sending.run()

    async def send_unheard(self) -> None:
        """The desk has the first change, and the hub ends before it hears so."""
        self.desk.after = die
        with pytest.raises(Killed):
            await self.send()
        self.desk.after = lambda _op: None

    def _ask(self, unit: UnitOfWork) -> str:
        return str(ask_for_send(unit, unit.get(Connection, self.connection)))

    def all(self, model: type[Any], *conditions: Any) -> list[Any]:
        return rows(self.database, self.call, model, *conditions)

    def note(self, title: str) -> Item:
        [found] = self.all(Item, Item.title == title, Item.state == "active")
        return found

    def markdown(self, title: str) -> str:
        return text_of(self.note(title)).markdown

    def book(self) -> str:
        [found] = self.all(Container)
        return found.id

    def edit(self, name: str, /, **changes: Any) -> Item:
        row = self.note(name)
        return self.command(service.edit, row.id, row.row_version, changes)

    def waiting(self) -> list[tuple[str, str]]:
        return sorted((row.op, row.state) for row in self.all(Unsent))

    async def calm(self) -> None:
        """Nothing waits, both sides hold the same, and neither has anything for the other."""
        assert self.waiting() == []
        report = await self.sync()
        assert (report.written, report.deleted, report.quarantined) == (0, 0, 0), report
        held = {
            row.remote_id: text_of(row)
            for row in self.all(Item, Item.kind == "note", Item.state == "active")
            if row.connection_id
        }
        there = {s.id: (s.title, s.markdown, set(s.tags)) for s in self.desk.sheets.values()}
        assert {k: (t.title, t.markdown, set(t.tags)) for k, t in held.items()} == there
