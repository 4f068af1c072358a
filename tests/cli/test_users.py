from __future__ import annotations

from bloop.accounts.login.models import PasswordReset
from bloop.accounts.models import User
from bloop.accounts.service import token_hash
from bloop.accounts.sessions import system_call
from bloop.hub import Hub


def links():
    hub = Hub.open(None, "cli")
    with hub.database.unit(system_call(hub.institution)) as unit:
        found = {row.token_hash: row.user_id for row in unit.session.query(PasswordReset)}
        operator = unit.session.query(User).one().id
    hub.database.close_now()
    return found, operator


def test_an_operator_gets_a_link_to_a_new_password(hub_folder, bloop):
    told = bloop("users", "password", "Operator", "--json").json
    token = told["url"].partition("/login/reset?token=")[2]
    found, operator = links()
    assert found == {token_hash(token): operator} and told["user"] == operator
    by_id = bloop("users", "password", operator, "--institution", "main")
    assert "/login/reset?token=" in by_id.out and "Operator" in by_id.err
    again, _ = links()
    assert len(again) == 1 and again != found, "the second link ends the first"


def test_a_link_for_nobody_is_refused_with_the_reason(hub_folder, bloop):
    nobody = bloop("users", "password", "nobody@example.org")
    assert nobody.code == 1 and "nobody@example.org" in nobody.err
    nowhere = bloop("users", "password", "Operator", "--institution", "nowhere")
    assert nowhere.code == 1 and "no institution 'nowhere'" in nowhere.err
