from __future__ import annotations

import os
import shutil

import pytest

from bloop.hub import Hub
from tests.ops.left import build
from tests.support.database import DIALECTS
from tests.support.run import locked


@pytest.fixture(params=DIALECTS)
def hub(request, tmp_path, run_folder, monkeypatch):
    """A hub on which two plugins, tiny and tiny_two, have left a bit of everything.

    It is filled once in a run, and copied for each test.
    """
    for name in [name for name in os.environ if name.startswith("BLOOP_")]:
        monkeypatch.delenv(name)
    template = run_folder / f"purge-{request.param}"
    if request.param == "sqlite":
        with locked(run_folder, "purge"):
            if not template.exists():
                url = f"sqlite:///{run_folder}/purge.db"
                build(template, url, url)
        url = owner_url = f"sqlite:///{tmp_path}/bloop.db"
        shutil.copy(run_folder / "purge.db", tmp_path / "bloop.db")
    else:
        cluster = request.getfixturevalue("postgres_cluster")
        name = cluster.template("purge", lambda made: build(template, made.app_url, made.owner_url))
        made = cluster.create(name)
        url, owner_url = made.app_url, made.owner_url
    shutil.copytree(template, tmp_path / "hub")
    monkeypatch.setenv("BLOOP_STORE__URL", url)
    monkeypatch.setenv("BLOOP_STORE__OWNER_URL", owner_url)
    opened = Hub.open(tmp_path / "hub" / "hub.toml", "cli")
    yield opened
    opened.database.close_now()
    if request.param != "sqlite":
        cluster.drop(made)
