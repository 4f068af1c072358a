"""The frame around what people wrote elsewhere, in a real browser.

The hostile texts are put into the database past the sanitiser: they show what the frame holds when
that has a hole.
"""

from __future__ import annotations

import base64
import re
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from bloop.content import service
from bloop.content.models import Item
from bloop.store.blobs import Blobs

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api").expect

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
ELSEWHERE = "https://elsewhere.invalid"
RUN = f"try{{parent.document.title='ran'}}catch(e){{}};new Image().src='{ELSEWHERE}/ran'"
LOUD = f"document.title='ran';{RUN}"
HOSTILE = {
    "a script": f"<script>{LOUD}</script>",
    "a script that was closed first": f"</div></body><script>{LOUD}</script>",
    "a module": f'<script type="module">{LOUD}</script>',
    "a script from elsewhere": f'<script src="{ELSEWHERE}/ran.js"></script>',
    "a script of the hub's": '<script src="/static/0/framing.js"></script>',
    "a handler of a picture": f'<img src="{PIXEL[:-9]}" onerror="{LOUD}">'
    f'<img src=x onerror="{LOUD}">',
    "a handler of focus": f'<input autofocus onfocus="{LOUD}">',
    "a script in a drawing": f'<svg onload="{LOUD}"><script>{LOUD}</script></svg>',
    "a link that is a script": f'<a id="go" href="javascript:{LOUD}">go</a>',
    "a link to the top": f'<a id="go" href="{ELSEWHERE}/top" target="_top">go</a>',
    "a link to the parent": f'<a id="go" href="{ELSEWHERE}/top" target="_parent">go</a>',
    "a refresh": f'<meta http-equiv="refresh" content="0;url={ELSEWHERE}/refreshed">',
    "a refresh to a script": f'<meta http-equiv="refresh" content="0;url=javascript:{LOUD}">',
    "another base": f'<base href="{ELSEWHERE}/" target="_top"><a id="go" href="x">go</a>',
    "a form to the hub": '<form action="/logout" method="post"><button id="go">go</button></form>',
    "a form to elsewhere": f'<form action="{ELSEWHERE}/form"><button id="go">go</button></form>',
    "a form to the top": '<form action="/logout" method="post" target="_top">'
    '<button id="go">go</button></form>',
    "a frame of the hub": '<iframe src="/account/sessions"></iframe>',
    "a frame of scripts": f'<iframe srcdoc="<script>{LOUD}</script>"></iframe>',
    "a frame elsewhere": f'<iframe src="{ELSEWHERE}/frame"></iframe>',
    "an object": f'<object data="{ELSEWHERE}/object"></object><embed src="{ELSEWHERE}/embed">',
    "a sheet over everything": "<style>body { position: fixed; inset: 0; background: red }</style>",
    "a cover": '<div style="position:fixed;inset:-9999px;z-index:9999;background:red">cover</div>',
    "a sheet from elsewhere": f'<link rel="stylesheet" href="{ELSEWHERE}/sheet.css">',
    "names that get in the way": '<form name="documentElement"></form><img name="getElementById">'
    '<img id="parent"><form id="ready"><input name="closest"></form>',
    "as tall as it can": '<div style="height:9999999px">tall</div>',
}  # fmt: skip


class Lesson:
    """One page of the served hub, whose stored HTML the tests write."""

    def __init__(self, served):
        self.served = served
        with served.unit() as unit:
            course = service.create_container(unit, title="Frames", published=True)
            item = service.create_item(
                unit, course.id, kind="page", title="Framed", html="<p>-</p>"
            )
            service.publish(unit, Item, item.id, None, lambda item, principal: None)
            self.course, self.id = course.id, item.id
        self.path = f"/lessons/{self.id}"

    def holds(self, html):
        """Store it as it is, past the sanitiser."""
        with self.served.unit() as unit:
            unit.session.get(Item, (unit.institution, self.id)).html = html
        return self.path


@pytest.fixture(scope="module")
def lesson(served):
    return Lesson(served)


@pytest.fixture
def visit(served, browser):
    """A page of the hub in a browser of its own, and all that this browser asked for."""

    @contextmanager
    def opened(**options):
        context = browser.new_context(base_url=served.url, locale="en", **options)
        # Nothing leaves this machine; what would is noted and refused.
        page = context.new_page()
        page.asked, page.gone = [], []

        def leave(route):
            page.gone.append(route.request)
            route.abort()

        context.route(lambda url: not url.startswith((served.url, "data:")), leave)
        context.on("request", lambda it: page.asked.append(it))  # noqa: PLW0108 - no builtin
        try:
            yield page
        finally:
            context.close()

    return opened


def text_of(page):
    """The text in the page's frame, once the page knows how tall that is."""
    expect(page.locator(".framed > iframe").first).to_have_attribute(
        "style", re.compile(r"height: \d+px"), timeout=30_000
    )
    return page.frame_locator(".framed > iframe >> nth=0")


@pytest.fixture(scope="module")
def logged_in(served, browser):
    """The cookies of somebody who is logged in."""
    context = browser.new_context(base_url=served.url)
    context.new_page().goto(served.login_path())
    yield context.storage_state()
    context.close()


def tried(page, frame):
    """Do what the hostile text waits for; the windows that this opens are closed."""
    if frame.locator("#go").count():
        frame.locator("#go").click(timeout=10_000)
    page.wait_for_load_state()
    # Errors of pictures, focus and refreshes come with the next frames that are drawn.
    drawn = "new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
    page.evaluate(drawn)
    for other in page.context.pages[1:]:
        other.close()


def test_nothing_of_a_hostile_text_runs_or_goes_anywhere_or_covers_the_page(
    visit, lesson, served, logged_in
):
    with visit(storage_state=logged_in) as page:
        for name, html in HOSTILE.items():
            page.goto(lesson.holds(f"{html}<p>after</p>"))
            tried(page, page.frames[1])
            assert page.title() == "Framed · Frames", name
            assert page.url == served.url + lesson.path, name
            assert page.get_by_role("heading", level=1).inner_text() == "Framed", name
            over = "document.elementFromPoint(80, 30).closest('header.bar') !== null"
            assert page.evaluate(over), name
        # A click on a plain link is the reader's own: it opens a window that has nothing of ours.
        assert {urlsplit(one.url).path for one in page.gone} <= {"/top"}
        assert not any("cookie" in one.headers for one in page.gone)
        assert not any(one.method == "POST" for one in page.asked)
        page.goto("/account/sessions")
        assert page.get_by_role("heading", level=1).inner_text() != "Log in"


def test_the_same_texts_do_their_harm_where_no_frame_holds_them(visit, served):
    """Or the test above would show nothing."""
    harmed = set()
    with visit() as page:
        shown = {}
        page.context.route("**/bare", lambda it: it.fulfill(**shown))
        for name, html in HOSTILE.items():
            shown.update(body=f"<title>Bare</title>{html}", content_type="text/html")
            page.asked.clear()
            page.goto("/bare", wait_until="commit")
            try:
                tried(page, page)
            except Exception:  # noqa: BLE001 - it has taken the page away
                harmed.add(name)
            if page.title() != "Bare" or any(not one.url.endswith("/bare") for one in page.asked):
                harmed.add(name)
    assert harmed >= {
        name for name in HOSTILE if "script" in name or "handler" in name or " to " in name
    } - {"a refresh to a script"}


def test_the_document_of_a_text_holds_what_is_in_it_even_by_itself(
    visit, lesson, served, logged_in
):
    with visit(storage_state=logged_in) as page:
        for name in ("a script", "a handler of a picture", "a form to the hub"):
            page.goto(f"{lesson.holds(HOSTILE[name])}/text")
            tried(page, page)
            assert page.title() == "Framed", name
            assert page.url == f"{served.url}{lesson.path}/text", name
            assert page.evaluate("self.origin") == "null", name
        assert not any(one.method == "POST" for one in page.asked)


def test_a_page_takes_nothing_from_a_frame_but_heights_places_and_lessons(visit, lesson, served):
    """What a script could say, if one ran there: said here in its place by the test."""
    with visit() as page:
        page.goto(lesson.holds("<p>a</p>"))
        text_of(page)
        frame = page.frames[1]
        for said in (
            {"open": "https://elsewhere.invalid/lessons/x"},
            {"open": "//elsewhere.invalid/lessons/x"},
            {"open": "/lessons/../logout"},
            {"open": "javascript:document.title='ran'"},
            {"height": "1e9px", "players": []},
            {"top": "0"},
        ):
            frame.evaluate("said => parent.postMessage(said, '*')", said)
        frame.evaluate("parent.postMessage({height: 1e9, players: []}, '*')")
        expect(page.locator(".framed > iframe")).to_have_css("height", "200000px")
        assert page.url == served.url + lesson.path
        assert page.title() == "Framed · Frames"


def test_a_picture_that_guests_may_not_see_is_shown_to_who_may(visit, lesson, served, logged_in):
    """Although the frame sends no cookie, and asks as another site would."""
    ref = Blobs(served.folder / "var" / "blobs").put(iter([base64.b64decode(PIXEL[22:])]))
    with served.unit() as unit:
        draft = service.add_file(
            unit,
            lesson.course,
            name="a.gif",
            media_type="image/gif",
            sha256=ref.sha256,
            size=ref.size,
        ).id
    with visit(storage_state=logged_in) as page, visit() as guest:
        widths = []
        for one in (page, guest):
            one.goto(lesson.holds(f'<img src="bloop:file:{draft}"><p>a</p>'))
            text_of(one)
            one.wait_for_load_state()
            widths.append(one.frames[1].evaluate("document.images[0].naturalWidth"))
        assert widths == [1, 0]
        (asked,) = [one for one in page.asked if "/framed/" in one.url]
        assert "cookie" not in asked.all_headers()


def heights(page):
    """How tall the frame is, and the document in it."""
    outer = page.locator(".framed > iframe").first.bounding_box()["height"]
    return outer, page.frames[1].evaluate("document.documentElement.scrollHeight")


@pytest.mark.parametrize("width", [1280, 320])
def test_a_frame_is_as_tall_as_its_text_and_stays_so(visit, lesson, width):
    html = f"<p>{'word ' * 30}</p>" * 20 + "<details><summary>More</summary>"
    html += "<p>tall</p>" * 20 + "</details><p style='height:120vh'>last</p>"
    with visit(viewport={"width": width, "height": 700}) as page:
        page.goto(lesson.holds(html))
        text_of(page)
        outer, inner = heights(page)
        assert outer == inner > 1500
        page.frames[1].locator("summary").click()
        expect(page.locator(".framed > iframe")).not_to_have_css("height", f"{outer}px")
        taller, inner = heights(page)
        assert taller == inner > outer
        page.set_viewport_size({"width": 1600 - width, "height": 700})
        page.wait_for_function("h => document.querySelector('.framed > iframe').offsetHeight !== h",
                               arg=taller)  # fmt: skip
        page.wait_for_load_state("networkidle")
        outer, inner = heights(page)
        assert outer == inner
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(wide) <= 0
        assert page.frames[1].evaluate(wide) <= 0


def test_anchors_scroll_the_page_from_within_and_from_its_address(visit, lesson):
    far = "<p>word</p>" * 80
    html = (
        f'<p><a href="#user-content-far">there</a></p>{far}<h2 id="user-content-far">Far</h2>{far}'
    )
    near = (
        "Math.abs(document.querySelector('.framed > iframe').getBoundingClientRect().top + {}) < 60"
    )
    with visit() as page:
        page.goto(lesson.holds(html))
        text_of(page)
        where = page.frames[1].evaluate(
            "document.getElementById('user-content-far').getBoundingClientRect().top"
        )
        page.frames[1].locator("a").click()
        page.wait_for_function(f"() => {near.format(where)}")
        page.goto("/")
        page.goto(f"{lesson.path}#user-content-far")
        page.wait_for_function(f"() => {near.format(where)}")


def test_links_to_lessons_open_in_the_page_and_others_in_a_window_of_their_own(
    visit, lesson, served
):
    html = f'<a href="{lesson.path}#user-content-x">here</a> <a href="/plugins">out</a>'
    with visit() as page:
        page.goto("/")
        page.goto(lesson.holds(html))
        with page.expect_popup() as opened:
            page.frames[1].get_by_text("out").click()
        assert opened.value.url == f"{served.url}/plugins"
        assert opened.value.evaluate("self.origin") == served.url  # Not in the sandbox.
        page.frames[1].get_by_text("here").click()
        page.wait_for_url("**#user-content-x")


def test_who_goes_by_the_keyboard_goes_through_the_text_and_on(visit, lesson):
    html = "<p>word</p>" * 80 + '<p><a href="https://example.org/">a link</a></p>'
    with visit() as page:
        page.goto(lesson.holds(html))
        text_of(page)
        page.locator(".to-print").focus()
        for _ in range(4):
            page.keyboard.press("Tab")
            if page.frames[1].evaluate("document.activeElement.localName") == "a":
                break
        assert page.frames[1].evaluate("document.activeElement.localName") == "a"
        link = page.frames[1].locator("a").bounding_box()
        assert 0 < link["y"] < page.viewport_size["height"]  # It was brought into sight.
        assert page.locator(".framed > iframe").get_attribute("title") == "Framed"


def test_without_scripts_the_text_is_there_scrolls_and_can_be_opened_by_itself(visit, lesson):
    with visit(java_script_enabled=False) as page:
        page.goto(lesson.holds("<p>word</p>" * 200))
        box = page.locator(".framed > iframe").bounding_box()
        assert 400 < box["height"] < page.viewport_size["height"]
        assert "word" in page.frames[1].locator("p").first.inner_text()
        alone = page.get_by_role("link", name="Open the text by itself")
        page.goto(alone.get_attribute("href"))
        assert page.get_by_role("heading", level=1).inner_text() == "Framed"
        assert page.evaluate("document.documentElement.className") == "alone"


def test_a_player_stands_where_the_text_has_its_place(visit, lesson):
    html = (
        "<p>before</p>"
        '<iframe src="https://www.youtube-nocookie.com/embed/x?a=1&amp;b=2" sandbox=""></iframe>'
        "<p>after</p>"
    )
    with visit() as page:
        page.goto(lesson.holds(html))
        text = text_of(page)
        player = page.locator(".framed > .player")
        expect(player).to_be_visible()
        over, place = player.bounding_box(), text.locator("[data-player]").bounding_box()
        assert {k: round(v) for k, v in over.items()} == {k: round(v) for k, v in place.items()}
        assert place["width"] / place["height"] == pytest.approx(16 / 9, abs=0.02)
        # It has the data of its own site, and no more of ours than any other.
        assert "allow-same-origin" in player.get_attribute("sandbox")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_text_has_the_colours_of_the_page(visit, lesson, scheme):
    ink = "getComputedStyle(document.querySelector('{}')).color"
    with visit(color_scheme=scheme) as page:
        page.goto(lesson.holds("<p>a</p>"))
        text_of(page)
        assert page.frames[1].evaluate(ink.format("p")) == page.evaluate(ink.format("h1"))
        clear = "getComputedStyle(document.body).backgroundColor"
        assert page.frames[1].evaluate(clear) == "rgba(0, 0, 0, 0)"


def test_a_page_asks_for_little(visit, lesson):
    """The page, its sheets and script, the mark, and the text: one request more than without."""
    with visit() as page:
        page.goto(lesson.holds("<p>a</p>"))
        text_of(page)
        page.wait_for_load_state("networkidle")
        assert len([one for one in page.asked if not one.url.startswith("data:")]) <= 6
        page.asked.clear()
        page.goto("/")
        page.goto(lesson.path)
        text_of(page)
        page.wait_for_load_state("networkidle")
        fresh = [one.url for one in page.asked if "/static/" not in one.url]
        assert len(fresh) == 3  # The home page, the lesson's, and its text.
