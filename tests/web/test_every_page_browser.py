"""Every page of the hub in a real browser: nothing for axe to find, nothing to scroll across."""

from __future__ import annotations

import shutil

import pytest

from tests.support.serving import serving
from tests.web.inventory import PAGES
from tests.web.looking import NARROW, OVERFLOW, violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def shown(filled, tmp_path_factory):
    """The address of a served hub with something on every page, and what it was filled with."""
    folder = tmp_path_factory.mktemp("pages") / "hub"
    shutil.copytree(filled[0], folder)
    with serving(folder) as url:
        yield url, filled[1]


@pytest.fixture
def look(shown, browser):
    """Look at the pages of some roles, one after another: their names and what is wrong."""
    url, of = shown

    def look(roles, judge, locale="en", names=None, **options):
        wrong = {}
        for role in roles:
            context = browser.new_context(
                base_url=url, locale=locale, service_workers="block", **options
            )
            if role is not None:
                cookie = {"name": "bloop_session", "value": of.sessions[role], "url": url}
                context.add_cookies([cookie])
            page = context.new_page()
            pages = [one for one in PAGES if one.role == role]
            for one in [one for one in pages if names is None or one.name in names]:
                page.goto(of.path_of(one.path))
                if found := judge(page):
                    wrong[one.name] = found
                page.emulate_media(color_scheme="light")
            context.close()
        return wrong

    return look


ROLES = {
    "everybody": (None, "learner"),
    "educator": ("educator",),
    "staff": ("admin", "operator"),
}


@pytest.mark.parametrize("roles", ROLES.values(), ids=ROLES)
def test_axe_finds_nothing_in_light_or_dark_and_a_phone_needs_not_scroll_across(look, roles):
    def judge(page):
        wide = page.evaluate(OVERFLOW)
        return ([("wide", wide)] if wide > 0 else []) + violations(page)

    assert look(roles, judge, viewport=NARROW, reduced_motion="reduce") == {}


def test_from_right_to_left_a_phone_needs_not_scroll_across_either(look):
    def judge(page):
        wide, direction = page.evaluate(OVERFLOW), page.evaluate("document.dir")
        return [] if (wide <= 0 and direction == "rtl") else [direction, wide]

    names = {"today", "lesson", "quiz", "map", "system", "admin-operator"}
    assert look(("learner", "operator"), judge, "ar", names, viewport=NARROW) == {}


def test_a_player_leads_follows_hears_keys_and_goes_on_where_one_was(shown, browser):
    url, of = shown
    context = browser.new_context(base_url=url, viewport=NARROW)
    context.add_cookies([{"name": "bloop_session", "value": of.sessions["learner"], "url": url}])
    page = context.new_page()
    page.goto(of.path_of("/x/studio/watch/{video}"))
    film = page.locator("video")
    film.evaluate("film => film.readyState || new Promise(r => film.onloadedmetadata = r)")
    page.get_by_role("link", name="How fast it is").click()
    page.locator('[data-mark="chapter"][aria-current="true"]', has_text="How fast").wait_for()
    page.locator('[data-mark="line"][aria-current="true"]').first.wait_for()
    assert film.evaluate("film => film.currentTime") >= 1.6
    film.focus()
    for key in ("k", "c", "m", "Shift+>", "Shift+?"):
        page.keyboard.press(key)
    how = "film => [film.muted, film.playbackRate, film.textTracks[0].mode]"
    assert film.evaluate(how) == [True, 1.25, "hidden"]
    assert page.locator("[data-keys]").is_visible()
    assert page.evaluate(OVERFLOW) <= 0
    # The transcript is one stop of the tab key; arrows go along it.
    assert page.locator('[data-mark="line"][tabindex="0"]').count() == 1
    page.locator('[data-mark="line"]', has_text="A source").press("ArrowDown")
    assert page.locator('[data-mark="line"]:focus').inner_text() == "A medium."
    # Where something is chosen, a key is a key.
    page.get_by_label("Their size").press("m")
    film.evaluate("film => { film.pause(); film.currentTime = 1.7; }")
    page.locator('[data-mark="line"][aria-current="true"]', has_text="A medium").wait_for()
    page.reload()
    page.locator("[data-resumed]", has_text="0:01").wait_for()
    assert film.evaluate(how)[1:] == [1.25, "hidden"]
    context.close()
