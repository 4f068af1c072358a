"""A purge that is killed anywhere: the next one does the rest."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from bloop.hub import Hub
from bloop.ops import purge_rows
from bloop.ops.purge import plan, purge
from bloop.store import migrate
from bloop.store.models import AuditLine
from tests.ops.left import EVERYBODY, ROOT, files

KILLED = """
import json, os, signal, sys
from pathlib import Path
from bloop.hub import Hub
from bloop.ops.purge import purge
from sqlalchemy.orm import configure_mappers

configure_mappers()  # Once, and not in each child.
for line in sys.stdin:
    path, wanted = json.loads(line)
    child = os.fork()
    if child == 0:
        def on_step(name):
            if name == wanted:
                os.kill(os.getpid(), signal.SIGKILL)
        purge(Hub.open(Path(path), "cli"), "tiny", content=True, on_step=on_step)
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""


@pytest.fixture
def killed():
    """Purges in a process that is killed as it comes to a step."""
    server = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )

    def run(path, step):
        server.stdin.write(json.dumps([str(path), step]) + "\n")
        server.stdin.flush()
        assert int(server.stdout.readline()) == signal.SIGKILL, step

    yield run
    server.stdin.close()
    assert server.wait(20) == 0
    server.stdout.close()


def all_gone(hub, before, untouched):
    assert files(hub) == untouched
    assert not (hub.config.value.hub.data_dir / "plugins" / "tiny").exists()
    assert not list((hub.config.value.hub.data_dir / "purge").iterdir())
    assert "[plugins.tiny]" not in hub.config.path.read_text()
    with hub.database.unit(EVERYBODY) as unit:
        assert migrate.tables_of(unit.session.connection(), "tiny") == []
        lines = unit.session.scalars(
            select(AuditLine.detail).where(AuditLine.action == "plugins:purge")
        ).all()
    assert lines[0]["removed"] == before["removed"]


STEPS = (
    *("note", "content", *(one.what for one in purge_rows.OWNED)),
    *("who holds bytes", "tables", "commit", "bytes", "folder", "journal", "hub.toml", "done"),
)


def restore(template, hub):
    """The hub's folder and SQLite file as they were."""
    shutil.rmtree(hub.config.path.parent)
    shutil.copytree(template, hub.config.path.parent)
    file = Path(hub.database.url.database)
    for left in file.parent.glob(f"{file.name}-*"):
        left.unlink()
    shutil.copy(template / "kept.db", file)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_kill_at_any_step_leaves_what_the_next_purge_removes(hub, killed, tmp_path):
    """On SQLite each kill begins from the same hub; on PostgreSQL each follows the last."""
    found = plan(hub, "tiny", content=True)
    before = found.as_dict()
    untouched = sorted(set(files(hub)) - {digest[2:] for _, digest in found.blobs})
    assert untouched
    hub.database.close_now()
    template = tmp_path / "template"
    shutil.copytree(hub.config.path.parent, template)
    afresh = hub.database.dialect == "sqlite"
    if afresh:
        shutil.copy(hub.database.url.database, template / "kept.db")
    for step in STEPS:
        if afresh:
            restore(template, hub)
        killed(hub.config.path, step)
        if afresh or step == STEPS[-1]:
            again = Hub.open(hub.config.path, "cli")
            purge(again, "tiny", content=True)
            all_gone(again, before, untouched)
            again.database.close_now()


def test_the_steps_are_the_ones_that_were_killed_at(hub):
    taken = []
    purge(hub, "tiny", content=True, on_step=taken.append)
    assert tuple(taken) == STEPS
