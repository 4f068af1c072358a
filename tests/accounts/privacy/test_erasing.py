"""An erased person is nowhere in the database; what they wrote, and all of others, stays."""

from __future__ import annotations

import json
import os
import signal
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import MetaData, create_engine, select, text

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.identities.models import IdentityLogin
from bloop.accounts.messages.service import opened
from bloop.accounts.mfa.models import Challenge
from bloop.accounts.models import LoginSession, User
from bloop.accounts.people.models import Group, GroupMember, Invitation
from bloop.accounts.privacy import exporting, service
from bloop.accounts.privacy.parts import ERASED_NAME
from bloop.accounts.privacy.service import Sources
from bloop.accounts.queries import SESSION
from bloop.accounts.tokens.models import ApiKey
from bloop.content import personal
from bloop.content.enrolling.models import CourseEnrolment
from bloop.content.models import Enrolment, Person, Version
from bloop.content.service import create_container
from bloop.hub.privacy import core_parts
from bloop.jobs.models import Job, JobState
from bloop.store.audit.anchors import Anchors
from bloop.store.audit.keeping import anchor
from bloop.store.audit.verifying import verify
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.models import AuditLine, AuditPersonal, OutboxEvent
from bloop.store.types import utcnow
from bloop_sdk import Role
from tests.accounts.privacy.conftest import ADA, BEN, CANARIES, call_of
from tests.support.database import HOME, OTHER, make_call, make_system_call
from tests.support.forking import forking


@pytest.fixture
def admin():
    return make_call(HOME, Role.ADMIN)


def dump(database):
    """Every row of every table, as its owner sees it."""
    engine = create_engine(database.owner_url)
    found = {}
    with engine.begin() as connection:
        if database.dialect == "postgresql":
            connection.execute(text("SELECT set_config('bloop.institution', '*', true)"))
        metadata = MetaData()
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            found[table.name] = [repr(tuple(row)) for row in connection.execute(select(table))]
    engine.dispose()
    return found


def canaries(database):
    rows = [row for rows in dump(database).values() for row in rows]
    return {one for one in CANARIES if any(one.lower() in row.lower() for row in rows)}


def test_nothing_of_an_erased_person_is_left(people, sources, admin, tmp_path):
    assert canaries(people) == set(CANARIES)
    anchors = Anchors(tmp_path / "audit")
    anchor(people, anchors, make_system_call(), [HOME])
    said = service.plan(people, sources, admin, ADA)
    assert canaries(people) == set(CANARIES), "a plan changes nothing"
    done = service.erase(people, sources, admin, ADA)
    assert done == said
    assert canaries(people) == set()
    report = verify(people, anchors, make_system_call())
    assert report.good, report.faults
    assert len(list(sources.blobs.root.glob("*/*"))) == 2  # Ben's, and what both have brought.
    assert not list(sources.notes.iterdir())


def test_no_way_in_is_left_that_was_theirs_or_that_they_gave(people, sources, admin):
    service.erase(people, sources, admin, ADA)
    with people.unit(make_system_call(HOME)) as unit:
        assert set(unit.session.scalars(select(Invitation.token_hash))) == {"to-be", "by-be"}
        assert [key.user_id for key in unit.session.scalars(select(ApiKey))] == [BEN]
        assert opened(unit, "message-ad") is None


def test_what_they_wrote_stays_by_nobody_and_others_keep_all(people, sources, admin):
    before = dump(people)
    service.erase(people, sources, admin, ADA)
    after = dump(people)
    for name, rows in before.items():
        of_ben = [row for row in rows if BEN in row or "'be'" in row or "-be'" in row]
        assert set(of_ben) <= set(after[name]), name
    with people.reading(admin) as unit:
        user = unit.get(User, ADA)
        assert (user.name, user.email, user.role) == (ERASED_NAME, None, "learner")
        assert user.disabled_at
        assert user.erased_at
        essay = select(Version.actor).where(Version.subject == "item")
        assert f"user:{ADA}" in unit.session.scalars(essay).all()
        person = unit.get(Person, "person-ad")
        assert (person.name, person.email, person.login, person.raw) == (
            ERASED_NAME,
            None,
            None,
            None,
        )
        assert unit.get(Enrolment, "enrol-ad").raw is None
        payloads = select(OutboxEvent.topic, OutboxEvent.payload).where(
            OutboxEvent.aggregate == f"user:{ADA}"
        )
        assert unit.session.execute(payloads).all() == [
            ("user.logged_in", {"id": ADA}),
            ("tiny.said", {}),
            ("user.erased", {"id": ADA}),
        ]


def test_where_they_were_enrolled_and_what_they_had_begun_goes_and_others_stay(
    people, sources, admin
):
    """Logins and challenges have no key to an account: whoever has none yet logs in as well."""
    later = utcnow() + timedelta(minutes=5)
    with people.unit(make_system_call(HOME)) as unit:
        course = create_container(unit, title="Acids").id
        group = Group(institution_id=HOME, name="Class B")
        unit.session.add(group)
        unit.session.flush()
        for user in (ADA, BEN):
            session = unit.session.scalars(
                select(LoginSession.id).where(LoginSession.user_id == user)
            ).first()
            common = {"institution_id": HOME, "expires_at": later}
            unit.session.add_all(
                [
                    CourseEnrolment(
                        institution_id=HOME, container_id=course, user_id=user, created_by="x:y"
                    ),
                    GroupMember(institution_id=HOME, group_id=group.id, user_id=user),
                    IdentityLogin(
                        state_hash=f"state-{user}",
                        browser_hash="x",
                        provider="x.y",
                        user_id=user,
                        next_path="/",
                        **common,
                    ),
                    Challenge(hash=f"own-{user}", purpose="register", holder=user, **common),
                    Challenge(
                        hash=f"session-{user}", purpose="step_up", holder=session or "", **common
                    ),
                ]
            )
    service.erase(people, sources, admin, ADA)
    with people.reading(make_system_call(HOME)) as unit:
        left = {
            "enrolled": unit.session.scalars(select(CourseEnrolment.user_id)).all(),
            "members": unit.session.scalars(select(GroupMember.user_id)).all(),
            "logins": unit.session.scalars(select(IdentityLogin.user_id)).all(),
            "challenges": unit.session.scalars(select(Challenge.hash)).all(),
        }
    assert left["enrolled"] == left["members"] == left["logins"] == [BEN]
    assert f"own-{ADA}" not in left["challenges"] and f"own-{BEN}" in left["challenges"]
    assert f"session-{ADA}" not in left["challenges"]


async def test_their_sessions_are_no_more(people, sources, admin):
    assert await people.read(SESSION, admin, token_hash="hash-ad")
    service.erase(people, sources, admin, ADA)
    assert not await people.read(SESSION, admin, token_hash="hash-ad")
    assert await people.read(SESSION, admin, token_hash="hash-be")


def test_erasing_again_finds_only_what_came_since(people, sources, admin):
    service.erase(people, sources, admin, ADA)
    again = service.erase(people, sources, admin, ADA)
    assert again.empty
    with people.reading(admin) as unit:
        acts = unit.session.scalars(select(AuditLine.action)).all()
        assert acts.count("users:erase") == 1
    with people.unit(call_of(ADA)) as unit:
        unit.audit.append("t:late", f"user:{ADA}", personal={"address": "192.0.2.77"})
        unit.session.add(
            Job(
                institution_id=HOME,
                kind="k",
                state=JobState.RUNNING,
                actor=f"user:{ADA}",
                actor_role="learner",
                trace="t",
                payload={"name": "Ada Canary"},
            )
        )
    late = service.erase(people, sources, admin, ADA)
    assert (late.deleted, late.blanked, late.waiting) == ({"audit_personal": 1}, {}, 1)


def test_a_personal_part_that_goes_without_an_erasure_is_noticed(people, tmp_path):
    with people.unit(make_system_call(HOME)) as unit:
        for part in unit.session.scalars(select(AuditPersonal)):
            unit.session.delete(part)
    (fault,) = verify(people, Anchors(tmp_path / "audit"), make_system_call()).faults
    assert "never erased" in fault.reason


def test_only_who_may_erases_and_only_at_home(people, sources, admin):
    with people.unit(make_system_call(HOME)) as unit:
        unit.get(User, BEN).role = "operator"
    with pytest.raises(ForbiddenError):
        service.erase(people, sources, admin, BEN)
    with pytest.raises(ConflictError, match="last operator"):
        service.erase(people, sources, make_system_call(HOME), BEN)
    with pytest.raises(NotFoundError):
        service.erase(people, sources, make_call(OTHER, Role.ADMIN), ADA)


def test_bytes_that_another_institution_holds_stay(people, sources, admin):
    with people.reading(admin) as unit:
        jobs = unit.session.scalars(select(Job.payload).where(Job.actor == f"user:{ADA}")).all()
    with people.unit(make_call(OTHER)) as unit:
        for payload in jobs:
            unit.session.connection().execute(
                text(
                    "INSERT INTO blob (institution_id, sha256, size, held_at)"
                    " VALUES (:other, :sha, 1, :at)"
                ),
                {"other": OTHER, "sha": payload["blob"], "at": "2026-01-01T00:00:00.000000Z"},
            )
    service.erase(people, sources, admin, ADA)
    assert len(list(sources.blobs.root.glob("*/*"))) == 3


STEPS = ("note", "rows", "commit", "bytes", "done")


def erase_and_die(urls, root, notes, step):
    sources = Sources(core_parts(), personal.HOLDERS, Blobs(root), notes)

    def die(at):
        if at == step:
            os.kill(os.getpid(), signal.SIGKILL)

    service.erase(Database(*urls), sources, make_call(HOME, Role.ADMIN), ADA, on_step=die)


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_who_is_killed_anywhere_erases_again(people, sources, admin, database_urls):
    run = forking()
    for step in STEPS:
        process = run.Process(
            target=erase_and_die, args=(database_urls, sources.blobs.root, sources.notes, step)
        )
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL, step
        assert canaries(people) in (set(), set(CANARIES)), step
    service.erase(people, sources, admin, ADA)
    assert canaries(people) == set()
    assert len(list(sources.blobs.root.glob("*/*"))) == 2
    assert not list(sources.notes.iterdir())


def exported(database, sources, call, user, path, *, systems):
    with path.open("wb") as file:
        exporting.export(database, sources, call, user, file, systems=systems)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_an_export_holds_what_is_theirs_and_nothing_of_others(people, sources, admin, tmp_path):
    entries = exported(people, sources, admin, ADA, tmp_path / "ada.zip", systems=True)
    tables = {name for name in entries if name.startswith("tables/")}
    assert tables == {
        f"tables/{name}.json"
        for name in (
            "account_user",
            "api_key",
            "audit_line",
            "audit_personal",
            "content_version",
            "enrolment",
            "job",
            "login_session",
            "message",
            "outbox_event",
            "person",
        )
    }
    told = "".join(entries.values())
    # An answer is left out, with the reason in the README.
    assert [one for one in CANARIES if one not in told] == ["canary-answer"]
    assert "idempotency_key" in entries["README.txt"]
    assert not any(one in told for one in (BEN, "ben@example.org", "hash-ad", "192.0.2.9"))
    assert len([name for name in entries if name.startswith("files/")]) == 2
    person = json.loads(entries["person.json"])
    assert person["rows"] == {name[7:-5]: len(json.loads(entries[name])) for name in tables}


def test_one_who_asks_for_oneself_gets_nothing_by_the_mail_address(people, sources, tmp_path):
    """Nobody has checked that it is theirs."""
    entries = exported(people, sources, call_of(ADA), ADA, tmp_path / "ada.zip", systems=False)
    assert "tables/person.json" not in entries
    assert "ask an admin" in entries["README.txt"]


def test_a_person_is_found_by_id_address_or_name(people, admin):
    with people.reading(admin) as unit:
        for name in (ADA, "ADA.canary@example.org", "Ada Canary"):
            assert service.find_person(unit, name).id == ADA
        with pytest.raises(NotFoundError):
            service.find_person(unit, "Ada")
