"""Edits on both sides in any order, with syncs, sends and kills between them: none is lost."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bloop.content.models import Item
from bloop.content.notes import service
from bloop.content.notes.texts import text_of
from bloop.kernel.models import Connection
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from bloop.store.keyring import KeyFile
from bloop_sdk import NoteWrite
from tests.content.both_ways import Pair
from tests.content.course import connect
from tests.support.database import make_call, sqlite_template
from tests.support.desk import Desk

BASE = "\n\n".join(f"base{n}" for n in range(4)) + "\n"
TOKEN = re.compile(r"(?:here|there)\d+")
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["here", "here", "there", "there", "sync", "send", "lost", "drop here", "drop there"]
        ),
        st.integers(0, 8),
        st.booleans(),
    ),
    min_size=2,
    max_size=9,
)


class Lost(BaseException):
    """The process ends."""


def edited(markdown: str, token: str, place: int, *, replace: bool) -> str:
    """A paragraph more, or one of the first text replaced."""
    parts = markdown.rstrip("\n").split("\n\n") if markdown.strip() else []
    place = min(place, len(parts))
    if replace and place < len(parts) and parts[place].startswith("base"):
        parts[place] = token
    else:
        parts.insert(place, token)
    return "\n\n".join(parts) + "\n"


class Run:
    """One run, with what was written on either side, and what its writer has deleted since."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.written: set[str] = set()
        self.number = 0

    async def do(self, action: str, place: int, replace: bool) -> None:
        self.number += 1
        token = f"{action}{self.number}"
        if action == "here":
            self._here(token, place, replace)
        elif action == "there":
            self._there(token, place, replace)
        elif action == "sync":
            await self.pair.sync(confirm_deletes=True)
        elif action == "send":
            await self.pair.send()
        elif action == "lost":
            await self._lost()
        elif action == "drop here":
            self._drop_here(place)
        else:
            self._drop_there(place)

    def _notes(self) -> list[Item]:
        return self.pair.all(Item, Item.kind == "note", Item.state == "active")

    def _here(self, token: str, place: int, replace: bool) -> None:
        notes = self._notes()
        if not notes:
            return
        row = notes[place % len(notes)]
        markdown = edited(text_of(row).markdown, token, place, replace=replace)
        self.pair.command(service.edit, row.id, row.row_version, {"markdown": markdown})
        self.written.add(token)

    def _there(self, token: str, place: int, replace: bool) -> None:
        sheets = list(self.pair.desk.sheets.values())
        if not sheets:
            return
        sheet = sheets[place % len(sheets)]
        markdown = edited(sheet.markdown, token, place, replace=replace)
        self.pair.desk.change(sheet.id, markdown=markdown)
        self.written.add(token)

    async def _lost(self) -> None:
        """The other side has it, and whoever asked dies before it hears so."""

        def die(_op: object) -> None:
            self.pair.desk.after = lambda _op: None
            raise Lost

        self.pair.desk.after = die
        with contextlib.suppress(Lost):
            await self.pair.send()
        self.pair.desk.after = lambda _op: None

    def _drop_here(self, place: int) -> None:
        notes = self._notes()
        if notes:
            row = notes[place % len(notes)]
            self.pair.command(service.delete, row.id, row.row_version)
            self.written -= set(TOKEN.findall(text_of(row).markdown))

    def _drop_there(self, place: int) -> None:
        sheets = list(self.pair.desk.sheets.values())
        if sheets:
            sheet = sheets[place % len(sheets)]
            self.pair.desk.remove(sheet.id)
            self.written -= set(TOKEN.findall(sheet.markdown))

    async def end(self) -> None:
        """Both sides come to rest, hold the same, and hold all that was written."""
        for _ in range(4):
            await self.pair.sync(confirm_deletes=True)
            await self.pair.send()
        await self.pair.calm()
        texts = [sheet.markdown for sheet in self.pair.desk.sheets.values()]
        there = {token for text in texts for token in TOKEN.findall(text)}
        here = {t for row in self._notes() for t in TOKEN.findall(text_of(row).markdown)}
        assert here == there
        assert self.written <= here
        for token in here:
            # Twice where both changed the same beside it, and never for a write that was retried.
            titles = [s.title for s in self.pair.desk.sheets.values() if token in s.markdown]
            assert len(titles) == len(set(titles)), titles


def desk_pair(database, blobs, call, command, connection: str, folder: Path) -> Pair:
    del folder
    desk = Desk()
    desk.add("First", BASE)
    return Pair(database, blobs, call, command, connection, desk)


async def scenario(actions, template: Path, folder: Path, pair_of=desk_pair) -> None:
    shutil.copy(template, folder / "bloop.db")
    url, call = f"sqlite:///{folder / 'bloop.db'}", make_call()
    database = Database(url, url, key_source=KeyFile(folder / "master.key"))
    try:
        connection = connect(database, call)
        with database.unit(call) as unit:
            row = unit.get(Connection, connection)
            row.state, row.writes = "active", sorted(map(str, NoteWrite))

        def command(function, *args, **kwargs):
            with database.unit(call) as unit:
                found = function(unit, *args, **kwargs)
                unit.session.flush()
                unit.session.expunge_all()
                return found

        pair = pair_of(database, Blobs(folder / "blobs"), call, command, connection, folder)
        await pair.sync()
        run = Run(pair)
        for action in actions:
            await run.do(*action)
        await run.end()
    finally:
        await database.close()


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_no_edit_is_ever_lost(run_folder, actions):
    template = sqlite_template(run_folder)
    with tempfile.TemporaryDirectory(dir=run_folder) as folder:
        asyncio.run(scenario(actions, template, Path(folder)))
