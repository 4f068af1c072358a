from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from tests.support.run import locked
from tests.support.serving import serving

ROOT = Path(__file__).resolve().parents[2]
BLOOP = Path(sys.executable).with_name("bloop")
HUB_TOML = """\
[hub]
name = "Here"

[access]
guests = "read"

[log]
level = "error"

[plugins.cartridge]
enabled = true

[plugins.markdown]
enabled = true
"""


@dataclass(frozen=True)
class Served:
    """A hub that runs in a process of its own."""

    folder: Path
    url: str

    def bloop(self, *arguments):
        """What a command beside the running hub answers."""
        from bloop.cli.main import cli

        config = self.folder / "hub.toml"
        environment = {name: None for name in os.environ if name.startswith("BLOOP_")}
        given = ["--config", str(config), *map(str, arguments), "--json"]
        # In a thread of its own: where a browser is driven, this one has an event loop already.
        with ThreadPoolExecutor(1) as pool:
            done = pool.submit(CliRunner(env=environment).invoke, cli, given).result()
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def login_path(self):
        """A fresh link that logs the operator in, without its host."""
        return "/start" + self.bloop("login-link")["url"].partition("/start")[2]

    @contextmanager
    def unit(self):
        """A transaction of the first institution, beside the running hub."""
        from bloop.accounts.queries import INSTITUTIONS
        from bloop.accounts.sessions import system_call
        from bloop.store.database import Database
        from bloop.store.models import EVERY_INSTITUTION

        database = Database(f"sqlite:///{self.folder / 'var' / 'bloop.db'}")
        try:
            (row,) = database.read_now(INSTITUTIONS, system_call(EVERY_INSTITUTION))
            with database.unit(system_call(row[0])) as unit:
                yield unit
        finally:
            database.close_now()

    def lessons(self, course=None):
        """All lessons of a course's outline in order: their kind, title and path."""
        items = self.bloop("content", "tree", *([course] if course else []))["items"]
        waiting = [node for item in items for node in item["nodes"]]
        found = []
        while waiting:
            node = waiting.pop(0)
            waiting = node["children"] + waiting
            if node["item"]:
                found.append((node["kind"], node["title"], f"/lessons/{node['item']}"))
        return found


def run_bloop(folder, *arguments):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BLOOP_")}
    done = subprocess.run(
        [BLOOP, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def sample(run_folder):
    """The folder of a hub with the sample course, which is made once in a run."""
    made, unfinished = run_folder / "sample", run_folder / "sample.unfinished"
    with locked(run_folder, "sample"):
        if not made.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            (unfinished / "hub.toml").write_text(HUB_TOML)
            builder, course = ROOT / "examples" / "build_course.py", unfinished / "waves.imscc"
            subprocess.run([sys.executable, builder, "-o", course], check=True, capture_output=True)
            run_bloop(unfinished, "init")
            run_bloop(unfinished, "import", course)
            unfinished.rename(made)
    return made


@pytest.fixture(scope="session")
def filled(sample, run_folder):
    """The folder of a hub with something on every page, made once in a run; and what it holds."""
    from tests.web.filled import Filled, fill_folder

    folder, known = run_folder / "filled", run_folder / "filled.json"
    with locked(run_folder, "filled"):
        if not known.exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(sample, folder)
            known.write_text(json.dumps(asdict(asyncio.run(fill_folder(folder)))))
    return folder, Filled(**json.loads(known.read_text()))


@pytest.fixture(scope="session")
def served(sample, tmp_path_factory):
    """A served hub with the sample course, whose published content guests may read."""
    folder = tmp_path_factory.mktemp("served") / "hub"
    shutil.copytree(sample, folder)
    with serving(folder) as url:
        yield Served(folder, url)


@pytest.fixture
def written(served):
    """A course of one test's own in the hub that all share: its id."""
    from bloop.content import service
    from bloop.content.models import Container

    with served.unit() as unit:
        course = service.create_container(unit, title="Acids", published=True).id
    yield course
    with served.unit() as unit:
        service.trash(unit, Container, course, None)


@pytest.fixture
def guest(served):
    """A browser without a session, which asks for pages."""
    with httpx.Client(base_url=served.url, headers={"accept": "text/html"}) as client:
        yield client


@pytest.fixture
def operator(served):
    """A browser that has followed the operator's link."""
    headers = {"accept": "text/html"}
    with httpx.Client(base_url=served.url, headers=headers, follow_redirects=True) as client:
        assert client.get(served.login_path()).status_code == 200
        yield client


@pytest.fixture
def admin(served):
    """A browser of an admin of the first institution, who is no operator."""
    from bloop.accounts.models import User
    from bloop.accounts.service import start_session

    with served.unit() as unit:
        user = User(institution_id=unit.institution, name="Ada", role="admin")
        unit.session.add(user)
        unit.session.flush()
        token = start_session(unit, user).token
    headers = {"accept": "text/html"}
    with httpx.Client(base_url=served.url, headers=headers, follow_redirects=True) as client:
        client.cookies.set("bloop_session", token)
        yield client


def csrf_of(page):
    """The token in a page's forms."""
    return re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)[1]
