"""`bloop groups`, and who is in a course: `bloop content people` and its neighbours."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.sessions import system_call
from bloop.content.enrolling.models import PersonLink
from bloop.content.models import Container, Person
from bloop.kernel.connections import create
from bloop.store.database import Database
from bloop.store.models import EVERY_INSTITUTION


@pytest.fixture
def course(hub_folder, bloop, small):
    """The id of an imported course."""
    return bloop("import", small, "--json").json["containers"][0]


@pytest.fixture
def ada(hub_folder, bloop):
    """The id of a learner's account."""
    return bloop("users", "add", "Ada", "--email", "ada@example.org", "--json").json["id"]


@pytest.fixture
def unit(hub_folder, database_urls):
    """Opens a unit of the institution beside the commands."""
    database = Database(*database_urls)
    (row,) = database.read_now(INSTITUTIONS, system_call(EVERY_INSTITUTION))
    yield lambda: database.unit(system_call(row[0]))
    database.close_now()


def groups(bloop):
    found = bloop("groups", "list", "--json").json["items"]
    return [(one["name"], one["members"]) for one in found]


def enrolled(bloop, course):
    found = bloop("content", "people", course, "--json").json["enrolments"]
    return sorted((one["name"], one["role"], bool(one["group"])) for one in found)


def test_a_group_from_its_making_to_its_end(hub_folder, bloop, ada):
    made = bloop("groups", "create", "Class B", "--json").json["id"]
    assert bloop("groups", "create", "Class B").code == 1, "names are unique"
    bloop("users", "add", "Bo", "--email", "bo@example.org")
    assert bloop("groups", "add", "Class B", "ADA@example.org", "bo@example.org").out == "2 added\n"
    assert bloop("groups", "add", made, ada).out == "0 added\n"
    assert groups(bloop) == [("Class B", 2)]
    shown = bloop("groups", "show", "Class B", "--json").json["items"]
    assert [(one["name"], one["email"]) for one in shown] == [
        ("Ada", "ada@example.org"),
        ("Bo", "bo@example.org"),
    ]
    assert "Ada" in bloop("groups", "show", made).out
    assert bloop("groups", "take-out", "Class B", "bo@example.org").code == 0
    assert "Class B" in bloop("groups", "list").out and groups(bloop) == [("Class B", 1)]
    assert bloop("groups", "remove", made).code == 0
    assert groups(bloop) == []
    assert bloop("users", "show", ada).code == 0, "its members stay"


def test_a_group_that_one_stranger_is_given_to_takes_nobody_in(hub_folder, bloop, ada):
    bloop("groups", "create", "Class B")
    said = bloop("groups", "add", "Class B", ada, "nobody@example.org")
    assert (said.code, "bloop users list" in said.err) == (1, True)
    assert groups(bloop) == [("Class B", 0)]


def test_groups_are_their_institutions_own(hub_folder, bloop):
    bloop("institutions", "add", "there", "Over There")
    bloop("groups", "create", "Theirs", "--institution", "there")
    assert groups(bloop) == []
    said = bloop("groups", "show", "Theirs")
    assert (said.code, "bloop groups list" in said.err) == (1, True)
    assert bloop("groups", "show", "Theirs", "--institution", "there").code == 0


def test_people_and_groups_are_enrolled_and_enrolments_end(course, bloop, ada):
    bloop("groups", "create", "Class B")
    first = bloop("content", "enrol", "Small course", "ada@example.org").out.strip()
    again = bloop("content", "enrol", course, ada, "--role", "educator").out.strip()
    assert again == first, "who is enrolled already gets the role"
    bloop("content", "enrol", course, "--group", "Class B")
    assert enrolled(bloop, course) == [("Ada", "educator", False), ("Class B", "learner", True)]
    table = bloop("content", "people", course).out
    assert first in table and "a group" in table
    assert bloop("content", "end-enrolment", course, first).code == 0
    assert enrolled(bloop, course) == [("Class B", "learner", True)]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["enrol", "Small course"], 1),
        (["enrol", "Small course", "ada@example.org", "--group", "Class B"], 1),
        (["enrol", "Small course", "nobody"], 1),
        (["enrol", "Small course", "--group", "nobody"], 1),
        (["enrol", "Other", "ada@example.org"], 1),
        (["enrol", "Small course", "ada@example.org", "--role", "operator"], 2),
        (["end-enrolment", "Small course", "nothing"], 1),
        (["audience", "Small course", "everybody"], 2),
        (["link", "nobody", "ada@example.org"], 1),
    ],
    ids=lambda value: value if isinstance(value, int) else "-".join(value).replace(" ", "_"),
)
def test_what_can_not_be_is_refused(course, bloop, ada, arguments, code):
    bloop("groups", "create", "Class B")
    said = bloop("content", *arguments)
    assert said.code == code and said.err
    assert "Traceback" not in said.err
    assert enrolled(bloop, course) == []


def test_an_audience_is_said_and_stays(course, bloop, unit):
    for audience in ("enrolled", "open", "members"):
        assert bloop("content", "audience", course, audience).code == 0
        with unit() as open_unit:
            assert open_unit.get(Container, course).audience == audience


def test_a_person_of_another_system_is_said_to_be_a_user_and_to_be_nobody(course, bloop, ada, unit):
    with unit() as open_unit:
        connection = create(
            open_unit, plugin_id="campus", capability="lms", key="https://x", name="Campus"
        )
        person = Person(
            institution_id=open_unit.institution,
            connection_id=connection.id,
            remote_id="p1",
            name="A. Lovelace",
        )
        open_unit.session.add(person)
        open_unit.session.flush()
        id_ = person.id

    def linked():
        with unit() as open_unit:
            links = open_unit.session.scalars(select(PersonLink)).all()
            return [(one.person_id, one.user_id) for one in links]

    assert bloop("content", "link", id_, "ada@example.org").code == 0
    assert linked() == [(id_, ada)]
    assert bloop("content", "link", id_).code == 0
    assert ada not in [user for _, user in linked()]
