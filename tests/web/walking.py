"""People who walk through the pages of a hub in a browser: a page object for each thing they do.

Whatever they use is found by its role and its words, as by somebody who can't see the page. A walk
with ``keys`` uses nothing but the keyboard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.web.looking import OVERFLOW

MOST_TABS = 200
_FOCUSED = "element => element === document.activeElement"


@dataclass
class Walker:
    """Somebody with a browser. ``ids`` are those of what the hub was filled with."""

    page: Any
    ids: dict[str, str]
    keys: bool = False

    # -- the means

    def open(self, path: str) -> None:
        """Go to an address of the hub; ``{name}`` is an id."""
        self.page.goto(re.sub(r"{([\w-]+)}", lambda found: self.ids[found[1]], path))

    def use(self, found: Any) -> None:
        """Press a link or button: with the mouse, or by Tab and Enter."""
        self._arrive(found)
        if self.keys:
            self.page.keyboard.press("Enter")
        else:
            found.click()

    def link(self, name: str | re.Pattern[str]) -> None:
        """Follow the first link that is called so."""
        self.use(self.page.get_by_role("link", name=name).first)

    def button(self, name: str | re.Pattern[str]) -> None:
        """Press the first button that is called so."""
        self.use(self.page.get_by_role("button", name=name).first)

    def write(self, label: str, words: str) -> None:
        """Write into the field that is labelled so."""
        field = self.page.get_by_label(label).first
        self._arrive(field)
        if self.keys:
            self.page.keyboard.type(words)
        else:
            field.fill(words)

    def sees(self, words: str) -> None:
        """Be sure that the page says so, and that a phone needs not scroll across."""
        self.page.locator("main").get_by_text(words).first.wait_for()
        assert self.page.evaluate(OVERFLOW) <= 0, self.page.url

    @property
    def heading(self) -> str:
        """What the page is about."""
        return str(self.page.get_by_role("heading", level=1).inner_text())

    def _arrive(self, found: Any) -> None:
        found.wait_for()
        if not self.keys:
            return
        for _ in range(MOST_TABS):
            if found.evaluate(_FOCUSED):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {found}")

    # -- what everybody does

    def log_in(self, email: str, password: str) -> None:
        """Log in by the page's form, from wherever one is."""
        self.open("/login")
        self.write("E-mail or name", email)
        self.write("Password", password)
        self.button("Log in")
        self.page.get_by_role("button", name="Log out").wait_for()

    def log_out(self) -> None:
        """Log out, and be a guest."""
        self.button("Log out")
        self.page.get_by_role("link", name="Log in").first.wait_for()

    def search(self, words: str, finds: str) -> None:
        """Find something, and go there."""
        self.open("/search")
        self.write("Words", words)
        self.use(self.page.get_by_role("main").get_by_role("button", name="Search"))
        self.link(finds)

    # -- what learners do

    def open_course(self, title: str) -> None:
        """From the first page into a course."""
        self.open("/")
        self.link(title)
        assert self.heading == title

    def read_lesson(self) -> None:
        """Open a lesson, and say that it is read."""
        self.open("/lessons/{link}" if "link" in self.ids else "/lessons/{page}")
        self.button("Mark as done")
        self.page.get_by_role("button", name="Not done after all").wait_for()

    def take_quiz(self) -> None:
        """Answer a question with the first choice, and finish."""
        self.open("/lessons/{quiz}")
        self.button(re.compile("Go on|Take|Start"))
        self.page.wait_for_url("**/attempts/**")
        self.page.get_by_role("main").get_by_role("radio").first.check()
        self.page.get_by_role("main").get_by_role("button").first.click()
        self.button(re.compile("Finish"))
        self.page.get_by_role("heading", name=re.compile("result", re.IGNORECASE)).first.wait_for()

    def write_note(self, words: str) -> None:
        """Write a note beside a lesson."""
        self.open("/lessons/{page}")
        self.write("Write a note", words)
        self.button("Keep the note")
        self.sees(words)

    # -- what those who teach do

    def accept_suggestion(self) -> str:
        """Accept what is ticked first; the name of it."""
        self.open("/concepts/suggestions")
        box = self.page.get_by_role("main").get_by_role("checkbox").first
        name = str(box.evaluate("box => box.labels[0].innerText"))
        box.check()
        self.button(re.compile("Accept"))
        self.page.wait_for_url("**changed=**")
        return name

    def pin_lesson(self) -> None:
        """Pin a lesson of a course, and take it back."""
        self.open("/courses/{course}/recommendations")
        lesson = self.page.get_by_label("Lesson", exact=True)
        lesson.select_option(index=1)
        self.page.get_by_label("Pin").check()
        self.button("Save")
        self.button("Undo")
        self.page.get_by_role("main").wait_for()

    # -- what those who run it do

    def invite(self) -> str:
        """Make a link that lets somebody join; what it is."""
        self.open("/people/invite")
        self.button("Make the link")
        link = self.page.get_by_label("Link", exact=True)
        link.wait_for()
        return str(link.input_value())


@contextmanager
def walking(
    browser: Any, url: str, ids: dict[str, str], *, keys: bool = False, **options: Any
) -> Iterator[Walker]:
    """Somebody who comes with a browser of their own; what its console says fails them."""
    context = browser.new_context(base_url=url, locale="en", reduced_motion="reduce", **options)
    context.set_default_timeout(15_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("response", lambda answer: complaints.extend(_failed(answer)))
    try:
        yield Walker(page, ids, keys)
        assert complaints == []
    finally:
        context.close()


def _failed(answer: Any) -> list[str]:
    return [f"{answer.status} {answer.url}"] if answer.status >= 500 else []
