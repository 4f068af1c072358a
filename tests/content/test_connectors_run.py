"""Edits in Notion or OneNote and in the hub in any order, with kills in the middle of a write."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from lxml.html import fragments_fromstring

from bloop.content.models import Item
from plugins.notes.notion.tests.conftest import Rig as NotionRig
from plugins.notes.notion.tests.fake_notion import FakeNotion
from plugins.notes.notion.tests.fake_workspace import block
from plugins.notes.onenote.tests.conftest import Rig as OneNoteRig
from plugins.notes.onenote.tests.fake_graph import FakeGraph, Group, Section
from plugins.notes.onenote.tests.fake_pages import FakePage
from tests.content.both_ways import Pair
from tests.content.test_two_way_run import ACTIONS, BASE, Lost, scenario
from tests.support.database import sqlite_template
from tests.support.desk import Sheet

LONGEST = 6
"""Writes of one change after which the process dies at the latest."""


def paragraphs(markdown: str) -> list[str]:
    return [one for one in markdown.strip().split("\n\n") if one]


def shown(markdown: str) -> str:
    return "".join(f"<p>{one}</p>" for one in paragraphs(markdown))


@dataclass
class Site:
    """A system behind HTTP as the run sees a desk; ``after`` kills within a change or behind it."""

    rig: Any
    number: int = 0
    deadly: bool = False
    _after: Any = field(default=lambda _op: None)

    @property
    def after(self) -> Any:
        return self._after

    @after.setter
    def after(self, after: Any) -> None:
        self._after, self.deadly = after, after.__name__ == "die"
        self.guard(None)

    def arm(self) -> None:
        """Die in place of one of the next writes, each time another one."""
        self.number += 1
        left = iter(range(self.number % LONGEST))

        def before(request: Any) -> None:
            if request.method != "GET" and next(left, None) is None:
                self.guard(None)
                raise Lost

        self.guard(before if self.deadly else None)

    def guard(self, before: Any) -> None:
        raise NotImplementedError


class Workspace(Site):
    """A Notion."""

    def guard(self, before: Any) -> None:
        self.rig.notion.before = before or (lambda _request: None)

    @property
    def sheets(self) -> dict[str, Sheet]:
        notion = self.rig.notion
        return {
            own: Sheet(own, self._title(page), self._said(own))
            for own, page in notion.pages.items()
            if not page["in_trash"]
        }

    def _title(self, page: Any) -> str:
        return "".join(one["plain_text"] for one in page["properties"]["title"]["title"])

    def _said(self, own: str) -> str:
        blocks = (self.rig.notion.blocks[one] for one in self.rig.notion.blocks[own]["children"])
        said = (one[one["type"]].get("rich_text", []) for one in blocks)
        return "\n\n".join("".join(text["plain_text"] for text in one) for one in said) + "\n"

    def change(self, own: str, *, markdown: str) -> None:
        new = [block("paragraph", one) for one in paragraphs(markdown)]
        self.rig.notion.rewrite(own, *new)

    def remove(self, own: str) -> None:
        self.rig.notion.pages[own]["in_trash"] = True


class Notebooks(Site):
    """A OneNote."""

    def guard(self, before: Any) -> None:
        self.rig.before = before or (lambda _request: None)

    @property
    def sheets(self) -> dict[str, Sheet]:
        pages = self.rig.graph.sections()[0].pages
        return {one.id: Sheet(one.id, one.title, self._said(one)) for one in pages}

    def _said(self, page: FakePage) -> str:
        found = page._body.iter("p")
        return "\n\n".join(one.text_content() for one in found) + "\n"

    def change(self, own: str, *, markdown: str) -> None:
        """Paragraphs change within the outline that they stand in, which stays."""
        page = self.rig.graph.page(own)
        old = list(page._body.iter("p"))
        outline = old[0].getparent() if old else page._body[0]
        for one in old:
            one.drop_tree()
        outline.extend(fragments_fromstring(shown(markdown)))
        page._settle()
        page.changed = self.rig.graph.now

    def rewrite(self, own: str, *, markdown: str) -> None:
        """Another outline stands in place of what there was, so that no mark of ours is left."""
        pages = self.rig.graph.sections()[0].pages
        at = next(number for number, one in enumerate(pages) if one.id == own)
        old, now = pages[at], self.rig.graph.now
        pages[at] = FakePage(own, old.title, shown(markdown), created=old.created, changed=now)

    def remove(self, own: str) -> None:
        self.rig.graph.sections()[0].pages.remove(self.rig.graph.page(own))


class SitePair(Pair):
    def provider(self) -> Any:
        inner, site = self.desk.rig.again(), self.desk
        write = inner.write

        async def dying(op: Any, precondition: Any) -> Any:
            site.arm()
            answer = await write(op, precondition)
            site.guard(None)
            site.after(op)
            return answer

        inner.write = dying
        return inner

    async def calm(self) -> None:
        assert self.waiting() == []
        report = await self.sync()
        assert (report.written, report.deleted, report.quarantined) == (0, 0, 0), report
        active = self.all(Item, Item.kind == "note", Item.state == "active")
        held = {row.remote_id: row.title for row in active if row.connection_id}
        assert held == {own: sheet.title for own, sheet in self.desk.sheets.items()}


def notion_pair(database, blobs, call, command, connection: str, _folder: Path) -> Pair:
    notion = FakeNotion()
    notion.page("First", *[block("paragraph", one) for one in paragraphs(BASE)])
    site = Workspace(NotionRig(notion))
    return SitePair(database, blobs, call, command, connection, site)


def onenote_pair(database, blobs, call, command, connection: str, _folder: Path) -> Pair:
    page = FakePage("0-p1!1-s1", "First", shown(BASE))
    graph = FakeGraph([Group("0-aa!n1", "School", [Section("0-aa!s1", "Physics", [page])])])
    rig, respond = OneNoteRig(graph), graph.respond
    rig.before = lambda _request: None

    def guarded(request: Any) -> Any:
        rig.before(request)
        return respond(request)

    graph.respond = guarded
    return SitePair(database, blobs, call, command, connection, Notebooks(rig))


@pytest.mark.parametrize("pair_of", [notion_pair, onenote_pair], ids=["notion", "onenote"])
@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS.filter(lambda actions: len(actions) > 4))
def test_no_edit_is_ever_lost(run_folder, pair_of, actions):
    template = sqlite_template(run_folder)
    with tempfile.TemporaryDirectory(dir=run_folder) as folder:
        asyncio.run(scenario(actions, template, Path(folder), pair_of))


REWRITTEN = [("here", 4, True), ("drop there", 0, True), ("lost", 0, True), ("there", 0, False)]


async def test_a_page_that_is_rewritten_before_its_answer_is_known_stays_one(run_folder):
    def pair_of(*args):
        pair = onenote_pair(*args)
        pair.desk.change = pair.desk.rewrite
        return pair

    with tempfile.TemporaryDirectory(dir=run_folder) as folder:
        await scenario(REWRITTEN, sqlite_template(run_folder), Path(folder), pair_of)
