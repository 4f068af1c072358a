"""Marking a passage and keeping a moment in a real browser, without leaving the page."""

from __future__ import annotations

import io
import re
import wave

import pytest

from bloop.content import service
from bloop.content.models import Item
from bloop.store.blobs import Blobs
from tests.web.test_browser import visit  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api").expect

TEXT = (
    r"<p>A buffer holds \(pH = pK_a\) nearly constant.</p>"
    "<p>The weak acid takes up what is <em>added</em> to it.</p>"
    f"<p>{'More of it. ' * 200}</p>"
)
MARK = """([from, to]) => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    for (let node; (node = texts.nextNode()); ) {
        if (node.data.includes(from)) range.setStart(node, node.data.indexOf(from));
        if (node.data.includes(to)) range.setEnd(node, node.data.indexOf(to) + to.length);
    }
    getSelection().removeAllRanges();
    getSelection().addRange(range);
}"""
PAINTED = "() => [...(CSS.highlights.get('noted') ?? [])].map(String)"


@pytest.fixture(scope="module")
def lessons(served):
    """The paths of a text, of a recording, and of a text that holds the recording."""
    ref = Blobs(served.folder / "var" / "blobs").put(iter([silence(3)]))
    with served.unit() as unit:
        course = service.create_container(unit, title="Notes", published=True)
        bytes_ = {"media_type": "audio/wav", "sha256": ref.sha256, "size": ref.size}
        sound = service.add_file(unit, course.id, name="a.wav", **bytes_)
        film = f'<p>Listen.</p><audio controls src="bloop:file:{sound.id}"></audio>'
        texts = {"Marked": TEXT, "Heard": film}
        items = [sound] + [
            service.create_item(unit, course.id, kind="page", title=title, html=html)
            for title, html in texts.items()
        ]
        for item in items:
            service.publish(unit, Item, item.id, None, lambda *_: None)
        return [f"/lessons/{item.id}" for item in items]


@pytest.fixture(scope="module")
def reader(served, browser):
    """The cookies of somebody who is logged in."""
    context = browser.new_context(base_url=served.url)
    context.new_page().goto(served.login_path())
    yield {"storage_state": context.storage_state(), "locale": "en", "reduced_motion": "reduce"}
    context.close()


def silence(seconds):
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 1, 8000, 0, "NONE", ""))
        sound.writeframes(b"\x80" * 8000 * seconds)
    return file.getvalue()


def mark(page, start, end):
    """Mark from one word to another, as a reader does, and wait for what the page offers."""
    frame = page.frames[1]
    frame.evaluate(MARK, [start, end])
    bar = page.get_by_role("toolbar", name="Marked text")
    expect(bar).to_be_visible(timeout=30_000)
    return bar


def test_what_is_marked_is_kept_painted_and_found(visit, reader, lessons):  # noqa: F811
    lesson = lessons[1]
    with visit(lesson, **reader) as page:
        expect(page.locator(".framed > iframe")).to_have_attribute(
            "style", re.compile(r"height: \d+px"), timeout=30_000
        )
        mark(page, "The weak", "added").get_by_role("button", name="Highlight").click()
        notes = page.get_by_role("complementary", name="My notes")
        quote = notes.get_by_role("listitem").get_by_role("blockquote")
        expect(quote).to_have_text("The weak acid takes up what is added", timeout=30_000)
        expect(notes.get_by_role("status")).to_have_text("Kept.")
        assert page.url.endswith(lesson)
        frame = page.frames[1]
        frame.wait_for_function(f"() => ({PAINTED})().length === 1")
        assert frame.evaluate(PAINTED) == ["The weak acid takes up what is added"]

        # A formula between two words is its LaTeX.
        mark(page, "buffer", "nearly").get_by_role("button", name="Note").click()
        expect(page.get_by_label("The passage, in the words of the lesson")).to_have_value(
            "buffer holds $pH = pK_a$ nearly"
        )
        words = page.get_by_label("Write a note")
        expect(words).to_be_focused()
        words.fill("Which one?")
        page.get_by_role("button", name="Keep the note").press("Enter")
        expect(notes.get_by_role("listitem")).to_have_count(2, timeout=30_000)
        frame.wait_for_function(f"() => ({PAINTED})().length === 2")

        # It is all there when one comes again, and leads to its place.
        page.reload()
        frame = page.frames[1]
        frame.wait_for_function(f"() => ({PAINTED})().length === 2")
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        notes.get_by_role("link", name="The weak acid").click()
        page.wait_for_function("() => scrollY < 400")


@pytest.mark.parametrize("inside", [False, True], ids=["of the page", "in the text"])
def test_a_moment_is_kept_and_sought(visit, reader, lessons, inside):  # noqa: F811
    with visit(lessons[2 if inside else 0], **reader) as page:
        page.wait_for_load_state("networkidle")
        where = page.frames[1] if inside else page
        where.wait_for_function("() => document.querySelector('audio').readyState > 0")
        where.evaluate("() => { document.querySelector('audio').currentTime = 2.2 }")
        page.get_by_role("button", name="Note at 0:02").click()
        assert page.get_by_label("Time in the video").input_value() == "0:02"
        page.get_by_label("Write a note").fill("Here.")
        page.get_by_role("button", name="Keep the note").press("Enter")
        notes = page.get_by_role("complementary", name="My notes")
        moment = notes.get_by_role("link", name="0:02")
        expect(moment).to_be_visible(timeout=30_000)
        where.evaluate("() => { document.querySelector('audio').currentTime = 0 }")
        moment.click()
        where.wait_for_function("() => document.querySelector('audio').currentTime === 2")
