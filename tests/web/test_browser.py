from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from bloop.jobs import ledger
from bloop.jobs.models import JobState
from tests.web.looking import NARROW, OVERFLOW

pytestmark = pytest.mark.browser

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def visit(served, browser):
    """Open a page of the hub in a browser of its own; what its console complains of fails it."""

    @contextmanager
    def opened(path="/", **options):
        context = browser.new_context(base_url=served.url, **options)
        page = context.new_page()
        complaints = []
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.extend(failure_of(request)))
        page.goto(path)
        try:
            yield page
            assert complaints == []
        finally:
            context.close()

    return opened


def failure_of(request):
    """What the browser gave up by itself, because it went on to another page, is no failure."""
    return [] if request.failure == "net::ERR_ABORTED" else [f"{request.url} {request.failure}"]


def first_of(served, kind):
    return next(path for found, _, path in served.lessons() if found == kind)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_guest_reads_from_the_courses_to_the_first_quiz(visit, scripts):
    with visit(java_script_enabled=scripts, locale="en") as page:
        page.get_by_role("link", name="Waves, Sound and Music").click()
        # By key: a click just after a scroll may still go to the frame that was there before.
        page.get_by_role("link", name="Start with Welcome").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Welcome", timeout=30_000)
        for _ in range(20):
            if page.get_by_text("Quiz", exact=True).count():
                break
            here = page.url
            page.locator("a[rel=next]").press("Enter")
            page.wait_for_url(lambda url, here=here: url != here)
        assert page.get_by_role("heading", level=1).inner_text() == "Quiz 1: Vibration"
        assert page.frame_locator(".framed > iframe").locator(".question").count() == 7
        assert page.locator("[aria-current=page]").inner_text() == "Quiz 1: Vibration"


def test_the_outline_opens_where_one_is_and_leads_elsewhere(visit, served):
    with visit(first_of(served, "assignment"), locale="en") as page:
        open_modules = page.locator(".outline details[open] > summary")
        assert open_modules.all_inner_texts() == ["2. Waves: how sound travels"]
        page.locator(".outline summary", has_text="4. Tuning").click()
        page.get_by_role("link", name="Equal temperament", exact=True).click()
        assert page.get_by_role("heading", level=1).inner_text() == "Equal temperament"


def test_an_operator_comes_in_switches_a_plugin_and_leaves(visit, served):
    with visit(served.login_path(), locale="en") as page:
        page.get_by_role("link", name="Administration").click()
        page.get_by_role("navigation", name="Administration").get_by_role(
            "link", name="Plugins"
        ).click()
        page.get_by_role("link", name="Switch off").first.click()
        assert page.get_by_role("heading", level=1).inner_text() == "Switch off Common Cartridge?"
        page.get_by_role("button", name="Switch off").click()
        assert "switched off" in page.get_by_role("status").inner_text()
        page.get_by_role("button", name="Undo").click()
        assert "ready" in page.get_by_role("status").inner_text()
        page.get_by_role("button", name="Log out").click()
        assert page.get_by_text("You are reading as a guest.").is_visible()
        assert page.context.cookies() == []


@pytest.mark.parametrize("scripts", [True, False])
def test_who_set_a_password_logs_in_with_it_and_is_back_where_they_were(visit, served, scripts):
    password = "quiet otters juggle marble"
    with visit(served.login_path(), java_script_enabled=scripts, locale="en") as page:
        if page.get_by_role("heading", name="Welcome to Here").count():
            page.get_by_label("E-mail").fill("op@example.org")
            page.get_by_label("New password").fill(password)
            page.get_by_role("button", name="Set the password").click()
        assert page.get_by_text("You are logged in as operator.").is_visible()
    with visit("/login?next=/plugins", java_script_enabled=scripts, locale="en") as page:
        page.get_by_label("E-mail or name").fill("op@example.org")
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Log in").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Plugins"
        page.get_by_role("link", name="Account").click()
        page.get_by_role("button", name="Log out everywhere", exact=True).click()
        assert page.get_by_role("heading", level=1).inner_text() == "Log in"
        assert [one["name"] for one in page.context.cookies()] == ["bloop_known"]
        assert page.evaluate(OVERFLOW) <= 0


def test_the_keyboard_skips_to_the_content(visit, served):
    with visit(first_of(served, "page"), locale="en") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.locator(".skip").bounding_box()["y"] >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


@pytest.fixture
def job(served):
    """A job of the served hub that a machine elsewhere has begun; it is over in the end."""
    with served.unit() as unit:
        ledger.enqueue(unit, "test.elsewhere", {"course": "waves"})
        kinds = {"test.elsewhere"}
        (claim,) = ledger.claim(unit, "elsewhere:1:1", kinds, limit=1, lease_seconds=3600)
    yield Elsewhere(served, claim)
    with served.unit() as unit:
        ledger.finish(unit, claim, JobState.SUCCEEDED)


@dataclass(frozen=True)
class Elsewhere:
    """What carries a job on another machine, and writes to the ledger what becomes of it."""

    served: object
    claim: ledger.Claim

    def reach(self, done, total, message):
        told = {"progress_done": done, "progress_total": total, "progress_message": message}
        with self.served.unit() as unit:
            ledger.beat(unit, self.claim, told, 3600)

    def end(self):
        with self.served.unit() as unit:
            assert ledger.finish(unit, self.claim, JobState.SUCCEEDED, result={"written": 7})


def test_a_jobs_bar_moves_by_itself_and_its_end_is_said(visit, served, job):
    """By its stream of events alone: the page is not fetched anew meanwhile."""
    job.reach(1000, 4000, "page 1")
    with visit(served.login_path(), locale="en") as page:
        page.add_init_script("window.setInterval = () => 0")
        for path in ("/jobs", f"/jobs/{job.claim.id}"):
            page.goto(path)
            bar = page.locator(f"[data-job='{job.claim.id}'] progress")
            expect(bar).to_have_attribute("value", "1000")
            job.reach(3000, 4000, "page 3")
            expect(bar).to_have_attribute("value", "3000", timeout=30_000)
            shown = page.locator(f"[data-job='{job.claim.id}']")
            expect(shown).to_contain_text("3,000 of 4,000")
            expect(shown).to_contain_text("page 3")
            job.reach(1000, 4000, "page 1")
        job.end()
        expect(shown).to_contain_text("succeeded", timeout=30_000)
        expect(page.locator("p[data-said]")).to_have_text("test.elsewhere: succeeded")
        expect(page.get_by_text('"written": 7')).to_be_visible()


def test_without_scripts_a_reload_tells_how_far_a_job_is(visit, served, job):
    job.reach(1, 4, "")
    with visit(served.login_path(), java_script_enabled=False, locale="en") as page:
        page.get_by_role("link", name="Administration").click()
        page.get_by_role("navigation", name="Administration").get_by_role(
            "link", name="Background"
        ).click()
        row = page.locator(f"[data-job='{job.claim.id}']")
        assert "1 of 4" in row.inner_text()
        job.reach(2, 4, "")
        page.reload()
        assert "2 of 4" in row.inner_text()
        row.get_by_role("link", name="Cancel").click()
        page.get_by_role("button", name="Cancel the job").click()
        assert page.get_by_text("asked to stop").is_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_somebody_is_invited_by_a_link_and_comes_in(visit, served, scripts):
    options = {"java_script_enabled": scripts, "locale": "en"}
    with visit(served.login_path(), **options) as page:
        page.get_by_role("link", name="Administration").click()
        page.get_by_role("navigation", name="Administration").get_by_role(
            "link", name="People"
        ).click()
        page.get_by_role("link", name="Invitations").click()
        page.get_by_label("Role").select_option("educator")
        page.get_by_role("button", name="Make the link").click()
        link = page.get_by_label("Link").input_value()
        assert link.startswith(f"{served.url}/join?token=")
        expect(page.get_by_role("button", name="Copy")).to_have_count(int(scripts))
        if scripts:
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            page.get_by_role("button", name="Copy").click()
            expect(page.get_by_role("status")).to_have_text("Copied.")
            assert page.evaluate("navigator.clipboard.readText()") == link
    with visit(link.removeprefix(served.url), **options) as page:
        page.get_by_label("Your name").fill("Bo")
        page.get_by_label("Your e-mail address").fill(f"bo-{scripts}@example.org")
        page.get_by_role("button", name="Join").click()
        assert page.get_by_text("You are logged in as educator.").is_visible()


def test_nothing_scrolls_sideways_on_a_narrow_screen(visit, served, job):
    job.reach(3, 4, "verylongword" * 20)
    with visit(served.login_path(), viewport=NARROW) as page:
        # Of what they have in common test_every_page_browser.py looks at every page.
        for path in ["/jobs", f"/jobs/{job.claim.id}", *(path for *_, path in served.lessons())]:
            page.goto(path)
            assert page.evaluate(OVERFLOW) <= 0, path


def test_every_lesson_shows_its_pictures_and_formulas_without_complaint(visit, served):
    pictures = formulas = 0
    with visit("/") as page:
        for _, title, path in served.lessons():
            page.goto(path, wait_until="load")
            for frame in page.frames:
                widths = frame.eval_on_selector_all("img", "all => all.map(i => i.naturalWidth)")
                assert all(width > 0 for width in widths), title
                pictures += len(widths)
                formulas += frame.locator("math").count()
    assert pictures >= 10
    assert formulas > 20


def test_text_keeps_the_measure_that_is_read_with_ease(visit, served):
    with visit(first_of(served, "page"), viewport={"width": 1600, "height": 900}) as page:
        text = page.frame_locator(".framed > iframe")
        width = text.locator(".prose p").first.bounding_box()["width"]
        assert 500 < width < 720


def test_a_dark_screen_gets_a_dark_page(visit):
    with visit(color_scheme="dark") as page:
        red = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]")
        assert int(red) < 60


def test_german_browsers_get_german_pages(visit):
    with visit(locale="de-DE") as page:
        assert page.get_by_role("heading", level=1).inner_text() == "Kurse"
        assert page.locator("html").get_attribute("lang") == "de"


def test_a_file_is_imported_and_watched_without_reloading(visit, served, tmp_path):
    """What is empty is said before it is sent; what is sent moves on by itself to its course."""
    empty, note = tmp_path / "none.md", tmp_path / "Echoes.md"
    empty.write_text("")
    note.write_text("# Echoes\n\nA wall sends it back.\n")
    with visit(served.login_path(), locale="en") as page:
        page.goto("/imports/new")
        page.get_by_label("File").set_input_files(empty)
        page.get_by_role("button", name="Import it").click()
        assert page.evaluate("document.querySelector('[type=file]').validationMessage") != ""
        page.get_by_label("File").set_input_files(note)
        page.get_by_role("button", name="Import it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Echoes.md", timeout=30_000)
        page.evaluate("window.stayed = true")
        expect(page.get_by_role("link", name="Take it back")).to_be_visible(timeout=30_000)
        assert page.evaluate("window.stayed")
        page.get_by_role("link", name="Take it back").click()
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_text("What it brought was taken back")).to_be_visible()
