"""What has a date from which it is shown: its title and dates before, its text from then on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bloop.content.queries import ITEM, ITEM_SHOWN
from bloop.store.statements import parsed
from tests.content.library import Library

SOON = datetime.now(UTC) + timedelta(days=1)
PAST = datetime.now(UTC) - timedelta(days=1)
ASKED = {
    "id": "1",
    "kind": "choice",
    "html": "<p>Why does it swell?</p>",
    "choices": [{"id": "1", "html": "Water", "weight": 100.0}, {"id": "2", "html": "Air"}],
}
OF = {"assignment": {}, "quiz": {"questions": [ASKED]}}


@pytest.fixture
def library(database, call):
    return Library(database, call)


def told(moment):
    return moment.isoformat().replace("+00:00", "Z")


async def read(library, statement, id_):
    row = await library.database.read_one(statement, library.call, id=id_)
    found = statement.as_dict(row)
    return found["title"], found["html"], parsed(found["data"])


@pytest.mark.parametrize("kind", ["assignment", "quiz"])
async def test_a_text_is_shown_from_its_date_on(library, kind):
    course = library.course()
    later, open_, always = (
        library.page(course, title, "<p>Osmosis</p>", kind=kind, data=OF[kind] | data)
        for title, data in (
            ("Later", {"shown_from": told(SOON), "points": 3.0}),
            ("Open", {"shown_from": told(PAST)}),
            ("Always", {}),
        )
    )
    library.index()

    title, html, data = await read(library, ITEM_SHOWN, later)
    assert (title, html, data["points"]) == ("Later", "", 3.0)
    assert (await read(library, ITEM, later))[:2] == ("Later", "<p>Osmosis</p>")
    for one in (open_, always):
        assert (await read(library, ITEM_SHOWN, one))[1] == "<p>Osmosis</p>"

    # What finds it would tell what it says; who writes finds it.
    assert sorted(await library.titles("osmosis")) == ["Always", "Open"]
    assert sorted(await library.titles("osmosis", drafts=True)) == ["Always", "Later", "Open"]


async def test_it_is_shown_once_its_moment_has_come(library, monkeypatch):
    item = library.page(
        library.course(),
        "Later",
        "<p>Osmosis</p>",
        kind="assignment",
        data={"shown_from": "2030-03-01T02:00:00+02:00"},
    )
    for moment, html in (
        (datetime(2030, 2, 28, 23, 59, 59, tzinfo=UTC), ""),
        (datetime(2030, 3, 1, 0, 0, 0, tzinfo=UTC), "<p>Osmosis</p>"),
    ):
        monkeypatch.setattr("bloop.content.enrolling.visibility.utcnow", lambda: moment)  # noqa: B023
        assert (await read(library, ITEM_SHOWN, item))[1] == html


async def test_a_quiz_with_a_date_asks_no_learner(library):
    quiz = library.page(
        library.course(),
        "Exam",
        kind="quiz",
        data=OF["quiz"] | {"shown_from": told(SOON)},
    )
    *_, data = await read(library, ITEM_SHOWN, quiz)
    assert data["questions"] == []
    assert data["restricted"] is True
