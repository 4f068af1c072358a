"""Cedar and the bitsets say the same of every role, action and kind of thing."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bloop.accounts.access import ACTIONS, GUEST_SCOPES, STRANGER_SCOPES, ForbiddenError, may
from bloop.accounts.policy.bits import BITS
from bloop.accounts.policy.compile import compiled, most_open
from bloop.accounts.policy.engine import core, core_policies, institution_of
from bloop.accounts.policy.judge import judge
from bloop.accounts.policy.schema import PRINCIPALS, TYPES, kinds_of
from bloop.content.models import Item
from bloop.content.queries import CONTAINER_IS_SHOWN, ITEM_IS_SHOWN
from bloop.store.models import Tenant
from bloop.tables import core_metadata
from bloop_sdk import PrincipalKind, Role
from tests.support.database import HOME, OTHER, make_call

ENGINE = core()
THINGS = sorted({*TYPES.values()})


def somebody(role, scopes=None, kind=None):
    kind = kind or (PrincipalKind.GUEST if role is Role.GUEST else PrincipalKind.USER)
    made = make_call(HOME, role, kind=kind)
    return replace(made, principal=replace(made.principal, scopes=scopes))


def thing(type_, institution=HOME, **more):
    found = most_open(type_)
    id_ = institution if type_ == "Institution" else found.id
    return replace(found, id=id_, institution=institution, **more)


def test_the_bitsets_are_what_the_policies_say():
    assert compiled() == BITS, "run: make docs"


def test_the_policies_fit_the_schema():
    assert cedarpy.validate_policies(core_policies(), ENGINE.schema_text).errors == []


def test_every_policy_has_a_name_of_its_own_and_says_in_words_what_it_decides():
    found = list(ENGINE._known.values())
    assert len({one.id for one in found}) == len(found)
    assert all(one.words and not one.id.startswith("policy") for one in found)


@pytest.mark.parametrize("role", Role)
def test_both_agree_for_every_action_and_every_kind_of_thing(role):
    tried = 0
    for action, type_ in itertools.product(ACTIONS, THINGS):
        decided = ENGINE.decide(somebody(role), action, thing(type_)).allowed
        assert decided is (type_ in kinds_of(action) and may(somebody(role), action)), (
            action,
            type_,
        )
        tried += 1
    assert tried == len(ACTIONS) * len(THINGS)


@pytest.mark.parametrize("role", Role)
def test_nothing_of_another_institution_and_nothing_to_whoever_is_disabled(role):
    for action in ACTIONS:
        for type_ in kinds_of(action):
            call = somebody(role)
            assert not ENGINE.decide(call, action, thing(type_, OTHER)).allowed
            assert not ENGINE.decide(call, action, thing(type_), disabled=True).allowed


scopes = st.none() | st.frozensets(st.sampled_from([*ACTIONS, "wiki:edit", "nonsense"]), max_size=9)


@given(st.sampled_from(Role), st.sampled_from(sorted(ACTIONS)), scopes, st.data())
def test_both_agree_whatever_a_token_leaves(role, action, scopes, data):
    given = (
        data.draw(st.sampled_from([GUEST_SCOPES, STRANGER_SCOPES]))
        if role is Role.GUEST
        else scopes
    )
    call = somebody(role, given)
    type_ = data.draw(st.sampled_from(kinds_of(action)))
    assert ENGINE.decide(call, action, thing(type_)).allowed is may(call, action)


@given(st.sampled_from(Role), st.sampled_from(sorted(ACTIONS)), scopes, scopes)
def test_a_token_and_a_plugin_only_ever_take_away(role, action, token, plugin):
    where = institution_of(HOME)
    if role is Role.GUEST:
        token = GUEST_SCOPES
    call = somebody(role, token)
    whole = ENGINE.decide(call, action, where, plugin=plugin).allowed
    visit = action == "hub:visit"
    assert whole is (
        may(somebody(role), action)
        and may(call, action)
        and (plugin is None or visit or action in plugin)
    )


def test_the_hub_itself_may_everything_everywhere():
    system = somebody(Role.GUEST, kind=PrincipalKind.SYSTEM)
    for action in ACTIONS:
        assert ENGINE.decide(system, action, institution_of(OTHER)).allowed


@pytest.mark.parametrize(
    ("action", "type_", "more"),
    [
        ("content:destroy", "Institution", {}),  # There is no such action.
        ("jobs:read", "Item", {}),  # It is not done to such a thing.
        ("content:read", "Item", {"published": None}),  # An attribute is missing.
        ("content:read", "Nothing", {}),  # There is no such type.
    ],
)
def test_what_cannot_be_decided_is_refused_and_says_why(action, type_, more):
    found = ENGINE.decide(somebody(Role.OPERATOR), action, thing(type_, **more))
    assert not found.allowed
    assert found.faults


def test_there_is_a_type_for_every_kind_of_principal():
    assert set(PRINCIPALS) >= set(PrincipalKind)


def test_a_type_is_of_a_table_that_there_is():
    assert set(TYPES) - {"plugin"} <= set(core_metadata().tables)


# -- what is seen


FLAGS = list(itertools.product([True, False], repeat=2))


@pytest.fixture
def content(database, system_call):
    """An item for each pair of (its container is published, it is), in two institutions."""
    from bloop.content import service

    made = {}
    for institution in (HOME, OTHER):
        with database.unit(make_call(institution)) as unit:
            for container_shown, item_shown in FLAGS:
                container = service.create_container(unit, title="x", kind="course")
                container.published = container_shown
                item = service.create_item(unit, container.id, title="x", kind="page", html="")
                item.published = item_shown
                made[institution, container_shown, item_shown] = (container.id, item.id)
    return made


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("given", [None, frozenset({"content:read"}), frozenset({"content:write"})])
def test_what_is_read_and_what_is_decided_are_the_same(database, content, role, given):
    scopes = GUEST_SCOPES if role is Role.GUEST else given
    call = somebody(role, scopes)
    drafts = may(call, "content:write")
    for (institution, container_shown, item_shown), ids in content.items():
        shown = {"Container": container_shown, "Item": container_shown and item_shown}
        reads = {"Container": CONTAINER_IS_SHOWN, "Item": ITEM_IS_SHOWN}
        for (type_, published), id_ in zip(shown.items(), ids, strict=True):
            resource = replace(thing(type_, institution), id=id_, published=published)
            decided = ENGINE.decide(call, "content:read", resource).allowed
            found = bool(database.read_now(reads[type_], call, id=id_))
            if drafts and institution == HOME:
                found = True  # Who writes is given the reads that show everything.
            assert decided is (may(call, "content:read") and found), (type_, institution, published)


# -- the judge


def test_the_judge_asks_about_the_row_and_says_which_policy_refused(database, content):
    learner = make_call(HOME, Role.LEARNER)
    with database.unit(learner) as unit:
        hidden = unit.get(Item, content[HOME, True, False][1])
        shown = unit.get(Item, content[HOME, True, True][1])
    judge(learner, "content:read", shown)
    with pytest.raises(ForbiddenError, match="it is not published"):
        judge(learner, "content:read", hidden)
    with pytest.raises(ForbiddenError, match="a learner may not content:write \\(ask"):
        judge(learner, "content:write")


def test_a_row_that_the_action_is_not_about_is_let_pass():
    class Other(Tenant):
        __tablename__ = "audit_line"

    judge(make_call(HOME, Role.LEARNER), "content:read", Other())


def test_reads_and_the_start_of_the_hub_import_no_cedar():
    code = (
        "import sys, bloop.hub, bloop.api.app, bloop.accounts.access as access\n"
        "from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace\n"
        "from bloop.api.app import API, PAGES, routes_of\n"
        "routes_of((*API, *PAGES))\n"
        "call = Call(Principal(PrincipalKind.USER, 'a', Role.ADMIN), 'i', Trace('1'*32, '2'*16))\n"
        "assert access.may(call, 'content:read')\n"
        "print('cedarpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
