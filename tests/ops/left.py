"""What two plugins, tiny and tiny_two, have left on a hub: a bit of everything."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from sqlalchemy import text

from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.content.engine import run_read
from bloop.content.options import RunOptions
from bloop.events.models import EventConsumer, ParkedEvent
from bloop.hub import Hub
from bloop.jobs.models import Job, JobSchedule
from bloop.kernel.config import load
from bloop.kernel.models import (
    Connection,
    HubProcess,
    InstitutionPlugin,
    PluginState,
    UserPlugin,
)
from bloop.kernel.own_settings import Owner
from bloop.store import migrate
from bloop.store.models import EVERY_INSTITUTION, PluginFile, PluginValue
from bloop.store.rights import grant_rights
from bloop_sdk import records as r
from tests.content.course import Course, changed, course, file, leaf, module, page
from tests.support.database import HOME, OTHER, make_call

ROOT = Path(__file__).parents[2]
EVERYBODY = system_call(EVERY_INSTITUTION)
OWNED = "institution_id VARCHAR(36) NOT NULL"
HUB_TOML = """\
[hub]
name = "Here"

# The tiny one.
[plugins.tiny]
enabled = false

[plugins.tiny_two]
enabled = true
"""


def build(folder, url, owner_url):
    shutil.rmtree(folder, ignore_errors=True)
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    (unfinished / "hub.toml").write_text(HUB_TOML)
    env = {"BLOOP_STORE__URL": url, "BLOOP_STORE__OWNER_URL": owner_url}
    made = Hub(load(unfinished / "hub.toml", env), "cli")
    migrate.upgrade_core(made.database)
    for plugin in ("tiny", "tiny_two"):
        fill(made, plugin)
    made.database.close_now()
    unfinished.rename(folder)


def fill(hub, plugin):
    for institution in (HOME, OTHER):
        fill_institution(hub, plugin, institution)
    with hub.database.unit(EVERYBODY) as unit:
        process = HubProcess(kind="api", host="old", pid=1, generation="")
        unit.session.add(process)
        unit.session.flush()
        unit.session.add(PluginState(process_id=process.id, plugin_id=plugin, state="disabled"))
        reader = EventConsumer(name=f"{plugin}.mail", plugin_id=plugin, position=0)
        unit.session.add(reader)
        unit.session.flush()
        unit.session.add(
            ParkedEvent(
                institution_id=HOME,
                consumer=reader.name,
                seq=1,
                event_id="e",
                topic="content.item.created",
                aggregate="item:1",
                state="parked",
            )
        )
    folder = hub.config.value.hub.data_dir / "plugins" / plugin
    folder.mkdir(parents=True)
    (folder / "cache").write_text("x")
    with migrate.owning(hub.database) as connection:
        for statement in (
            f"CREATE TABLE bloop_version_{plugin} (version_num VARCHAR(32) PRIMARY KEY)",
            f"INSERT INTO bloop_version_{plugin} VALUES ('0001')",
            f"CREATE TABLE {plugin}_order ({OWNED}, id INTEGER PRIMARY KEY)",
            f"CREATE TABLE {plugin}_line ({OWNED}, parent INTEGER REFERENCES {plugin}_order)",
            f"INSERT INTO {plugin}_order VALUES ('{HOME}', 1), ('{OTHER}', 2)",
            f"INSERT INTO {plugin}_line VALUES ('{HOME}', 1)",
        ):
            connection.execute(text(statement))
        grant_rights(connection, hub.database)


SECRETS = b'{"token": "t"}'


def sealed(unit, owner, value):
    """Secrets of a row."""
    return unit.sealer.seal(value, owner.place)


def kept_file(hub, plugin, text):
    """A file that the plugin keeps, with its bytes."""
    ref = hub.blobs.put([f"kept {text}".encode()])
    return PluginFile(
        plugin_id=plugin, name=text, sha256=ref.sha256, size=ref.size, media_type="text/plain"
    )


def fill_institution(hub, plugin, institution):
    call = make_call(institution)
    with hub.database.unit(call) as unit:
        made = Connection(
            institution_id=institution, plugin_id=plugin, capability="lms", key="k", name="Tiny"
        )
        unit.session.add(made)
        for row in (
            PluginValue(plugin_id=plugin, key="a", value=1),
            PluginValue(plugin_id=plugin, key="b", value=2),
            kept_file(hub, plugin, f"own of {plugin}"),
            InstitutionPlugin(
                plugin_id=plugin,
                secrets=sealed(unit, Owner(institution, plugin), b'{"token": "t"}'),
            ),
            User(id=f"{plugin}{institution[-4:]}", name="Ann", role="learner"),
            JobSchedule(
                name=f"{plugin}.sync",
                plugin_id=plugin,
                queue="default",
                priority=5,
                max_attempts=5,
                every="30 3 * * *",
                zone="Europe/Berlin",
            ),
            Job(
                kind="content.import",
                plugin_id=plugin,
                state="succeeded",
                payload={"blob": hub.blobs.put([f"upload {plugin}".encode()]).sha256},
                actor="user:a",
                actor_role="admin",
                trace="t",
            ),
        ):
            row.institution_id = institution
            unit.session.add(row)
        unit.session.flush()
        user = f"{plugin}{institution[-4:]}"
        own = sealed(unit, Owner(institution, plugin, user), SECRETS)
        unit.session.add(UserPlugin(plugin_id=plugin, user_id=user, secrets=own))
        connection = made.id
    person = r.Person(remote_id="u1", name="Ada", raw={"id": "u1"})
    enrolment = r.Enrolment(
        remote_id="e1", container="c1", person="u1", role="learner", raw={"id": "e1"}
    )
    pages = [page(1), page(2)]
    bytes_ = [file("shared.txt"), file(f"{plugin}.txt", plugin.encode())]
    contents = [module(1), *(leaf(one, "m1") for one in pages), *pages, *bytes_, enrolment]
    for read in (contents, [*contents, page("x", title="y" * 501)], contents):
        provider = Course(containers=[course(), person], contents=read)
        asyncio.run(
            run_read(
                hub.database,
                hub.blobs,
                provider,
                call,
                connection=connection,
                options=RunOptions(),
            )
        )
        contents[3] = changed(contents[3], html="<p>other</p>")


def counts(hub):
    """The rows of every table, the plugins' included."""
    with hub.database.unit(EVERYBODY) as unit:
        connection = unit.session.connection()
        return {
            name: connection.scalar(text(f'SELECT count(*) FROM "{name}"'))
            for name in sorted(migrate.table_names(connection))
            if not name.startswith("sqlite_")
        }


def files(hub):
    return sorted(path.name for path in hub.blobs.root.rglob("[!.]*") if path.is_file())
