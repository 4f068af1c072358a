from __future__ import annotations


def test_a_key_is_made_shown_once_listed_and_revoked(hub_folder, bloop):
    assert bloop("keys", "list").out == "There are no keys.\n"
    scopes = ("--scope", "content:read", "--scope", "content:write")
    made = bloop("keys", "create", "CRM", *scopes, "--json").json
    assert made["key"].startswith("bloop_key_")
    listed = bloop("keys", "list").out
    assert made["key"] not in listed
    for shown in (made["id"], "CRM", "educator", "content:read content:write", "never"):
        assert shown in listed
    assert bloop("keys", "revoke", made["id"]).out == "It is revoked.\n"
    assert bloop("keys", "list", "--json").json == {"items": []}
    again = bloop("keys", "revoke", made["id"])
    assert (again.code, "no such key" in again.err) == (1, True)


def test_a_key_that_could_do_too_much_is_refused_with_what_to_do(hub_folder, bloop):
    unknown = bloop("keys", "create", "x", "--scope", "content:raed")
    assert unknown.code == 1 and "content:read" in unknown.err
    wide = bloop("keys", "create", "x", "--scope", "content:write", "--role", "learner")
    assert wide.code == 1 and "educator or more" in wide.err
    assert bloop("keys", "create", "x", "--scope", "ops:read", "--role", "operator").code == 2


def test_the_keys_that_sign_are_rotated_and_replaced(hub_folder, bloop):
    kids = [bloop("keys", "rotate-signing", "--json").json["kid"] for _ in range(2)]
    replaced = bloop("keys", "rotate-signing", "--leaked", "--json").json["kid"]
    assert len({*kids, replaced}) == 3
    assert "Access tokens are signed with" in bloop("keys", "rotate-signing").out
