"""A learner bookmarks a lesson in a real browser, without script."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.web.conftest import BLOOP, ROOT, Served, run_bloop

pytestmark = pytest.mark.browser

SOURCE = Path(__file__).parents[1]
HUB_TOML = """\
[hub]
name = "Here"

[log]
level = "error"

[plugins.cartridge]
enabled = true

[plugins.bookmarks]
enabled = true
link_key = { env = "BOOKMARKS_LINK_KEY" }
"""


@pytest.fixture
def installed_for_processes(tmp_path, monkeypatch):
    """The plugin on the path of processes that this test starts."""
    info = tmp_path / "site" / "bloop_bookmarks-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bloop-bookmarks\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(
        "[bloop.plugins]\nbookmarks = bloop_bookmarks:BookmarksPlugin\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{info.parent}{os.pathsep}{SOURCE}")
    monkeypatch.setenv("BOOKMARKS_LINK_KEY", "a key of sixteen or more letters")


@pytest.fixture
def served(tmp_path, installed_for_processes):
    """A hub with the sample course and bookmarks, in a process of its own."""
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / "hub.toml").write_text(HUB_TOML)
    course = folder / "waves.imscc"
    builder = ROOT / "examples" / "build_course.py"
    subprocess.run([sys.executable, builder, "-o", course], check=True, capture_output=True)
    run_bloop(folder, "init")
    run_bloop(folder, "import", course)
    with started(folder) as url:
        yield Served(folder, url)


@contextmanager
def started(folder):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BLOOP_")}
    with subprocess.Popen(
        [BLOOP, "up", "--port", "0"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        said = ""
        while "Stop with" not in said:
            line = running.stdout.readline()
            assert line, said
            said += line
        try:
            yield re.search(r"http://[\d.]+:\d+", said)[0]
        finally:
            running.terminate()
            running.stdout.read()


def test_a_lesson_is_bookmarked_found_again_and_removed(served, browser):
    _, title, path = next(lesson for lesson in served.lessons() if lesson[0] == "page")
    context = browser.new_context(base_url=served.url, java_script_enabled=False, locale="en")
    page = context.new_page()
    complaints = []
    page.on("console", lambda said: complaints.append(said.text))
    page.goto(served.login_path())
    page.get_by_role("link", name="Bookmarks", exact=True).click()
    assert page.get_by_role("heading", name="No bookmarks yet").is_visible()
    page.goto(path)
    # The text above grows as its frame is read, so that a click may miss what moves.
    page.get_by_role("button", name="Bookmark this").press("Enter")
    panel = page.get_by_label("From plugins")
    panel.get_by_text("In your bookmarks").wait_for()
    if folder := os.environ.get("BLOOP_TEST_PICTURES"):
        page.screenshot(path=f"{folder}/panel.png", full_page=True)
    panel.get_by_role("link", name="bookmarks").press("Enter")
    page.wait_for_url("**/x/bookmarks/")
    assert page.get_by_role("heading", level=1).inner_text() == "Bookmarks"
    if folder:
        page.screenshot(path=f"{folder}/page.png", full_page=True)
    page.get_by_role("link", name="this link").click()
    page.get_by_role("link", name=title).click()
    page.wait_for_url(f"**{path}")
    assert page.get_by_role("heading", level=1).inner_text() == title
    page.get_by_role("button", name="Remove").press("Enter")
    page.get_by_role("button", name="Bookmark this").wait_for()
    page.set_viewport_size({"width": 320, "height": 640})
    for narrow in (path, "/x/bookmarks/"):
        page.goto(narrow)
        assert page.locator("main").bounding_box()["width"] <= 320
    context.close()
    assert complaints == []
