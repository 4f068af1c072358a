"""A day of a learner, an educator and an operator, in a real browser, over one served hub.

And what only a real connection shows: a live stream that is cut goes on where it was, and one that
nobody reads holds nobody up.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import sqlite3
import struct
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest
from argon2 import PasswordHasher, profiles

from tests.support.serving import serving
from tests.web.looking import NARROW
from tests.web.walking import walking

pytestmark = pytest.mark.browser
pytest.importorskip("playwright.sync_api")

PASSWORD = "quiet otters juggle marble"
ROLES = ("learner", "educator", "operator")


@pytest.fixture(scope="module")
def site(filled, tmp_path_factory):
    """The address of a served hub with something on every page, whose people have passwords."""
    folder = tmp_path_factory.mktemp("journeys") / "hub"
    shutil.copytree(filled[0], folder)
    ids = filled[1].ids
    hashed = PasswordHasher.from_parameters(profiles.CHEAPEST).hash(PASSWORD)
    with closing(sqlite3.connect(folder / "var" / "bloop.db")) as database:
        database.execute("delete from mfa_totp")
        database.execute(
            "update login_session set proved_at = strftime('%Y-%m-%d %H:%M:%f', 'now')"
        )
        for role in ROLES:
            values = (f"{role}@example.org", ids[role])
            database.execute("update account_user set email = ? where id = ?", values)
            row = (ids["institution"], ids[role], hashed)
            database.execute(
                "insert into password_credential (institution_id, user_id, hash, changed_at)"
                " values (?, ?, ?, strftime('%Y-%m-%d %H:%M:%f', 'now'))",
                row,
            )
        database.commit()
    with serving(folder) as url:
        yield url, filled[1]


@pytest.fixture
def walk(site, browser):
    """Somebody who comes with a browser."""
    url, filled = site
    return lambda **options: walking(browser, url, filled.ids, **options)


def test_a_learner_reads_answers_looks_around_and_writes(walk):
    with walk() as nora:
        nora.log_in("learner@example.org", PASSWORD)
        nora.open_course("Waves, Sound and Music")
        nora.take_quiz()
        nora.open("/map?course={course}")
        nora.sees("Waves, Sound and Music")
        nora.write_note("Sound needs a medium.")
        nora.open("/notes")
        nora.sees("Sound needs a medium.")
        nora.search("wave", finds=re.compile("[Ww]ave"))
        nora.log_out()
        nora.open("/account/learning")
        assert nora.heading == "Please log in"


def test_with_a_phone_and_no_mouse_a_lesson_is_found_and_read(walk):
    with walk(keys=True, viewport=NARROW) as nora:
        nora.log_in("learner@example.org", PASSWORD)
        nora.open_course("Waves, Sound and Music")
        nora.read_lesson()
        nora.search("wave", finds=re.compile("[Ww]ave"))
        nora.log_out()


def test_who_teaches_looks_after_course_people_and_concepts(walk):
    with walk(viewport=NARROW) as ali:
        ali.log_in("educator@example.org", PASSWORD)
        ali.open("/courses/{course}")
        for part in ("People", "Progress", "Gaps"):
            ali.page.get_by_role("main").get_by_role("link", name=part, exact=True).click()
            ali.page.get_by_role("heading", level=1).wait_for()
        ali.open("/courses/{course}/people")
        ali.sees("Class 9b")
        ali.accept_suggestion()
        ali.pin_lesson()
        ali.log_out()


def test_who_runs_it_invites_checks_switches_and_looks_it_up(walk):
    with walk(viewport=NARROW) as op:
        op.log_in("operator@example.org", PASSWORD)
        assert "/join?token=" in op.invite()
        op.open("/connections/{connection}")
        op.button("Check it")
        op.page.get_by_role("heading", name="Physics", level=1).wait_for()
        for act in ("off", "on"):
            op.open("/plugins/notion/institution")
            op.button(f"Switch {act} for your institution")
            op.page.wait_for_url("**/plugins**")
        op.open("/jobs/{job-failed}")
        op.button(re.compile("again", re.IGNORECASE))
        op.page.get_by_role("heading", level=1).wait_for()
        op.open("/audit")
        op.sees("plugin")
        op.log_out()


# -- live streams over real connections


class Listener:
    """A connection to the hub's events; ``last`` is the id of the last one that was read."""

    def __init__(self, url, session, last="", buffer=None):
        place = urlsplit(url)
        self.socket = socket.socket()
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(30)
        self.socket.connect((place.hostname, place.port))
        head = [
            "GET /api/v1/events?topics=user.* HTTP/1.1",
            f"host: {place.netloc}",
            f"authorization: Bearer {session}",
            *([f"last-event-id: {last}"] if last else []),
        ]
        self.socket.sendall("\r\n".join([*head, "", ""]).encode())
        self.last, self._text = last, ""

    def next(self):
        """The subject of the next event that is one of a group."""
        while True:
            block, ended, rest = self._text.partition("\n\n")
            if not ended:
                self._text += self.socket.recv(65536).decode().replace("\r\n", "\n")
                continue
            self._text = rest
            if found := re.search(r"^id: (.+)$", block, re.MULTILINE):
                self.last = found[1]
            if found := re.search(r"^data: (.+)$", block, re.MULTILINE):
                event = json.loads(found[1])
                if "group" in event["subject"]:
                    return event["subject"]

    def cut(self):
        """Break the connection off at once, with no word of it (RST)."""
        now = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
        self.socket.close()


@pytest.fixture
def operator(site):
    url, filled = site
    headers = {"authorization": f"Bearer {filled.sessions['operator']}"}
    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30) as client:
        yield client


def test_a_stream_that_is_cut_goes_on_without_a_lost_or_doubled_event(site, operator):
    url, session = site[0], site[1].sessions["operator"]

    def make(*names):
        made = [operator.post("/groups", json={"name": name}).raise_for_status() for name in names]
        return [f"group:{answer.json()['id']}" for answer in made]

    listener = Listener(url, session)
    operator.get("/account").raise_for_status()  # By then the hub has taken both connections.
    told, heard = [], []
    for turn in range(3):
        told += make(f"Cut {turn} a", f"Cut {turn} b")
        heard.append(listener.next())
        listener.cut()
        told += make(f"Cut {turn} c")
        listener = Listener(url, session, listener.last)
    heard += [listener.next() for _ in range(len(told) - len(heard))]
    listener.cut()
    assert heard == told


def test_whoever_does_not_read_holds_nobody_up(site, operator):
    url, session = site[0], site[1].sessions["operator"]
    idle = [Listener(url, session, buffer=1024) for _ in range(8)]
    reader = Listener(url, session)
    operator.get("/account").raise_for_status()
    for number in range(12):
        answer = operator.post("/groups", json={"name": f"Slow {number} " + "x" * 150})
        assert reader.next() == f"group:{answer.json()['id']}"
    assert operator.get("/groups").status_code == 200
    for one in [*idle, reader]:
        one.cut()
