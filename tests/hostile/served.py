"""A real `bloop up` with hostile plugins beside the good one, and how each is provoked."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from bloop.accounts.models import User
from bloop.accounts.service import ensure_institution, start_session
from bloop.accounts.sessions import system_call
from bloop.content.models import Container, Item
from bloop.jobs.ledger import enqueue
from bloop.store.database import Database
from bloop.store.ids import new_id
from bloop.store.migrate import upgrade_core
from bloop.store.models import EVERY_INSTITUTION
from bloop.tables import core_metadata
from bloop_sdk import Role
from tests.hostile.cases import Case

BLOOP = Path(sys.executable).with_name("bloop")
PATIENCE_SECONDS = 90
HUB_TOML = """\
[access]
guests = "read"

[limits]
import_seconds = 3
watchdog_seconds = 3
memory_bytes = 400_000_000
drain_seconds = 1

[plugins.cartridge]
enabled = true
"""


class StuckError(AssertionError):
    """The hub did not come to where it should have; the message is what it said."""


@dataclass
class Served:
    """A hub that runs, its operator's client, and what its pages show."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]
    database: Database
    institution: str
    item: str
    draft: str
    client: httpx.Client
    begun: dict[str, Future[tuple[int, str]]] = field(default_factory=dict)

    def said(self) -> str:
        """All it wrote so far."""
        return (self.folder / "up.log").read_text("utf-8", "replace")

    def pid(self) -> int | None:
        """The process that serves, which is the supervisor's only child."""
        children = psutil.Process(self.process.pid).children()
        return children[0].pid if children else None

    def until(self, true: Callable[[], Any], what: str) -> Any:
        """Wait until something holds; gives it."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(httpx.TransportError):
                if found := true():
                    return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise StuckError(f"no {what} in:\n{self.said()[-6000:]}")

    def ready(self) -> None:
        """Wait until plugins are loaded, and good routes answer."""
        self.until(lambda: self.client.get("/readyz").status_code == 200, "readiness")
        self.good()

    def good(self) -> None:
        """A good route answers, and the good plugin is ready."""
        item = self.client.get(f"/api/v1/items/{self.item}")
        assert item.status_code == 200, item.text
        assert item.json()["title"] == "Sound"
        assert self.plugin("cartridge")["state"] == "ready"

    def plugin(self, plugin_id: str) -> dict[str, Any]:
        """What the API says of a plugin: the same as `bloop plugins doctor --json`."""
        answer = self.client.get(f"/api/v1/plugins/{plugin_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def doctor(self) -> dict[str, dict[str, Any]]:
        """What `bloop plugins doctor --json` says, by plugin."""
        done = subprocess.run(
            [BLOOP, "--config", self.folder / "hub.toml", "plugins", "doctor", "--json"],
            env=_environment(self.folder),
            capture_output=True,
            text=True,
            check=False,
        )
        return {item["id"]: item for item in json.loads(done.stdout)["items"]}

    def provoke(self, case: Case) -> tuple[int | None, str]:
        """Do what wakes a case; the status and the text that came back, None for none."""
        if case.id in self.begun:
            return self.begun[case.id].result()
        try:
            return getattr(self, f"_{case.provoke}")(case)
        except httpx.TransportError as err:
            return None, type(err).__name__

    def begin(self, cases: Sequence[Case]) -> None:
        """Provoke what takes long, all at once and beside everything else."""
        slow = [case for case in cases if case.slow]
        pool = ThreadPoolExecutor(max(1, len(slow)))
        self.begun = {case.id: pool.submit(self._route, case) for case in slow}
        pool.shutdown(wait=False)

    def _start(self, _case: Case) -> tuple[None, str]:
        return None, ""

    def _route(self, case: Case) -> tuple[int, str]:
        return _told(self.client.get(f"/x/{case.id}/go"))

    def _page(self, case: Case) -> tuple[int, str]:
        with self._armed(case):
            asked = (f"/lessons/{self.item}", f"/lessons/{self.item}/text")
            page, text = (self.client.get(path, headers={"accept": "text/html"}) for path in asked)
        assert "Sound is a wave" in text.text or text.status_code != 200
        return page.status_code if page.status_code != 200 else text.status_code, ""

    def _publish(self, case: Case) -> tuple[int, str]:
        with self._armed(case):
            shown = self.client.get(f"/api/v1/items/{self.draft}")
            return _told(
                self.client.post(
                    f"/api/v1/items/{self.draft}/publish",
                    headers={"if-match": shown.headers["etag"]},
                )
            )

    def _readyz(self, case: Case) -> tuple[int, str]:
        with self._armed(case):
            return _told(self.client.get("/readyz"))

    def _disable(self, case: Case) -> tuple[int, str]:
        return _told(self.client.post(f"/api/v1/plugins/{case.id}/disable"))

    def _job(self, case: Case) -> tuple[int | None, str]:
        with self.database.unit(system_call(self.institution)) as unit:
            job = enqueue(unit, f"{case.id}.work", {}, plugin_id=case.id, max_attempts=1)
        return self._ended(job, case)

    def _import(self, case: Case) -> tuple[int | None, str]:
        files = {"file": (f"course.{case.id}", b"anything")}
        answer = self.client.post("/api/v1/imports", params={"plugin": case.id}, files=files)
        assert answer.status_code == 202, answer.text
        return self._ended(answer.json()["job"], case)

    def _ended(self, job: str, case: Case) -> tuple[int | None, str]:
        before = self.pid()
        over = {"failed", "succeeded", "cancelled"}

        def ended() -> Any:
            if case.costs == "process" and self.pid() != before:
                return {"state": "the process died", "error": None}
            found = self.client.get(f"/api/v1/jobs/{job}").json()
            return found if found["state"] in over else None

        found = self.until(ended, f"end of the job of {case.id}")
        return None, f"{found['state']}: {json.dumps(found['error'])}"

    @contextlib.contextmanager
    def _armed(self, case: Case) -> Iterator[None]:
        file = self.folder / "site" / f"bloop_{case.id}" / "armed"
        file.touch()
        try:
            yield
        finally:
            file.unlink()


def _told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.text


def _environment(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("BLOOP_")}
    return kept | {"PYTHONPATH": str(folder / "site"), "PYTHONUNBUFFERED": "1"}


def _fill(database: Database) -> tuple[str, str, str, str]:
    """A course with a lesson and a draft, and an operator: institution, both ids, her token."""
    core_metadata()
    upgrade_core(database)
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        home = ensure_institution(unit, name="Here").id
    with database.unit(system_call(home)) as unit:
        operator = User(institution_id=home, name="Olga", role=Role.OPERATOR)
        unit.session.add(operator)
        unit.session.flush()
        token = start_session(unit, operator).token
        course, item, draft = new_id(), new_id(), new_id()
        named = {"institution_id": home, "title": "Waves"}
        unit.session.add(Container(id=course, remote_id=course, kind="course", **named))
        unit.session.flush()
        for id_, title, published in ((item, "Sound", True), (draft, "Light", False)):
            unit.session.add(
                Item(
                    institution_id=home,
                    id=id_,
                    remote_id=id_,
                    container_id=course,
                    kind="page",
                    title=title,
                    published=published,
                    html="<p>Sound is a wave of pressure.</p>",
                    data={},
                )
            )
    return home, item, draft, token


@contextlib.contextmanager
def served(folder: Path, cases: Sequence[Case], *, wake: bool = True) -> Iterator[Served]:
    """A hub in ``folder`` with some plugins enabled; ``wake`` begins with those that take long."""
    toml = HUB_TOML
    site = folder / "site"
    site.mkdir(parents=True)
    for case in cases:
        case.write(site)
        toml += f"\n[plugins.{case.id}]\nenabled = true\n"
    (folder / "hub.toml").write_text(toml)
    (folder / "var").mkdir()
    database = Database(f"sqlite:///{folder / 'var' / 'bloop.db'}")
    institution, item, draft, token = _fill(database)
    with (folder / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [BLOOP, "--config", folder / "hub.toml", "up", "--port", "0"],
            env=_environment(folder),
            stdout=log,
            stderr=log,
        )
    headers = {"authorization": f"Bearer {token}"}
    client = httpx.Client(headers=headers, timeout=PATIENCE_SECONDS)
    hub = Served(folder, "", process, database, institution, item, draft, client)
    try:
        found = hub.until(lambda: re.search(r"Courses +(http://[\d.]+:\d+)", hub.said()), "address")
        hub.url = found[1]
        client.base_url = httpx.URL(hub.url)
        hub.ready()
        if wake:
            hub.begin(cases)
        yield hub
    finally:
        client.close()
        database.close_now()
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    running = [process.pid]
    with contextlib.suppress(psutil.Error):
        running += [child.pid for child in psutil.Process(process.pid).children()]
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        for pid in running:
            with contextlib.suppress(psutil.Error):
                psutil.Process(pid).kill()
        process.wait()
