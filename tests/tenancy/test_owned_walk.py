"""Every route with the ids of what one learner owns: nobody else is shown or changes any of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlalchemy import update
from sqlalchemy.pool import NullPool

from bloop.accounts.models import User
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.store.database import open_engine
from bloop.tables import core_metadata
from tests.support.owned import owned_tables
from tests.support.tenants import see_all, seed, snapshot
from tests.tenancy import test_walk as walk

hub, come = walk.hub, walk.come
pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)

MARK, SECRET = "zqhome", "zqhush"
OTHERS = ["learner", "operator"]
"""What guests and all other roles are shown, one of these is shown as well."""

TOLD = {"tenant", "lease_owner", "capability"}
"""What says nothing of what is in a notebook: an admin may know by which plugin one connects."""
ENDS = {
    "POST /api/v1/connections/{connection_id}/pause",
    "POST /connections/{connection_id}/pause",
}
"""What an admin does to a connection of somebody else's that does harm; removing it comes last."""
REMOVES = {
    "DELETE /api/v1/connections/{connection_id}",
    "POST /connections/{connection_id}/remove",
}
SEEN_BY_OWNER = {
    "/api/v1/account/connections",
    "/api/v1/account/courses",
    "/api/v1/account/note-place",
    "/api/v1/account/notebooks",
    "/api/v1/account/notes",
    "/api/v1/conflicts",
    "/api/v1/conflicts/{conflict_id}",
    "/api/v1/connections/{connection_id}",
    "/api/v1/connections/{connection_id}/quarantine",
    "/api/v1/connections/{connection_id}/runs",
    "/api/v1/containers",
    "/api/v1/containers/{container_id}",
    "/api/v1/containers/{container_id}/items",
    "/api/v1/containers/{container_id}/people",
    "/api/v1/containers/{container_id}/unpublished",
    "/api/v1/containers/{container_id}/tree",
    "/api/v1/items/{item_id}",
    "/api/v1/items/{item_id}/draft",
    "/api/v1/items/{item_id}/notes",
    "/api/v1/jobs/{job_id}",
    "/api/v1/notes/{note_id}",
    "/api/v1/search",
    "/api/v1/unsent",
    "/conflicts/{conflict_id}",
    "/connections/{connection_id}",
    "/connections/{connection_id}/remove",
    "/courses/{container_id}/notes/gone",
    "/courses/{container_id}/notes/new",
    "/notes",
    "/courses/{container_id}/bin",
    "/courses/{container_id}/edit",
    "/courses/{container_id}/history",
    "/courses/{container_id}/people",
    "/courses/{container_id}/publish",
    "/courses/{container_id}/settings",
    "/lessons/{item_id}/preview",
    "/lessons/{item_id}/versions",
    "/courses/{id}",
    "/courses/{id}/summary",
    "/lessons/{id}",
    "/lessons/{id}/text",
    "/notes/{note_id}/edit",
    "/notes/{note_id}/texts",
    "/search",
    "/unsent",
}


@pytest.fixture
async def own(hub):
    """What was seeded, now all of one learner's; every text below an owner holds the secret."""
    (made,) = await hub.database.run(seed, hub.database, (hub.institution, MARK))
    made.rows["institution"] = {"slug": MARK}
    made.rows["own_key"] = await hub.database.run(walk.add_own_key, hub, made)
    await hub.database.run(walk.add_learning, hub, made)
    await hub.database.run(give_away, hub.database, made)
    session = await hub.database.run(log_in_owner, hub, made)
    return SimpleNamespace(seeded=made, token=session.token)


def give_away(database, seeded):
    owner = seeded.rows["account_user"]["id"]
    metadata = core_metadata()
    with open_engine(database.owner_url, pool=NullPool).begin() as connection:
        see_all(connection)
        for name in owned_tables(metadata):
            table, row = metadata.tables[name], seeded.rows[name]
            values = {column.name: secret for column in table.c if (secret := told(column, row))}
            if "owner_id" in table.c:
                values["owner_id"] = owner
            if name == "container":
                values |= {"audience": "owner", "kind": "notebook"}
            if not values:
                continue
            key = [column == row[column.name] for column in table.primary_key if column.name in row]
            own = key or [table.c.id == row["id"]]
            connection.execute(update(table).where(*own).values(values))
            row.update(values)


def told(column, row):
    """What a column holds instead, where it tells anything; ids stay."""
    value = row.get(column.name)
    is_id = column.primary_key or column.foreign_keys or column.name.endswith(("_id", "id"))
    if is_id or "person" in column.info or column.name in TOLD:
        return None
    if isinstance(value, str) and MARK in value:
        return value.replace(MARK, SECRET)
    if f"{column.table.name}.{column.name}" == "item.data":
        return {"markdown": f"It is {SECRET}.", "tags": [SECRET]}
    if isinstance(value, dict) and MARK in str(value):
        return {"code": "x", "message": SECRET, "cure": ""}
    return None


def log_in_owner(hub, seeded):
    with hub.database.unit(system_call(seeded.institution)) as unit:
        user = unit.get(User, seeded.rows["account_user"]["id"])
        return start_session(unit, user, second_factor=True)


def asked(route, seeded):
    """The path with what is owned, and the queries that name it."""
    path = walk.path_of(route, seeded) or route.path
    return path, [{}, *walk.queries_of(route, seeded)]


def shows(answer, sent):
    text = answer.text + repr(answer.headers)
    for value in sorted(map(str, sent), key=len, reverse=True):
        text = text.replace(value, "")
    return SECRET in text


async def test_every_read_shows_it_to_its_owner_alone(hub, come, own):
    leaks, seen = [], 0
    for role in OTHERS:
        client = await come(role, hub.institution)
        for route in walk.reads():
            if route.path == "/api/v1/events":
                continue  # It goes on as long as they listen; what they hear has its own test.
            path, queries = asked(route, own.seeded)
            for query in queries:
                answer = await client.get(path, params=query, headers=walk.accept(route))
                seen += 1
                if shows(answer, query.values()):
                    leaks.append((role, route.path, query, answer.status_code))
    assert leaks == []
    assert seen > 150 * len(OTHERS)
    # Its owner finds it by these, or the walk would find nothing whatever leaked.
    client, found = await come(None, hub.institution), set()
    client.headers["authorization"] = f"Bearer {own.token}"
    for route in walk.reads():
        if route.path in walk.ENDLESS:
            continue
        path, queries = asked(route, own.seeded)
        for query in queries:
            answer = await client.get(path, params=query, headers=walk.accept(route))
            if answer.status_code == 200 and shows(answer, query.values()):
                found.add(route.path)
    assert SEEN_BY_OWNER - found == set()


async def test_nobody_else_changes_any_of_it(hub, come, own, monkeypatch):
    monkeypatch.setitem(walk.BODIES, RENAMED, {"name": "x"})
    owned = owned_tables(core_metadata())
    before = kept(await hub.database.run(snapshot, hub.database, hub.institution), owned)
    learner, operator = [await come(role, hub.institution) for role in ("learner", "operator")]
    done = 0
    for route in sorted(walk.changes(), key=walk.last):
        name = f"{route.method} {route.path}"
        named = {part.strip("{}").partition(":")[0] for part in route.path.split("/")}
        named.discard("institution_id")
        tables = {walk.PARAMETERS.get(one, "").partition(".")[0] for one in named}
        if "{subject_id}" in route.path:
            tables.add("item")
        if not tables & owned or name in ENDS | REMOVES:
            continue
        for client in (learner, operator):
            answer = await walk.changed(client, route, walk.path_of(route, own.seeded))
            assert answer.status_code in {403, 404} or name in OF_HINTS, (name, answer.text)
            assert SECRET not in answer.text
            done += 1
    assert done > 80
    after = kept(await hub.database.run(snapshot, hub.database, hub.institution), owned)
    assert after == before
    await an_admin_may_end_it(await come("admin", hub.institution), own)


RENAMED = "PATCH /api/v1/connections/{connection_id}"
OF_HINTS = {"POST /api/v1/connections/{connection_id}/hints"}


def kept(found, tables):
    return {name: rows for name, rows in found.items() if name in tables}


async def an_admin_may_end_it(client, own):
    """They see that a connection exists, whose and by what; they pause it, and remove it."""
    id_ = own.seeded.rows["connection"]["id"]
    path = f"/api/v1/connections/{id_}"
    shown = (await client.get(path)).json()
    assert shown["owner"] == own.seeded.rows["account_user"]["id"]
    assert (shown["plugin"], shown["name"]) == (own.seeded.rows["connection"]["plugin_id"], "")
    paused = await client.post(f"{path}/pause")
    assert (paused.status_code, paused.json()["state"]) == (200, "suspended")
    trashed = await client.delete(f"{path}?content=trash", headers={"if-match": "*"})
    assert trashed.status_code == 403, "what it brought is not theirs to throw away"
    removed = await client.delete(path, headers={"if-match": "*"})
    assert removed.status_code == 204
    client.headers["authorization"] = f"Bearer {own.token}"
    note = await client.get(f"/api/v1/notes/{own.seeded.rows['item']['id']}")
    assert SECRET in note.text
