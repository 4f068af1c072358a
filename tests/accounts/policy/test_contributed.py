"""What a plugin's policies may say, and that they can be about nothing but its own actions."""

from __future__ import annotations

import pytest

from bloop.accounts.policy.contributed import PolicyRefusedError, check_file, checked
from bloop.accounts.policy.engine import Contributed, Resource
from bloop_sdk import Role
from bloop_sdk.manifest import parse_manifest
from bloop_sdk.rights import names, rights_of
from tests.support.database import HOME, make_call

ACTIONS = {"wiki:read": Role.LEARNER, "wiki:edit": Role.ADMIN}
EDITORS = """
@id("editors")
@words("educators edit the wiki as well")
permit (principal in Role::"educator", action == Action::"wiki:edit", resource);
"""
SAFE = """
@id("safe")
@words("who edits the wiki proves it by two things")
forbid (principal, action in [Action::"wiki:edit"], resource)
unless { context.second_factor };
"""
WIKI = Resource("Plugin", "wiki", HOME, disabled=False)


def made(text):
    return checked(Contributed("wiki", ACTIONS, text), "wiki.cedar")


def allowed(engine, role, action="wiki:edit"):
    return engine.decide(make_call(HOME, role), action, WIKI).allowed


def test_a_plugin_permits_more_of_its_own_than_the_least_role():
    engine = made(EDITORS)
    assert [allowed(engine, role) for role in Role] == [False, False, True, True, True]
    assert [allowed(engine, role, "wiki:read") for role in Role] == [False, True, True, True, True]


def test_a_plugin_forbids_its_own_and_is_named_for_it():
    engine = made(EDITORS + SAFE)
    found = engine.decide(make_call(HOME, Role.OPERATOR), "wiki:edit", WIKI)
    assert not found.allowed
    assert [(one.id, one.plugin) for one in found.policies] == [("safe", "wiki")]


def test_the_hubs_own_are_as_without_it():
    engine, role = made(EDITORS), Role.LEARNER
    assert not allowed(engine, role, "content:write")
    other = Resource("Plugin", "wiki", "another", disabled=False)
    assert not engine.decide(make_call(HOME, Role.EDUCATOR), "wiki:edit", other).allowed


HEAD = '@words("w") '
REFUSED = {
    "every action": (HEAD + "permit (principal, action, resource);", "about every action"),
    "the hub's": (
        HEAD + 'forbid (principal, action == Action::"content:read", resource);',
        "about content:read",
    ),
    "one of both": (
        HEAD
        + 'permit (principal, action in [Action::"wiki:edit", Action::"users:read"], resource);',
        "about users:read",
    ),
    "a group": (
        HEAD + 'permit (principal, action in Action::"from admin", resource);',
        "about from admin",
    ),
    "another plugin's": (
        HEAD + 'permit (principal, action == Action::"shop:buy", resource);',
        "about shop:buy",
    ),
    "undeclared": (
        HEAD + 'permit (principal, action == Action::"wiki:burn", resource);',
        "about wiki:burn",
    ),
    "no words": (
        'permit (principal, action == Action::"wiki:edit", resource);',
        "does not say what it decides",
    ),
    "a slot": (
        HEAD + 'permit (principal == ?principal, action == Action::"wiki:edit", resource);',
        r"has a \?slot",
    ),
    "no such attribute": (
        HEAD + 'permit (principal, action == Action::"wiki:edit", resource)'
        " when { principal.shoe_size > 40 };",
        "shoe_size",
    ),
    "an optional attribute": (
        HEAD + 'permit (principal, action == Action::"wiki:edit", resource)'
        ' when { context.scopes.contains(Action::"wiki:edit") };',
        "scopes",
    ),
    "no such type": (
        HEAD + 'permit (principal is Wizard, action == Action::"wiki:edit", resource);',
        "Wizard",
    ),
    "no Cedar": ("allow everybody", "this is no Cedar"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_its_own_or_does_not_fit_is_refused_with_a_reason(what):
    text, reason = REFUSED[what]
    with pytest.raises(PolicyRefusedError, match=reason) as refused:
        made(EDITORS + text)
    assert refused.value.message.startswith("wiki.cedar")
    assert refused.value.cure


def test_a_file_is_checked_by_the_manifest_above_it(tmp_path):
    package = tmp_path / "bloop_wiki"
    package.mkdir()
    (tmp_path / "bloop-plugin.toml").write_text(
        'id = "wiki"\nfamily = "feature"\nname = "W"\nsummary = "S"\napi = "1.0"\n'
        '[contributes]\npolicies = "wiki.cedar"\n'
        '[[contributes.actions]]\nname = "wiki:edit"\nrole = "admin"\nhelp = "Edit."\n'
    )
    file = package / "wiki.cedar"
    file.write_text(EDITORS)
    assert check_file(file) == 1
    file.write_text(REFUSED["the hub's"][0])
    with pytest.raises(PolicyRefusedError, match="content:read"):
        check_file(file)


def manifest(contributes, more=""):
    head = f'id = "wiki"\nfamily = "feature"\nname = "W"\nsummary = "S"\napi = "1.0"\n{more}'
    return parse_manifest(f"{head}[contributes]\n{contributes}", "here")


ACTION = 'actions = [{ name = "wiki:edit", role = "admin", help = "Edit." }]\n'


def test_policies_and_scopes_are_rights_in_words():
    found = manifest('policies = "rules/wiki.cedar"\n' + ACTION, 'scopes = ["content:write"]\n')
    assert set(names(rights_of(found))) == {
        "policies:wiki",
        "scope:content:write",
        "action:wiki:edit (admin)",
    }
    told = {right.kind: right.words for right in rights_of(found)}
    assert told["policies"] == "It has rules of its own for who may do what it adds."
    assert "content:write" in told["scope"]


@pytest.mark.parametrize(
    "path", ["/etc/wiki.cedar", "../wiki.cedar", "wiki.txt", "a/../b.cedar", ""]
)
def test_policies_are_a_file_of_the_package(path):
    with pytest.raises(Exception, match="policies"):
        manifest(f'policies = "{path}"\n' + ACTION)


def test_policies_need_actions_which_they_are_about():
    with pytest.raises(Exception, match="policies needs contributes"):
        manifest('policies = "wiki.cedar"\n')
