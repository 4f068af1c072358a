"""Sends forms to a hub in this process, and says what each of them did to its database."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bloop.api.app import API, PAGES, create_edge, routes_of
from bloop.hub import Hub
from bloop.web.routes import error_page
from tests.web.filled import URL, Filled, quiet
from tests.web.forms import FoundForm, forms_of
from tests.web.inventory import PAGES as SHOWN
from tests.web.measure import BROWSER

Rows = list[tuple[Any, ...]]


@dataclass
class Sender:
    """A hub that forms are sent to. What one changes is taken back, so that all find the same."""

    hub: Hub
    filled: Filled
    _clients: dict[str | None, httpx.AsyncClient]
    _live: sqlite3.Connection
    _kept: sqlite3.Connection
    _before: dict[str, Rows] = field(default_factory=dict)
    _version: int = 0

    async def ask(self, role: str | None, path: str, **headers: str) -> httpx.Response:
        """A page, as a role sees it."""
        return await self._clients[role].get(path, headers=headers)

    async def forms(self) -> list[FoundForm]:
        """Every form of every page."""
        found = []
        for shown in SHOWN:
            if shown.framed:
                continue
            path = self.filled.path_of(shown.path)
            answer = await self.ask(shown.role, path)
            found += forms_of(shown.name, shown.role, path, answer.text)
        return found

    async def send(
        self, form: FoundForm, body: str | bytes, *, query: bool = False, **headers: str
    ) -> tuple[httpx.Response, set[str]]:
        """The answer to a form, and the tables that it changed, which are put back."""
        client = self._clients[form.role]
        if form.method == "GET":
            path = form.action.partition("?")[0]
            text = body if isinstance(body, str) else body.decode("latin-1")
            answer = await client.get(f"{path}?{text}", headers=headers)
        else:
            kind = {"content-type": "application/x-www-form-urlencoded"}
            answer = await client.post(form.action, content=body, headers=kind | headers)
        return answer, self._changed()

    def _changed(self) -> set[str]:
        """The tables that are other than they were, once they are put back."""
        (version,) = self._live.execute("pragma data_version").fetchone()
        if version == self._version:
            return set()
        changed = {
            table for table, rows in _contents(self._live) if not _same(rows, self._before[table])
        }
        if changed:
            self._kept.backup(self._live)
        (self._version,) = self._live.execute("pragma data_version").fetchone()
        return changed

    def keep(self) -> None:
        """Remember how the database is now."""
        self._live.backup(self._kept)
        self._before = dict(_contents(self._kept))
        (self._version,) = self._live.execute("pragma data_version").fetchone()


def _contents(database: sqlite3.Connection) -> Iterator[tuple[str, Rows]]:
    """Each table with its rows."""
    names = database.execute("select name from sqlite_master where type = 'table'").fetchall()
    for (name,) in names:
        if not name.startswith("sqlite_"):
            yield name, database.execute(f'select * from "{name}"').fetchall()


def _same(rows: Rows, before: Rows) -> bool:
    """Whether they are the same rows, in whatever order: most often in the one that they had."""
    return rows == before or sorted(map(repr, rows)) == sorted(map(repr, before))


@asynccontextmanager
async def sending(folder: Path, filled: Filled) -> AsyncIterator[Sender]:
    """A sender to the hub of a folder that is filled."""
    database = folder / "var" / "bloop.db"
    with closing(sqlite3.connect(database)) as live:
        # However long ago it was filled, each has just proved who they are.
        live.execute("update login_session set proved_at = strftime('%Y-%m-%d %H:%M:%f', 'now')")
        live.commit()
    async with quiet(folder) as hub:
        edge = create_edge(hub, error_page=error_page)
        edge.use(routes_of((*API, *PAGES)))
        edge.rates = None
        clients: dict[str | None, httpx.AsyncClient] = {}
        for role in {shown.role for shown in SHOWN}:
            clients[role] = httpx.AsyncClient(
                transport=httpx.ASGITransport(edge), base_url=URL, headers=BROWSER
            )
            if role is not None:
                clients[role].cookies.set(hub.sessions.cookie, filled.sessions[role])
        with (
            closing(sqlite3.connect(database)) as live,
            closing(sqlite3.connect(":memory:")) as kept,
        ):
            yield Sender(hub, filled, clients, live, kept)
        for client in clients.values():
            await client.aclose()
        if "outside" in hub.__dict__:
            await hub.outside.close()
