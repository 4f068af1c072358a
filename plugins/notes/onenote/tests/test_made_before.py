"""A page whose answer was lost is found again, and nobody else's is taken for it."""

from __future__ import annotations

import dataclasses

import pytest

from bloop_sdk import UnavailableError
from plugins.notes.onenote.tests.fake_pages import FakePage
from plugins.notes.onenote.tests.test_writing import NOTHING, now, op


class Killed(BaseException):
    """The process ends."""


async def test_a_page_whose_answer_was_lost_is_found_again(rig):
    one = rig()
    respond = one.graph.respond

    def lost(request):
        answer = respond(request)
        return (
            type(answer)(status=504, headers={}, body=b"", url="")
            if request.method == "POST"
            else answer
        )

    one.graph.respond = lost
    new = op("note.create", "text", title="New", key="once")
    with pytest.raises(UnavailableError):
        await one.provider.write(new, NOTHING)
    one.graph.respond = respond
    result = await one.provider.write(dataclasses.replace(new, again=True), NOTHING)
    assert one.graph.made == 1 and (await now(one, result.ref))[0].markdown == "text"
    await one.provider.write(op("note.create", "text", title="New", key="another"), NOTHING)
    assert one.graph.made == 2, "another note of the same title is another one"


async def test_a_new_page_whose_title_no_list_tells_yet_is_found_again(rig):
    one = rig()
    new = op("note.create", "text", title="New", key="once")
    made = await one.provider.write(new, NOTHING)
    one.graph.unlisted.add(made.ref.remote_id)
    again = await one.again().write(dataclasses.replace(new, again=True), NOTHING)
    assert (again.ref, one.graph.made) == (made.ref, 1)
    titles = {getattr(record, "title", "") for record in again.batch.records}
    assert titles == {"New"}


async def test_an_empty_page_whose_answer_was_lost_is_found_again(rig):
    one = rig()
    empty = op("note.create", "", title="New", key="once")
    await one.provider.write(dataclasses.replace(empty, idempotency_key="before"), NOTHING)
    respond = one.graph.respond

    def lost(request):
        respond(request)
        raise Killed

    one.graph.respond = lambda request: (lost if request.method == "POST" else respond)(request)
    with pytest.raises(Killed):
        await one.provider.write(empty, NOTHING)
    one.graph.respond = respond
    assert one.graph.made == 2
    first = await one.again().write(dataclasses.replace(empty, again=True), NOTHING)
    second = await one.again().write(dataclasses.replace(empty, again=True), NOTHING)
    assert (first.ref, one.graph.made) == (second.ref, 2)
    other = await one.provider.write(op("note.create", "", title="New", key="other"), NOTHING)
    assert one.graph.made == 3 and other.ref != first.ref


def rewritten(one, ref, *paragraphs):
    """Somebody puts other elements in the place of a page's, so that no mark is left."""
    pages = one.graph.sections()[0].pages
    old = one.graph.page(ref.remote_id)
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    new = FakePage(old.id, old.title, body, created=old.created, changed=one.graph.now)
    pages[pages.index(old)] = new


async def test_a_new_page_that_was_rewritten_before_the_next_try_is_found_again(rig):
    one = rig()
    template = await one.provider.write(op("note.create", "a\n\nb\n\nc", key="old"), NOTHING)
    rewritten(one, template.ref, "a", "b", "c")
    new = op("note.create", "a\n\nb\n\nc", key="once")
    made = await one.provider.write(new, NOTHING)
    assert one.graph.made == 2, "what was there before is another note, whatever it says"
    rewritten(one, made.ref, "theirs", "a", "more", "c")
    again = await one.again().write(dataclasses.replace(new, again=True), NOTHING)
    assert (again.ref, one.graph.made) == (made.ref, 2)
    assert again.batch.records[0].markdown == "theirs\n\na\n\nmore\n\nc"


async def test_a_page_of_the_same_title_that_somebody_makes_meanwhile_is_not_the_notes(rig):
    one = rig()
    new = op("note.create", "a\n\nb\n\nc", title="New", key="once")
    respond = one.graph.respond

    def killed(request):
        if request.method == "POST":
            raise Killed
        return respond(request)

    one.graph.respond = killed
    with pytest.raises(Killed):
        await one.provider.write(new, NOTHING)
    one.graph.respond = respond
    pages = one.graph.sections()[0].pages
    pages.append(FakePage("1-hand!1-s1", "New", "<p>a</p><p>mine</p>", created=one.graph.now))
    await one.provider.write(op("note.create", "a\n\nb", title="New", key="other"), NOTHING)
    result = await one.again().write(dataclasses.replace(new, again=True), NOTHING)
    assert one.graph.made == 2 and (await now(one, result.ref))[0].markdown == "a\n\nb\n\nc"


async def test_a_new_page_without_content_is_waited_for_by_the_next_try(rig):
    one = rig()
    new = op("note.create", "text", title="New", key="once")
    made = await one.provider.write(new, NOTHING)
    content = f"me/onenote/pages/{made.ref.remote_id}/content"
    one.graph.fails[content] = (404, "20102")
    with pytest.raises(UnavailableError, match="no content yet"):
        await one.again().write(dataclasses.replace(new, again=True), NOTHING)
    del one.graph.fails[content]
    again = await one.again().write(dataclasses.replace(new, again=True), NOTHING)
    assert (again.ref, one.graph.made) == (made.ref, 1)
