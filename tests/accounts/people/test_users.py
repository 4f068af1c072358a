"""Users by the API: found, made, changed, and always those of one's own institution."""

from __future__ import annotations

from bloop.accounts.models import User
from bloop.accounts.people.models import Invitation
from bloop.store.models import AuditLine, OutboxEvent


async def names(client, **query):
    answer = await client.get("/users", params=query)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()["items"]]


async def test_people_are_found_by_parts_of_names_and_addresses(come_in, add):
    admin = come_in("admin")
    add(name="Ada Lovelace", email="ada@example.org")
    add(name="Özlem Straße", email="oe@example.org")
    add("educator", name="100% Sure_ly", email="sure@example.net")
    for search, found in {
        "love": ["Ada Lovelace"],
        "LOVELACE": ["Ada Lovelace"],
        "EXAMPLE.ORG": ["Ada Lovelace", "Özlem Straße"],
        "özlem": ["Özlem Straße"],
        "straße": ["Özlem Straße"],
        "%": ["100% Sure_ly"],
        "_": ["100% Sure_ly"],
        "nobody": [],
        "\\": [],
    }.items():
        assert await names(admin, search=search) == found, search
    assert await names(admin, search="example", role="educator") == ["100% Sure_ly"]


async def test_people_are_told_apart_by_role_and_state(come_in, add):
    admin = come_in("admin")
    gone, waits = add(name="Gone"), add(name="Waits")
    await admin.delete(f"/users/{gone}")
    assert await names(admin, state="disabled") == ["Gone"]
    assert await names(admin, role="learner", state="active") == ["Waits"]
    assert waits and (await admin.get("/users", params={"role": "king"})).status_code == 422


async def test_a_list_is_read_page_by_page_to_its_end(come_in, add):
    admin = come_in("admin")
    expected = [add(name=f"N {number}") for number in range(7)]
    found, cursor = [], ""
    while cursor is not None:
        query = {"limit": 3, "cursor": cursor, "role": "learner"}
        page = (await admin.get("/users", params=query)).json()
        found += [one["id"] for one in page["items"]]
        cursor = page["next"]
        assert len(page["items"]) <= 3
    assert found == expected
    assert (await admin.get("/users", params={"cursor": "%%%"})).status_code == 422


async def test_a_user_is_made_changed_and_removed(come_in, said, rows):
    admin = come_in("admin")
    body = {"name": "  Ada\n Lovelace ", "email": "Ada@Example.ORG", "role": "educator"}
    made = await admin.post("/users", json=body)
    assert made.status_code == 201
    user = made.json()
    assert (user["name"], user["email"]) == ("Ada Lovelace", "ada@example.org")
    assert (user["state"], user["email_verified"], user["row_version"]) == ("active", False, 1)
    path = f"/users/{user['id']}"
    same = await admin.get(path, headers={"if-none-match": made.headers["etag"]})
    assert same.status_code == 304
    headers = {"if-match": made.headers["etag"]}
    changed = await admin.patch(path, json={"name": "Ada King", "email": None}, headers=headers)
    assert changed.json() | {"name": "Ada King", "email": None} == changed.json()
    assert (await admin.patch(path, json={"name": "X"}, headers=headers)).status_code == 412
    assert (await admin.delete(path, headers=headers)).status_code == 412
    gone = await admin.delete(path, headers={"if-match": changed.headers["etag"]})
    assert gone.status_code == 204
    assert (await admin.get(path)).json()["state"] == "disabled"
    actions, topics = said()
    assert actions == ["users:create", "users:change", "users:disable"]
    assert [one for one in topics if one.startswith("user.") and "logged" not in one][-3:] == [
        "user.created", "user.changed", "user.disabled"
    ]  # fmt: skip
    told = repr([(line.detail, line.resource) for line in rows(AuditLine)])
    told += repr([event.payload for event in rows(OutboxEvent)])
    assert "Ada" not in told and "ada@" not in told


async def test_a_change_that_changes_nothing_says_nothing(come_in, add, said):
    admin, user = come_in("admin"), add(name="Ada", email="ada@example.org")
    before = said()
    body = {"name": "Ada ", "email": "ADA@example.org", "role": "learner", "disabled": False}
    answer = await admin.patch(f"/users/{user}", json=body)
    assert (answer.status_code, answer.json()["row_version"]) == (200, 1)
    assert (await admin.patch(f"/users/{user}", json={})).status_code == 200
    assert said() == before


async def test_a_change_needs_the_version_that_it_was_made_from(come_in, add):
    admin, user = come_in("admin"), add()
    del admin.headers["if-match"]
    for method, path in (("PATCH", f"/users/{user}"), ("DELETE", f"/users/{user}")):
        body = {"json": {"name": "X"}} if method == "PATCH" else {}
        assert (await admin.request(method, path, **body)).status_code == 428


async def test_an_address_is_one_users_however_it_is_written(come_in, add, other):
    admin, taken = come_in("admin"), {"name": "Ada", "email": "ada@example.org"}
    assert (await admin.post("/users", json=taken)).status_code == 201
    for email in ("ada@example.org", "ADA@EXAMPLE.ORG", " Ada@example.org "):
        answer = await admin.post("/users", json={"name": "B", "email": email})
        assert (answer.status_code, "ada@" in answer.text.lower()) == (409, False)
        answer = await admin.patch(f"/users/{add()}", json={"email": email})
        assert answer.status_code == 409
    elsewhere = come_in("admin", other)
    assert (await elsewhere.post("/users", json=taken)).status_code == 201


NONSENSE = [
    {"email": "nobody"},
    {"email": "a@b@c.de"},
    {"email": "a@exa mple.org"},
    {"email": "x@" + "y" * 300 + ".org"},
    {"name": "   "},
    {"name": "A\x00B"},
    {"name": "A\u202eB"},
    {"name": None},
    {"role": "king"},
]


async def test_what_is_no_name_address_or_role_is_refused(come_in):
    admin = come_in("admin")
    for body in NONSENSE:
        answer = await admin.post("/users", json={"name": "Ada"} | body)
        assert answer.status_code == 422, body
        (field,) = [fault["field"] for fault in answer.json()["errors"]]
        assert field.endswith(next(iter(body)))


# -- other institutions'


async def test_ids_of_another_institution_find_nothing(come_in, add, other, rows):
    admin, theirs = come_in("admin"), come_in("admin", other)
    user = add("learner", other, name="Theirs", email="theirs@example.org")
    invitation = (await theirs.post("/invitations", json={})).json()["id"]
    for method, path, body in (
        ("GET", f"/users/{user}", None),
        ("PATCH", f"/users/{user}", {"role": "admin"}),
        ("PATCH", f"/users/{theirs.user}", {"disabled": True}),
        ("DELETE", f"/users/{user}", None),
        ("GET", f"/invitations/{invitation}", None),
        ("DELETE", f"/invitations/{invitation}", None),
        ("GET", f"/institutions/{other}", None),
    ):
        answer = await admin.request(method, path, json=body)
        assert answer.status_code == 404, (method, path, answer.text)
    assert (await admin.patch(f"/institutions/{other}", json={"name": "X"})).status_code == 403
    found = {one.id: one for one in rows(User, other)}
    assert (found[user].role, found[user].disabled_at) == ("learner", None)
    assert [one.revoked_at for one in rows(Invitation, other)] == [None]


async def test_filters_and_cursors_of_another_institution_show_nothing_of_it(come_in, add, other):
    admin, theirs = come_in("admin"), come_in("admin", other)
    for number in range(3):
        add("learner", other, name=f"Theirs {number}", email=f"theirs{number}@example.org")
        await theirs.post("/invitations", json={"email": f"theirs{number}@example.org"})
    for search in ("theirs", other, "", "theirs0@example.org"):
        assert not [name for name in await names(admin, search=search) if "Theirs" in name]
    for path in ("/users", "/invitations"):
        cursor = (await theirs.get(path, params={"limit": 1})).json()["next"]
        answer = await admin.get(path, params={"cursor": cursor})
        assert answer.status_code == 200
        assert "theirs" not in answer.text.lower()


async def test_an_operator_too_changes_users_of_their_own_institution_alone(come_in, add, other):
    operator, user = come_in("operator"), add("learner", other)
    assert (await operator.get(f"/users/{user}")).status_code == 404
    assert (await operator.patch(f"/users/{user}", json={"name": "X"})).status_code == 404


NOT_THEIRS = {
    "institution_id": "00000000-0000-7000-8000-00000000000b",
    "institution": "00000000-0000-7000-8000-00000000000b",
    "id": "00000000-0000-7000-8000-00000000000c",
    "row_version": 7,
    "disabled_at": None,
    "email_verified": True,
    "email_verified_at": "2026-01-01T00:00:00Z",
    "waiting": False,
    "created_at": "2026-01-01T00:00:00Z",
    "token_hash": "x",
    "created_by": "user:x",
    "uses_left": 9,
}


async def test_what_is_not_theirs_to_say_is_refused(come_in, add):
    operator, user = come_in("operator"), add()
    for method, path, body in (
        ("POST", "/users", {"name": "Ada"}),
        ("PATCH", f"/users/{user}", {"name": "Ada"}),
        ("POST", "/invitations", {}),
        ("PUT", "/registration", {"mode": "off"}),
        ("POST", "/institutions", {"name": "There", "slug": "there"}),
        ("PATCH", f"/institutions/{user}", {"name": "There"}),
    ):
        for name, value in NOT_THEIRS.items():
            answer = await operator.request(method, path, json=body | {name: value})
            assert answer.status_code == 422, (method, path, name, answer.text)
    assert (await operator.get(f"/users/{user}")).json()["row_version"] == 1
