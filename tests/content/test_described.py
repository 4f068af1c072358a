"""What plugins say of items, as what is said in a video: found with the item, at its moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Item
from bloop.content.search.described import LONGEST, announce_of_plugin, describe
from bloop.content.search.models import ItemText
from bloop.content.search.topics import DESCRIBED
from bloop.ops.purge_rows import OWNED
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.models import EVERY_INSTITUTION, OutboxEvent
from tests.content.library import Library
from tests.support.database import OTHER, make_call

LAST = "Chlorophyll is what turns light into sugar."
SAID = f"Light falls on the leaf. The leaf makes sugar. {'It goes on and on. ' * 12}{LAST}"
MOMENTS = [(0, 0.4), (25, 62.0), (SAID.index(LAST), 133.5)]


@pytest.fixture
def library(database, call):
    return Library(database, call)


@pytest.fixture
def say(database, call):
    def run(item, text=SAID, moments=MOMENTS, call=call, **values):
        with database.unit(call) as unit:
            describe(unit, item, "studio", text, moments=moments if text else (), **values)

    return run


def events(database, call):
    with database.reading(call) as unit:
        query = select(OutboxEvent.payload).where(OutboxEvent.topic == DESCRIBED)
        return unit.session.scalars(query.order_by(OutboxEvent.seq)).all()


async def test_a_lesson_is_found_by_what_its_video_says_at_that_moment(library, say):
    lesson = library.page(library.course(), "Plants", "<p>They live on light.</p>")
    say(lesson, language="en")
    library.index()
    (found,) = (await library.find("chlorophyll sugar"))["items"]
    assert (found["id"], found["excerpt"], found["excerpt_marks"]) == (
        lesson,
        "They live on light.",
        [],
    )
    passage = found["passage"]
    # Where both words stand together, not where the first of them is said first.
    assert passage["moment_ms"] == 133_500
    marks = [passage["excerpt"][start:end] for start, end in passage["excerpt_marks"]]
    assert marks[-2:] == ["Chlorophyll", "sugar"]
    assert (passage["plugin"], passage["key"], passage["language"]) == (
        "studio",
        "transcript",
        "en",
    )
    (both,) = (await library.find("light"))["items"]
    assert (both["excerpt_marks"] != [], both["passage"]["moment_ms"]) == (True, 400)
    (typed,) = (await library.find("clorophyll"))["items"]
    assert typed["passage"]["moment_ms"] == 133_500
    (other,) = (await library.find("plants"))["items"]
    assert other["passage"] is None


async def test_who_does_not_see_the_item_finds_nothing_of_what_is_said(library, say):
    draft = library.page(library.course(), "Plants", published=False)
    say(draft)
    library.index()
    nothing = {"items": [], "next": None, "corrected": None}
    for text in ("chlorophyll", "chlorophyl", "chloro*"):
        assert await library.find(text) == nothing
        assert not (await library.find(text, drafts=True, call=make_call(OTHER)))["items"]
    assert await library.titles("chlorophyll", drafts=True) == ["Plants"]
    library.publish(Item, draft)
    assert await library.titles("chlorophyll") == ["Plants"]


async def test_what_is_taken_back_is_shown_no_more_before_the_index_knows(library, say, database):
    lesson = library.page(library.course(), "Plants", "<p>Green.</p>")
    say(lesson)
    library.index()
    say(lesson, "Only roots now.", [(0, 5.0)])
    (stale,) = (await library.find("chlorophyll"))["items"]
    assert (stale["passage"], stale["excerpt"]) == (None, "Green.")
    library.index()
    assert await library.titles("chlorophyll") == []
    assert await library.titles("roots") == ["Plants"]
    say(lesson, "  ", [])
    library.index()
    assert await library.titles("roots") == []
    assert await library.titles("green") == ["Plants"]


async def test_what_is_said_goes_and_comes_with_the_item(library, say, database, call):
    lesson = library.page(library.course(), "Plants")
    say(lesson)
    with database.unit(call) as unit:
        service.trash(unit, Item, lesson, None)
    library.index()
    assert await library.titles("chlorophyll", drafts=True) == []
    with database.unit(call) as unit:
        service.restore(unit, Item, lesson, None)
    library.index()
    assert await library.titles("chlorophyll") == ["Plants"]


def test_the_same_said_again_is_no_event_and_bad_words_change_nothing(library, say, database, call):
    lesson = library.page(library.course(), "Plants")
    for _ in range(2):
        say(lesson)
    for values in (
        {"key": "Not a key"},
        {"language": "no tag!"},
        {"moments": [(5, 1.0), (5, 2.0)]},
        {"moments": [(len(SAID), 1.0)]},
        {"moments": [(0, float("nan"))]},
    ):
        with pytest.raises(InvalidError):
            say(lesson, **values)
    with pytest.raises(NotFoundError):
        say("nothing")
    with pytest.raises(NotFoundError):
        say(lesson, call=make_call(OTHER))
    say("nothing", "")
    assert events(database, call) == [{"id": lesson}]
    say(lesson, "word " * LONGEST, [(0, 1.0), (LONGEST + 5, 2.0)], key="long")
    with database.reading(call) as unit:
        kept = unit.session.scalars(select(ItemText).where(ItemText.key == "long")).one()
        assert (len(kept.text), kept.moments) == (LONGEST, [[0, 1000]])


async def test_what_a_purged_plugin_said_is_found_no_more(library, say, database, call):
    there = make_call(OTHER)
    mine = library.page(library.course(), "Plants")
    theirs = library.page(library.course(call=there), "Plants", call=there)
    say(mine)
    say(theirs, call=there)
    library.index()
    assert await library.titles("chlorophyll", call=there) == ["Plants"]
    # As a purge does, which is of all institutions.
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        announce_of_plugin(unit, "studio")
        (texts,) = [one for one in OWNED if one.model is ItemText and not one.content]
        assert texts.delete(unit.session, "studio") == 2
    library.index()
    for one in (call, there):
        assert await library.titles("chlorophyll", call=one, drafts=True) == []


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
def test_of_two_who_say_it_at_once_one_comes_after_the_other(library, say, database, call):
    lesson = library.page(library.course(), "Plants")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: say(lesson, f"{number} {SAID}"), range(4)))
    assert events(database, call) == [{"id": lesson}] * 4


VTT = "WEBVTT\n\n02:13.500 --> 02:15.000\nChlorophyll\n"


async def test_captions_beside_a_video_or_in_a_text_are_of_the_video_and_the_lesson(
    library, database, call, blobs
):
    course = library.course()

    def file(name, media_type, text="x"):
        writer = blobs.writer(1000)
        writer.write(text.encode())
        ref = writer.finish()
        values = {"name": name, "media_type": media_type, "sha256": ref.sha256, "size": ref.size}
        made = library.run(service.add_file, course, **values)
        library.publish(Item, made)
        return made

    film, track = file("Leaves.mp4", "video/mp4"), file("leaves.en.vtt", "text/vtt", VTT)
    tag = f'<track kind="captions" srclang="no tag!" src="bloop:file:{track}">'
    html = f'<video src="bloop:file:{film}">{tag}</video>'
    lesson = library.page(course, "Plants", html)

    async def found():
        library.index(blobs)
        library.index(blobs)
        items = (await library.find("chlorophyll"))["items"]
        return {one["id"]: one["passage"]["moment_ms"] for one in items if one["passage"]}

    assert await found() == {film: 133_500, lesson: 133_500}
    library.run(service.update_item, lesson, None, {"html": "<p>No film.</p>"})
    assert await found() == {film: 133_500}
    library.run(service.unpublish, Item, track, None)
    assert await found() == {}
