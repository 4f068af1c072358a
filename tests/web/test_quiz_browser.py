"""Writing a question in a real browser: rows are added in place, and the form takes them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bloop.accounts.models import User
from bloop.accounts.service import start_session
from bloop.content import service
from bloop.content.models import Item
from tests.web.test_browser import visit  # noqa: F401

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def draft(served, written):
    """An empty quiz, and a session of who writes it."""
    with served.unit() as unit:
        quiz = service.create_item(unit, written, kind="quiz", title="Echoes").id
        user = User(institution_id=unit.institution, name="Ed", role="educator")
        unit.session.add(user)
        unit.session.flush()
        return SimpleNamespace(quiz=quiz, token=start_session(unit, user).token)


def test_a_row_is_added_in_place_and_kept(visit, served, draft):  # noqa: F811 - the fixture
    cookie = {
        "name": "bloop_session",
        "value": draft.token,
        "domain": "127.0.0.1",
        "path": "/",
    }
    state = {"cookies": [cookie], "origins": []}
    page_of = f"/quizzes/{draft.quiz}/question?kind=choice"
    with visit(page_of, storage_state=state, locale="en") as page:
        page.get_by_label("Question", exact=True).fill("What comes back?")
        page.get_by_label("Answer 4", exact=True).fill("A ray")
        page.get_by_role("button", name="Room for more answers").click()
        fifth = page.get_by_label("Answer 5", exact=True)
        expect(fifth).to_be_focused()
        assert fifth.input_value() == ""
        assert page.get_by_label("Question", exact=True).input_value() == "What comes back?"
        fifth.fill("The sound")
        page.get_by_label("Worth").nth(4).select_option("100")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("status")).to_have_text("Saved.")
    with served.unit() as unit:
        [question] = unit.get(Item, draft.quiz).data["questions"]
    found = [(one["html"], one["weight"]) for one in question["choices"]]
    assert found == [("A ray", 0.0), ("The sound", 100.0)]
