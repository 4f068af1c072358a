"""Disks that are full and databases that take no writes: told, survived, and healed from."""

from __future__ import annotations

import io
import random
import sqlite3
import zipfile

import psycopg
import pytest
from psycopg import sql

from bloop_sdk.testing.distributions import write_plugin
from tests.api.test_imports import MANIFEST
from tests.faults.disk import Disk, Limit, until, up

TALLY = """
def take(unit, event):
    unit.audit("tally.took", event.id, {"aggregate": event.aggregate})
"""
TAKEN = "SELECT resource FROM audit_line WHERE action = 'tally.took'"
CONFIG = """
[hub]
data_dir = "data"
[log]
level = "warning"
[plugins.cartridge]
enabled = true
[plugins.tally]
enabled = true
"""


@pytest.fixture
def site(tmp_path):
    """The environment of a hub with a plugin whose consumer counts courses."""
    topics = ["content.container.created"]
    consumers = [{"name": "count", "topics": topics, "handler": "bloop_tally.events:take"}]
    (tmp_path / "site").mkdir()
    write_plugin(
        tmp_path / "site",
        "tally",
        files={"events.py": TALLY},
        manifest={"contributes": {"consumers": consumers}},
    )
    (tmp_path / "hub.toml").write_text(CONFIG)
    return {"PYTHONPATH": str(tmp_path / "site")}


def write(hub, title, key=None):
    headers = {"idempotency-key": key} if key else {}
    return hub.client.post("/api/v1/containers", json={"title": title}, headers=headers)


def titles(hub):
    answer = hub.client.get("/api/v1/containers", params={"limit": 200})
    assert answer.status_code == 200
    return {course["title"] for course in answer.json()["items"]}


def refused(hub, codes):
    """Write until nothing can be written; gives the key of what was refused, and what was not."""
    made = set()
    for number in range(2000):
        answer = write(hub, f"Course {number}", f"key-{number}")
        if answer.status_code != 201:
            problem = answer.json()
            assert answer.status_code == 503, problem
            assert answer.headers["content-type"] == "application/problem+json"
            assert problem["code"] in codes and problem["detail"] and problem["cure"], problem
            return number, made
        made.add(f"Course {number}")
    raise AssertionError("it was never full")


@pytest.mark.parametrize(("kind", "size"), [(Disk, "12m"), (Limit, None)], ids=["disk", "limit"])
def test_a_hub_whose_disk_is_full_serves_what_it_has_says_so_and_goes_on(
    tmp_path, site, kind, size
):
    with up(tmp_path, site, size=size) as hub:
        assert write(hub, "Before").status_code == 201
        disk = kind(hub)
        disk.fill()
        number, made = refused(hub, kind.refused)
        made |= {"Before"}

        assert titles(hub) == made
        assert hub.client.get("/", headers={"accept": "text/html"}).status_code == 200
        course = hub.client.get("/api/v1/containers").json()["items"][0]["id"]
        path, big = f"/api/v1/containers/{course}/files", {"file": ("a.bin", bytes(3 << 20))}
        upload = hub.client.post(path, files=big)
        assert (upload.status_code, upload.json()["code"]) == (503, "store_full")
        assert hub.half_files() == []

        until(lambda: hub.check("database")["ok"] is False, "health says it")
        assert hub.check("database")["cure"] and hub.client.get("/readyz").status_code == 503
        status, line = hub.doctor(kind.limit)
        assert (status, line["ok"]) == (1, False) and line["cure"], line

        disk.free()
        until(lambda: hub.check("database")["ok"], "health says that it is over")
        assert write(hub, f"Course {number}", f"key-{number}").status_code == 201
        assert hub.client.post(path, files=big).status_code == 201
        assert hub.doctor()[1]["ok"] is True
        made |= {f"Course {number}"}
        assert titles(hub) == made
        until(lambda: len(hub.sql(TAKEN)) >= len(made), "each course was counted")
        assert len(hub.sql(TAKEN)) == len(set(hub.sql(TAKEN))) == len(made)
        assert hub.is_whole()


def cartridge(megabytes):
    """A small file that becomes a large one as it is imported."""
    target = io.BytesIO()
    more = (
        '<resource identifier="b" type="webcontent" href="b.bin"><file href="b.bin"/></resource>'
        "</resources>"
    )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("imsmanifest.xml", MANIFEST.replace("</resources>", more))
        archive.writestr("p.html", "<html><body><p>High water.</p></body></html>")
        chance = random.Random(0)
        pieces = (chance.randbytes(40) + bytes(984) for _ in range(megabytes << 10))
        archive.writestr("b.bin", b"".join(pieces))
    return target.getvalue()


def test_an_import_that_finds_no_room_goes_on_by_itself_when_there_is_some(tmp_path, site):
    with up(tmp_path, site, size="24m") as hub:
        disk = Disk(hub)
        disk.fill(leave=4 << 20)
        upload = {"file": ("tides.imscc", cartridge(8))}
        answer = hub.client.post("/api/v1/imports", files=upload)
        assert answer.status_code == 202, answer.text

        def job():
            return hub.client.get(answer.headers["location"]).json()

        until(lambda: job()["error"], "the import has met the full disk")
        assert (job()["state"], job()["error"]["code"]) in {
            ("waiting", "store_full"),
            ("running", "store_full"),
        }
        disk.free()
        done = until(lambda: (found := job())["state"] == "succeeded" and found, "it is imported")
        assert done["result"]["problems"] == []
        assert hub.half_files() == []
        (course,) = hub.client.get("/api/v1/containers").json()["items"]
        assert course["state"] == "active"
        assert hub.is_whole()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_without_rights_is_served_and_written_by_the_next_start_with_them(
    tmp_path, site, what
):
    data = tmp_path / "data"
    with up(tmp_path, site) as hub:
        assert write(hub, "Before").status_code == 201
        token = hub.token
    # Beside it a reader keeps the files that SQLite needs to open it at all.
    with sqlite3.connect(data / "bloop.db") as reader:
        reader.execute("SELECT count(*) FROM job").fetchall()
        rights = [data] if what == "folder" else []
        rights += list(data.glob("bloop.db*"))
        for path in rights:
            path.chmod(0o555 if path.is_dir() else 0o444)
        with up(tmp_path, site, token=token) as hub:
            assert titles(hub) == {"Before"}
            answer = write(hub, "During", "key")
            assert (answer.status_code, answer.json()["code"]) == (503, "store_read_only")
            until(lambda: hub.check("database")["ok"] is False, "health says it")
            assert hub.doctor()[0] == 1
    reader.close()
    for path in rights:
        if path.exists():
            path.chmod(0o755 if path.is_dir() else 0o644)
    # A process that has opened the file without rights keeps it so.
    with up(tmp_path, site, token=token) as hub:
        assert write(hub, "During", "key").status_code == 201
        assert titles(hub) == {"Before", "During"}
        assert hub.is_whole()


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
def test_a_database_that_became_a_standby_is_read_and_written_again_once_it_is_none(
    tmp_path, site, database_urls
):
    app, owner = (url.replace("postgresql+psycopg", "postgresql", 1) for url in database_urls)

    def become(state):
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            name = sql.Identifier(connection.info.dbname)
            statement = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
            connection.execute(statement.format(name, sql.Literal(state)))
        with psycopg.connect(app, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user"
                " AND pid <> pg_backend_pid()"
            )

    def taken():
        with psycopg.connect(app) as connection:
            connection.execute("SELECT set_config('bloop.institution', '*', true)")
            return [row[0] for row in connection.execute(TAKEN)]

    environment = {"BLOOP_STORE__URL": database_urls[0], "BLOOP_STORE__OWNER_URL": database_urls[1]}
    with up(tmp_path, site | environment) as hub:
        assert write(hub, "Before").status_code == 201
        become("on")
        until(lambda: write(hub, "Lost").json().get("code") == "store_read_only", "it is said")
        assert write(hub, "During", "key").status_code == 503
        # A connection that was cut costs one request its answer, and is made anew.
        made = until(lambda: readable(hub), "it is read")
        until(lambda: hub.check("database")["ok"] is False, "health says it")
        assert "read-only" in hub.check("database")["detail"]
        assert hub.doctor()[0] == 1

        become("off")
        until(lambda: write(hub, "During", "key").status_code == 201, "it is written again")
        until(lambda: hub.check("database")["ok"], "health says that it is over")
        assert titles(hub) == made | {"During"}
        until(lambda: len(taken()) >= len(made) + 1, "each course was counted")
        assert len(taken()) == len(set(taken())) == len(made) + 1


def readable(hub):
    return hub.client.get("/api/v1/containers").status_code == 200 and titles(hub)
