from __future__ import annotations

from datetime import timedelta

import pytest

from bloop.accounts.messages.models import Message
from bloop.accounts.models import Institution, LoginSession, User
from bloop.accounts.people.models import Invitation
from bloop.accounts.privacy.service import Sources
from bloop.accounts.tokens.models import ApiKey
from bloop.content import personal
from bloop.content.models import Container, Enrolment, Person, Version
from bloop.content.sync_models import Quarantine
from bloop.hub.privacy import core_parts
from bloop.jobs.models import Job, JobState
from bloop.kernel.models import Connection
from bloop.store.blobs import Blobs
from bloop.store.models import Blob, IdempotencyKey
from bloop.store.types import utcnow
from bloop.webhooks.models import WebhookDelivery, WebhookEndpoint
from bloop_sdk import Principal, PrincipalKind, Role
from tests.support.database import HOME, OTHER, make_call, make_system_call

ADA = "00000000-0000-7000-8000-0000000000ad"
BEN = "00000000-0000-7000-8000-0000000000be"
CANARIES = ("Ada Canary", "ada.canary@example.org", "192.0.2.77", "CanaryBrowser", "canary-answer")
"""What must be nowhere once Ada is erased."""


def call_of(user, institution=HOME, role=Role.LEARNER):
    call = make_call(institution, role)
    return type(call)(Principal(PrincipalKind.USER, user, role), institution, call.trace)


@pytest.fixture
def sources(tmp_path):
    blobs = Blobs(tmp_path / "blobs")
    return Sources(core_parts(), personal.HOLDERS, blobs, tmp_path / "erasing")


@pytest.fixture
def people(database, sources):
    """Ada, of whom something is everywhere, and Ben beside her; a namesake elsewhere."""
    with database.unit(make_system_call()) as unit:
        for institution in (HOME, OTHER):
            unit.session.add(Institution(id=institution, slug=institution[-1], name="I"))
    for user, name, email in ((ADA, "Ada Canary", CANARIES[1]), (BEN, "Ben", "ben@example.org")):
        with database.unit(make_system_call(HOME)) as unit:
            unit.session.add(
                User(id=user, institution_id=HOME, name=name, email=email, role="learner")
            )
            unit.session.flush()
            fill(unit, user, name, email)
            fill_accounts(unit, user, name, email)
        with database.unit(call_of(user)) as unit:
            of_them(unit, sources, user, name)
    return database


def fill(unit, user, name, email):
    """What the hub and other systems know of somebody."""
    session, n = unit.session, user[-2:]
    session.add(
        LoginSession(
            token_hash=f"hash-{n}",
            institution_id=HOME,
            user_id=user,
            method="link",
            address="192.0.2.77" if user == ADA else "192.0.2.9",
            agent="CanaryBrowser" if user == ADA else "Browser",
            expires_at=utcnow() + timedelta(days=1),
        )
    )
    session.add(
        Connection(
            id=f"conn-{n}", institution_id=HOME, plugin_id="p", capability="lms", key=n, name="C"
        )
    )
    session.flush()
    course = Container(id=f"course-{n}", remote_id="c", kind="course", title="T")
    person = Person(
        id=f"person-{n}",
        connection_id=f"conn-{n}",
        remote_id="1",
        name=name,
        email=email.upper(),
        login=email,
        raw={"name": name, "mail": email},
    )
    session.add_all([course, person])
    session.flush()
    session.add(
        Enrolment(
            id=f"enrol-{n}",
            remote_id="e",
            container_id=course.id,
            person_id=person.id,
            role="learner",
            raw={"who": email},
        )
    )
    for subject, actor, snapshot in (
        ("person", "system:hub", {"name": name, "email": email}),
        ("item", f"user:{user}", {"title": "An essay"}),
    ):
        session.add(
            Version(
                subject=subject,
                subject_id=f"{subject}-{n}",
                row_version=1,
                change="edited",
                actor=actor,
                snapshot=snapshot,
            )
        )
    session.add(
        Quarantine(
            connection_id=f"conn-{n}", ref="r", code="c", reason="r", run_id="r", raw={"who": email}
        )
    )
    session.add(
        WebhookEndpoint(
            id=f"hook-{n}", institution_id=HOME, name="H", url="u", topics=[], key_id="k"
        )
    )
    session.flush()
    session.add(
        WebhookDelivery(
            institution_id=HOME,
            endpoint_id=f"hook-{n}",
            event_id="e",
            topic="user.logged_in",
            body=f'{{"aggregate": "user:{user}", "name": "{name}"}}',
        )
    )


def fill_accounts(unit, user, name, email):
    """What the hub has sent them, and the ways in that are theirs or that they gave."""
    n, day = user[-2:], utcnow() + timedelta(days=1)
    invited = {"institution_id": HOME, "role": "learner", "max_uses": 1, "expires_at": day}
    unit.session.add_all(
        [
            Message(id=f"message-{n}", institution_id=HOME, kind="invitation", recipient=email),
            Invitation(token_hash=f"to-{n}", email=email, created_by="system:hub", **invited),
            Invitation(token_hash=f"by-{n}", created_by=f"user:{user}", **invited),
            ApiKey(
                institution_id=HOME,
                user_id=user,
                name=f"Key of {name}",
                hint="hint",
                token_hash=f"key-{n}",
                scopes=[],
                created_by=f"user:{user}",
                expires_at=day,
            ),
        ]
    )


def of_them(unit, sources, user, name):
    """What somebody did themselves."""
    session, n = unit.session, user[-2:]
    stored = sources.blobs.put([f"uploaded by {name}".encode()])
    shared = sources.blobs.put([b"both have brought this"])
    for blob in (stored, shared):
        if session.get(Blob, (HOME, blob.sha256)) is None:
            session.add(Blob(institution_id=HOME, sha256=blob.sha256, size=blob.size))
        session.add(
            Job(
                id=f"{n}-{blob.sha256[:30]}",
                institution_id=HOME,
                kind="content.import",
                state=JobState.SUCCEEDED,
                actor=f"user:{user}",
                actor_role="learner",
                trace="t",
                payload={"blob": blob.sha256, "name": f"{name}.imscc"},
                result={"note": name},
                error={"message": name},
                progress_message=name,
            )
        )
    session.add(
        IdempotencyKey(
            id=f"key-{n}",
            institution_id=HOME,
            fingerprint="f",
            principal=f"user:{user}",
            owner="o",
            state="answered",
            body=b"canary-answer" if user == ADA else b"answer",
        )
    )
    unit.outbox.append("user.logged_in", f"user:{user}", {"id": user})
    unit.outbox.append("tiny.said", f"user:{user}", {"name": name})
    unit.outbox.append("tiny.made", f"thing:{n}", {"title": "An essay"})
    unit.audit.append(
        "t:act",
        f"user:{user}",
        {"n": 1},
        personal={"name": name, "address": "192.0.2.77" if user == ADA else "192.0.2.9"},
    )
