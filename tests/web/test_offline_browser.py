"""A learner on a train: a course that is kept is read, and questions answered, without the hub."""

from __future__ import annotations

import shutil
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from bloop.accounts.models import User
from bloop.accounts.service import start_session
from bloop.learning.quizzes.models import QuizResponse
from tests.support.serving import serving
from tests.web.conftest import Served

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api").expect
KEPT = "async path => Boolean(await (await caches.open('visited-1')).match(path))"
OF_NOBODY = """async () => {
  const about = await (await caches.open("files-1")).match("/offline", { ignoreVary: true });
  return !(await about.text()).includes("/logout");
}"""
WAITING = """() => new Promise((resolve) => {
  const asked = indexedDB.open("bloop", 1);
  asked.onsuccess = () => {
    const all = asked.result.transaction("answers").objectStore("answers").count();
    all.onsuccess = () => { asked.result.close(); resolve(all.result); };
  };
})"""
FOREIGN = """<!doctype html><form method="post" action="{url}{attempt}/questions/2">
<input name="csrf" value="guessed"><input name="answer" value="1"></form>
<script>document.forms[0].submit()</script>"""
LONG = 30_000  # Milliseconds; what takes long only where much else runs.


@pytest.fixture
def folder(sample, tmp_path):
    shutil.copytree(sample, tmp_path / "hub")
    return tmp_path / "hub"


@pytest.fixture
def learner(folder, browser):
    """A learner's browser, which outlives the hub."""
    made = []

    def come(served):
        with served.unit() as unit:
            user = User(institution_id=unit.institution, name="Lena", role="learner")
            unit.session.add(user)
            unit.session.flush()
            token = start_session(unit, user).token
        context = browser.new_context(base_url=served.url, locale="en")
        made.append(context)
        context.add_cookies([{"name": "bloop_session", "value": token, "url": served.url}])
        return context.new_page()

    yield come
    for context in made:
        context.close()


def keep(served, page):
    """Keep the course and begin its first quiz; a lesson's path, and the attempt's."""
    course = served.bloop("content", "tree")["items"][0]["id"]
    page.goto(f"/courses/{course}")
    page.get_by_role("button", name="Keep on this device").click()
    said = page.get_by_role("status").last
    expect(said).to_have_text("The course is on this device.", timeout=LONG)
    paths = {kind: path for kind, _, path in reversed(served.lessons())}
    page.goto(paths["quiz"])
    page.locator("#take").click()
    attempt = urlsplit(page.url).path
    page.wait_for_function(KEPT, arg=f"{attempt}?question=7", timeout=LONG)
    return paths["page"], attempt


def sent_by_another_site(page, url, attempt):
    """How many answers wait after another site has sent one from this browser."""
    told = FOREIGN.format(url=url, attempt=attempt)
    page.route(
        "http://other.test/", lambda route: route.fulfill(body=told, content_type="text/html")
    )
    with page.expect_response(lambda said: said.request.method == "POST") as said:
        page.goto("http://other.test/")
    assert said.value.status in {401, 403}
    page.goto("/offline")
    return page.evaluate(WAITING)


def test_a_course_is_read_and_answered_without_the_hub(folder, learner):
    with serving(folder) as url:
        served = Served(folder, url)
        page = learner(served)
        lesson, attempt = keep(served, page)
        assert page.evaluate(OF_NOBODY)
        assert sent_by_another_site(page, url, attempt) == 0
    page.goto(lesson)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    assert len(page.frame_locator("iframe").locator("main").inner_text()) > 200
    page.goto(f"{attempt}?question=1")
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_text("Your answer is kept")).to_be_visible()
    page.get_by_role("link", name="Next question").click()
    expect(page.get_by_role("heading", name="Question 2")).to_be_visible()
    page.goto(f"{attempt}?question=1")
    expect(page.get_by_text("waits to be sent")).to_be_visible()
    with serving(folder, str(urlsplit(url).port)):
        page.goto("/offline")
        expect(page.get_by_text("Answers that were sent: 1")).to_be_visible(timeout=LONG)
        expect(page.get_by_role("heading", name="Answers that wait")).to_be_hidden()
        page.goto(f"{attempt}?question=1")
        expect(page.get_by_text("Your answer", exact=True)).to_be_visible()
        with served.unit() as unit:
            assert unit.session.scalar(select(func.count()).select_from(QuizResponse)) == 1
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("link", name="Log in")).to_be_visible(timeout=LONG)
    page.goto(lesson)
    expect(page.get_by_text("Nothing is kept here yet")).to_be_visible()
