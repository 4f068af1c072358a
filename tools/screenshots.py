"""Pictures of every page, light and dark, wide and narrow, in var/screenshots.

    python tools/screenshots.py COURSE.imscc FOLDER ...

A hub of its own is filled with the courses that are given (the sample course without any), and
each kind of lesson in each course is taken once, as an operator sees it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import select, update

from bloop.accounts.people import service
from bloop.accounts.people.invitations import invite
from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.sessions import system_call
from bloop.events import positions
from bloop.events.models import ParkedEvent
from bloop.jobs import ledger
from bloop.jobs.models import OVER, Job
from bloop.store.database import Database
from bloop.store.models import EVERY_INSTITUTION, OutboxEvent
from bloop.store.types import utcnow
from bloop.webhooks.models import WebhookDelivery, WebhookEndpoint
from bloop_sdk import Call, Role

ROOT = Path(__file__).resolve().parents[1]
BLOOP = Path(sys.executable).with_name("bloop")
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-sync", "--no-first-run"]
SIZES = {"wide": (1280, 900), "narrow": (320, 640)}
HUB_TOML = (
    '[hub]\nname = "Bloop"\n\n[access]\nguests = "read"\n\n'
    "[plugins.cartridge]\nenabled = true\n\n[plugins.markdown]\nenabled = true\n"
)


def bloop(folder: Path, *arguments: str | Path) -> Any:
    """What a command answers."""
    done = subprocess.run(
        [BLOOP, *arguments, "--json"], cwd=folder, capture_output=True, check=False
    )
    if done.returncode:
        sys.exit(done.stdout.decode() + done.stderr.decode())
    return json.loads(done.stdout)


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, str]]:
    """The address of a running hub, and the link that logs its operator in."""
    command: list[str | Path] = [BLOOP, "up", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = ""
        while "/start?token=" not in said:
            said += running.stdout.readline()
        try:
            urls = re.findall(r"http://\S+", said)
            yield urls[0].rstrip("/"), urls[1]
        finally:
            running.terminate()


def fill_background(folder: Path) -> dict[str, str]:
    """Write jobs in every state and events that wait; gives name and path of their pages.

    What runs is held by a machine that is not this one, so that it stays as it is.
    """
    database = Database(f"sqlite:///{folder / 'var' / 'bloop.db'}")
    (row,) = database.read_now(INSTITUTIONS, system_call(EVERY_INSTITUTION))
    call, now = system_call(row[0]), utcnow()
    lost = {"message": "canvas.example.org does not answer", "cure": "try it again later"}
    jobs: list[dict[str, Any]] = [
        {"state": "succeeded", "result": {"written": 412, "unchanged": 38}},
        {"state": "cancelled"},
        {"state": "failed", "error": lost, "progress_done": 120, "progress_total": 412},
        {"state": "waiting", "error": lost, "attempts": 2, "run_after": now + timedelta(minutes=4)},
        {"state": "running", "progress_done": 1240, "progress_total": 3800},
        {"state": "waiting", "attempts": 0},
    ]
    ids = []
    with database.unit(call) as unit:
        for number, values in enumerate(jobs):
            made = now - timedelta(minutes=3 * (len(jobs) - number))
            times = {"created_at": made, "started_at": made + timedelta(seconds=2)}
            if values["state"] in OVER:
                times["finished_at"] = made + timedelta(seconds=95)
            if values["state"] == "running":
                times["lease_until"] = now + timedelta(hours=1)
                values |= {"lease_owner": "elsewhere:1:1", "progress_message": "3. Resonance"}
            kind = "content.import" if number % 2 == 0 else "sample.sync"
            ids.append(ledger.enqueue(unit, "sample.sync", {"course": "waves", "part": number}))
            wanted = {"attempts": 1, "kind": kind, "turn": None} | times | values
            unit.session.execute(update(Job).where(Job.id == ids[-1]).values(wanted))
    parked, webhook = fill_parked(database, call), fill_webhooks(database, call)
    person, token = fill_people(database, call)
    database.close_now()
    return {
        "jobs": "/jobs",
        "jobs-none": "/jobs?state=waiting&before=0",
        "job": f"/jobs/{ids[4]}",
        "job-failed": f"/jobs/{ids[2]}",
        "job-cancel": f"/jobs/{ids[4]}/cancel",
        "events": "/events/parked",
        "events-none": "/events/parked?consumer=none",
        "event-skip": f"/events/parked/{parked}/skip",
        "webhooks": "/webhooks",
        "webhook": f"/webhooks/{webhook}",
        "webhook-new": "/webhooks/new",
        "people": "/people",
        "people-invite": "/people/invite",
        "people-registration": "/people/registration",
        "person": f"/people/{person}",
        "person-disable": f"/people/{person}/disable",
        "join": f"/join?token={token}",
    }


def fill_people(database: Database, call: Call) -> tuple[str, str]:
    """Some people and an invitation; gives somebody's id, and the invitation's token."""
    with database.unit(call) as unit:
        ada = service.create(unit, name="Ada Lovelace", email="ada@example.org", role=Role.EDUCATOR)
        gone = service.create(unit, name="Özlem Straße", email=None, role=Role.LEARNER)
        service.remove(unit, gone, None)
        invitation = invite(unit, role=Role.LEARNER, email=None, hours=24 * 7, uses=30)
    return ada, invitation.token


def fill_parked(database: Database, call: Call) -> str:
    """Park an event for a consumer that is not there, with two behind it; gives its id."""
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        positions.begin(unit, "bookmarks.follow_content", "bookmarks", 0)
    with database.unit(call) as unit:
        events = unit.session.scalars(select(OutboxEvent).order_by(OutboxEvent.seq).limit(3)).all()
        for number, event in enumerate(events):
            values: dict[str, Any] = {"state": "behind"}
            if number == 0:
                reason = "KeyError: 'url' (bloop_bookmarks/effects.py:31)"
                values = {"state": "parked", "tries": 8, "reason": reason}
            unit.session.add(
                ParkedEvent(
                    institution_id=call.institution,
                    consumer="bookmarks.follow_content",
                    seq=event.seq,
                    event_id=event.id,
                    topic=event.topic,
                    aggregate=events[0].aggregate,
                    **values,
                )
            )
        unit.session.flush()
        first = select(ParkedEvent.id).where(ParkedEvent.state == "parked")
        return str(unit.session.scalar(first))


def fill_webhooks(database: Database, call: Call) -> str:
    """Write a webhook that is well and one that was given up; gives the latter's id."""
    shared = {"institution_id": call.institution, "topics": ["content.*"], "key_id": "sample"}
    now = utcnow()
    with database.unit(call) as unit:
        made = [
            WebhookEndpoint(name="Data warehouse", url="https://dw.example.org/bloop", **shared),
            WebhookEndpoint(
                name="Our CRM",
                url="https://crm.example.org/hooks/bloop",
                enabled=False,
                disabled_reason="no success in five days; the last: it answered 503",
                **shared,
            ),
        ]
        unit.session.add_all(made)
        unit.session.flush()
        for number, status in enumerate((200, 200, 503)):
            unit.session.add(
                WebhookDelivery(
                    institution_id=call.institution,
                    endpoint_id=made[1].id,
                    event_id=f"sample-{number}",
                    topic="content.item.updated",
                    body="{}",
                    state="delivered" if status == 200 else "failed",
                    attempts=1 if status == 200 else 9,
                    status=status,
                    duration_ms=40 * (number + 1),
                    reason=None if status == 200 else "it answered 503 Service Unavailable",
                    tried_at=now - timedelta(hours=3 - number),
                )
            )
        return made[1].id


def lessons(page: Page, url: str) -> Iterator[tuple[str, str]]:
    """Name and path of each course, and of the first lesson of each kind in it."""
    page.goto(url)
    courses = page.eval_on_selector_all(".card a", "all => all.map(a => a.pathname)")
    for number, course in enumerate(courses):
        yield f"{number}-course", course
        page.goto(url + course)
        links = page.eval_on_selector_all(
            ".items a",
            "all => all.map(a => [a.querySelector('.kind').innerText.split(' ')[0], a.pathname])",
        )
        kinds = dict(reversed(links))
        yield from ((f"{number}-{kind.lower()}", path) for kind, path in kinds.items())


def take(browser: Browser, url: str, state: Any, pages: dict[str, str], target: Path) -> None:
    """Take every page in every size and scheme; ``state`` is a browser's that has logged in."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                storage_state=state,
            )
            page = context.new_page()
            for name, path in pages.items():
                page.goto(url + path)
                page.screenshot(path=target / f"{name}-{size}-{scheme}.png", full_page=True)
            context.close()


def main() -> None:
    """Fill a hub, serve it, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("courses", nargs="*", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "var" / "screenshots")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: no Chromium here: apt-get install chromium")
    os.environ.pop("BLOOP_CONFIG", None)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        (folder / "hub.toml").write_text(HUB_TOML)
        bloop(folder, "init")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        with served(folder) as (url, _start):
            take(browser, url, None, {"empty": "/"}, arguments.output)
        courses = [path.resolve() for path in arguments.courses] or [sample(folder)]
        for course in courses:
            bloop(folder, "import", course)
        background = fill_background(folder)
        with served(folder) as (url, start):
            context = browser.new_context()
            page = context.new_page()
            page.goto(start)
            found = dict(lessons(page, url))
            guests = {name: path for name, path in found.items() if name == "0-quiz"}
            guests |= {"home": "/", "missing": "/nothing", "used": "/start?token=x"}
            guests |= {"login": "/login", "forgotten": "/login/forgotten", "members": "/plugins"}
            take(browser, url, None, guests, arguments.output)
            own = {f"operator-{name}": path for name, path in found.items()}
            own |= {f"operator-{name}": path for name, path in background.items()}
            own |= {"operator-home": "/", "operator-plugins": "/plugins"}
            own |= {"account-first": "/account/password?first=true"}
            own |= {"account-sessions": "/account/sessions", "account": "/account/password"}
            take(browser, url, context.storage_state(), own, arguments.output)
        browser.close()
    print(f"{len(list(arguments.output.glob('*.png')))} pictures in {arguments.output}")


def sample(folder: Path) -> Path:
    """The sample course."""
    course = folder / "waves.imscc"
    builder = ROOT / "examples" / "build_course.py"
    subprocess.run([sys.executable, builder, "-o", course], check=True, capture_output=True)
    return course


if __name__ == "__main__":
    main()
