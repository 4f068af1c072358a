"""Cedar and the bitsets say the same of every role, action and kind of thing."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import partial

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from bloop.accounts.actions import ACTIONS, GUEST_SCOPES, STRANGER_SCOPES, ForbiddenError, may
from bloop.accounts.models import User
from bloop.accounts.policy.bits import BITS
from bloop.accounts.policy.compile import compiled, most_open
from bloop.accounts.policy.engine import core, core_policies, institution_of, resource_of
from bloop.accounts.policy.judge import judge
from bloop.accounts.policy.schema import PRINCIPALS, TYPES, kinds_of
from bloop.content import service
from bloop.content.enrolling.models import Audience, CourseEnrolment, CourseRole
from bloop.content.enrolling.standing import standing_of
from bloop.content.models import Container, Item
from bloop.content.queries import CONTAINER_IS_VISIBLE, ITEM_IS_VISIBLE, TEACHES, TEACHES_ITEM
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
ENROLLED = (None, CourseRole.LEARNER, CourseRole.EDUCATOR)


@pytest.fixture
def content(database, system_call):
    """An item for each audience, pair of (its container is published, it is), and enrolment."""
    made = {}
    for institution in (HOME, OTHER):
        with database.unit(system_call) as unit:
            for who in ("in", "other"):
                unit.session.merge(
                    User(institution_id=institution, id=f"{who}-{institution}", **ADA)
                )
        with database.unit(make_call(institution)) as unit:
            for audience, flags, role in itertools.product(Audience, FLAGS, ENROLLED):
                container = service.create_container(unit, title="x", kind="course")
                container.published, container.audience = flags[0], audience
                if audience is Audience.OWNER:
                    # Ada's where she is not enrolled: no enrolment opens what is another's.
                    container.owner_id = f"{'other' if role else 'in'}-{institution}"
                item = service.create_item(unit, container.id, title="x", kind="page", html="")
                item.published = flags[1]
                if role is not None:
                    unit.session.add(
                        CourseEnrolment(
                            institution_id=institution,
                            container_id=container.id,
                            user_id=f"in-{institution}",
                            role=role,
                            created_by="system:hub",
                        )
                    )
                made[institution, audience, *flags, role] = (container.id, item.id)
    return made


ADA = {"name": "Ada", "role": "learner"}


GIVEN = (None, frozenset({"content:read"}), frozenset({"content:write"}))


@pytest.mark.parametrize("role", Role)
def test_what_is_read_and_what_is_decided_are_the_same(database, content, role):
    for scopes in [GUEST_SCOPES] if role is Role.GUEST else GIVEN:
        read_as_decided(database, content, somebody(role, scopes))


def read_as_decided(database, content, call):
    call = replace(call, principal=replace(call.principal, id=f"in-{HOME}"))
    rows = rows_of(database, content)
    verdicts = Counter()
    with database.reading(call) as unit:
        for of, row, published in rows:
            verdicts[decided_as_read(database, unit, call, of, row, published)] += 1
    assert len(verdicts) == 2 or may(call, "content:read") is False


def rows_of(database, content):
    """Each container and each item: whose it is and how it was made, its row, whether it shows."""
    found = []
    for institution in (HOME, OTHER):
        with database.reading(make_call(institution)) as unit:
            for (owner, *rest), ids in content.items():
                if owner != institution:
                    continue
                _, container_shown, item_shown, _ = rest
                shown = (container_shown, container_shown and item_shown)
                for model, id_, published in zip((Container, Item), ids, shown, strict=True):
                    row = unit.session.get(model, (institution, id_))
                    found.append(((institution, *rest), row, published))
    return found


def decided_as_read(database, unit, call, of, row, published):
    """Whether it may be read, which Cedar and the reads agree on; and on who may write it."""
    institution, audience, *_, enrolled = of
    is_container = isinstance(row, Container)
    drafts = may(call, "content:write")
    reachable = audience is not Audience.OWNER or enrolled is None
    resource = replace(resource_of(row), published=published, standing=standing_of(unit, row))
    decided = ENGINE.decide(call, "content:read", resource).allowed
    visible = CONTAINER_IS_VISIBLE if is_container else ITEM_IS_VISIBLE
    found = bool(database.read_now(visible, call, id=row.id))
    if drafts and institution == HOME:
        found = reachable  # Who writes is given the reads that show everything.
    assert decided is (may(call, "content:read") and found), (type(row), of)
    writes = ENGINE.decide(call, "content:write", resource).allowed
    taught = not drafts and bool(
        database.read_now(TEACHES if is_container else TEACHES_ITEM, call, id=row.id)
    )
    assert writes is (
        institution == HOME
        and reachable
        and (drafts or (taught and call.principal.kind is not PrincipalKind.GUEST))
    )
    return decided


# -- the judge


def test_the_judge_asks_about_the_row_and_says_which_policy_refused(database, content):
    learner = make_call(HOME, Role.LEARNER)
    with database.unit(learner) as unit:
        hidden = unit.get(Item, content[HOME, Audience.OPEN, True, False, None][1])
        shown = unit.get(Item, content[HOME, Audience.OPEN, True, True, None][1])
        closed = unit.get(Item, content[HOME, Audience.ENROLLED, True, True, None][1])
        judge(unit, "content:read", shown, standing_of)
        with pytest.raises(ForbiddenError, match="it is not published"):
            judge(unit, "content:read", hidden, standing_of)
        with pytest.raises(ForbiddenError, match="those who are enrolled in the course"):
            judge(unit, "content:read", closed, standing_of)
        with pytest.raises(ForbiddenError, match="a learner may not users:write \\(ask"):
            judge(unit, "users:write")


def test_what_only_a_course_can_say_is_owed_until_one_has_said_it(database, content):
    call = somebody(Role.LEARNER)
    call = replace(call, principal=replace(call.principal, id=f"in-{HOME}"))
    database.judge = partial(judge, standing_of=standing_of)
    taught = content[HOME, Audience.ENROLLED, False, False, CourseRole.EDUCATOR]
    others = content[HOME, Audience.OPEN, True, True, CourseRole.LEARNER]
    with database.unit(call) as unit:
        made = service.create_item(unit, taught[0], title="Mine", kind="page")
    assert made.container_id == taught[0]
    with database.unit(call) as unit:
        assert service.update_item(unit, taught[1], None, {"title": "Ours"}).title == "Ours"
    with pytest.raises(ForbiddenError), database.unit(call) as unit:
        service.create_item(unit, others[0], title="Not mine", kind="page")
    with pytest.raises(ForbiddenError), database.unit(call) as unit:
        service.create_container(unit, title="A course of nobody's")
    with database.unit(call) as unit:
        service.update_item(unit, taught[1], None, {"title": "Ours"})
        with pytest.raises(ForbiddenError):
            service.update_item(unit, others[1], None, {"title": "And theirs"})
    with database.reading(make_call(HOME)) as unit:
        assert unit.get(Item, taught[1]).title == "Ours"
        assert unit.get(Item, others[1]).title == "x"
        titles = set(unit.session.scalars(select(Container.title)))
        assert titles == {"x"}


def test_a_row_that_the_action_is_not_about_is_let_pass(database):
    class Other(Tenant):
        __tablename__ = "audit_line"

    with database.unit(make_call(HOME, Role.LEARNER)) as unit:
        judge(unit, "content:read", Other())


def test_reads_and_the_start_of_the_hub_import_no_cedar():
    code = (
        "import sys, bloop.hub, bloop.api.app, bloop.accounts.actions as actions\n"
        "from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace\n"
        "from bloop.api.app import API, PAGES, routes_of\n"
        "routes_of((*API, *PAGES))\n"
        "call = Call(Principal(PrincipalKind.USER, 'a', Role.ADMIN), 'i', Trace('1'*32, '2'*16))\n"
        "assert actions.may(call, 'content:read')\n"
        "print('cedarpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
