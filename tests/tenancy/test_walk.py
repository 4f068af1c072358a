"""Every route with the ids of another institution: nothing is shown, nothing is changed."""

from __future__ import annotations

import json

import httpx
import pytest

from bloop.accounts.models import User
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.accounts.tokens.models import ApiKey
from bloop.api.app import API, PAGES, create_edge, routes_of
from bloop.content.models import Item
from bloop.graph.models import Concept
from bloop.hub import Hub
from bloop.learning.quizzes import service as quizzes
from bloop.learning.quizzes.models import QuizResponse
from bloop.web.routes import error_page
from bloop_sdk import Role
from tests.learning.quizzes import CHOICE
from tests.support.database import make_call
from tests.support.hub import add_institution, log_in
from tests.support.tenants import seed, snapshot

ROUTES = routes_of((*API, *PAGES))
MARK = "zqother"

PARAMETERS = {
    "model_id": "mastery_model.id",
    "attempt_id": "quiz_attempt.id",
    "code": "certificate.code",
    "subject": "goal.subject_id",
    "place": "quiz_attempt.number",
    "concept_id": "concept.id",
    "source": "concept.id",
    "version": "graph_version.version",
    "submission_id": "submission.id",
    "connection_id": "connection.id",
    "container_id": "container.id",
    "enrolment_id": "course_enrolment.id",
    "file_id": "item.id",
    "factor": "mfa_passkey.id",
    "group_id": "user_group.id",
    "person_id": "person.id",
    "family_id": "token_family.id",
    "container": "container.id",
    "id": "item.id",
    "identity_id": "identity_link.id",
    "institution_id": "item.institution_id",
    "invitation_id": "invitation.id",
    "item_id": "item.id",
    "job_id": "job.id",
    "key_id": "api_key.id",
    "kind": "item.kind",
    "name": "job_schedule.name",
    "conflict_id": "note_conflict.id",
    "node_id": "node.id",
    "list_id": "recommendation.list_id",
    "note_id": "item.id",
    "parked_id": "event_parked.id",
    "passkey_id": "mfa_passkey.id",
    "quiz_id": "own_quiz.id",
    "remote_id": "item.remote_id",
    "response_id": "review_response.id",
    "run_id": "sync_run.id",
    "session_id": "login_session.id",
    "unsent_id": "unsent.id",
    "user_id": "account_user.id",
    "webhook_id": "webhook_endpoint.id",
}
"""What a parameter of a path names, as ``table.column``."""
SUBJECTS = {"/containers/": "container.id", "/items/": "item.id", "/nodes/": "node.id"}
"""What ``{subject_id}`` names below a path."""
PAGES_OF = {
    "/courses/{id}": {"id": "container.id"},
    "/courses/{id}/summary": {"id": "container.id"},
    "/courses/{id}/certificate": {"id": "container.id"},
    "/account/keys/{key_id}/revoke": {"key_id": "own_key.id"},
    "/api/v1/account/keys/{key_id}": {"key_id": "own_key.id"},
    "/attempts/{id}": {"id": "quiz_attempt.id"},
    "/attempts/{id}/finish": {"id": "quiz_attempt.id"},
    "/attempts/{id}/questions/{place}": {"id": "quiz_attempt.id"},
    "/attempts/{id}/questions/{place}/text": {"id": "quiz_attempt.id"},
    "/lessons/{id}/attempts": {"id": "own_quiz.id"},
    "/api/v1/items/{item_id}/attempts": {"item_id": "own_quiz.id"},
    "/api/v1/account/goals/{kind}/{subject}": {"kind": "goal.kind"},
    "/concepts/{concept_id}/before/{source}/remove": {"concept_id": "concept_edge.target_id"},
    "/api/v1/graph/concepts/{concept_id}": {"concept_id": "own_ended.id"},
    "/api/v1/graph/concepts/{concept_id}/merge": {"concept_id": "own_merged.id"},
}
"""What it names on some paths instead."""
NAMED = (
    "container.id",
    *PARAMETERS.values(),
    *(of for one in PAGES_OF.values() for of in one.values()),
)
OF_ALL = (
    *("/x/", "/in/", "/static/", "/plugins", "/api/v1/plugins/", "/api/v1/account/plugins/"),
    *("/account/plugins/", "/certificates/"),
    *("/login/with/", "/api/v1/connections/plugins/"),
    *("/setup/", "/api/v1/setup/"),
)
"""Below these a path names what no institution owns: plugins, steps and the hub's own files.

Or what is shown to whoever has its secret: a certificate.
"""
OF_ONE = (
    *("/account/", "/api/v1/account/", "/api/v1/tokens/"),
    *("/attempts/", "/api/v1/attempts/", "/next/", "/reviews/"),
)
"""Below these it names what one person owns."""

QUERIES = {
    "statementId": ["statement.id"],
    "action": ["content:read", "audit_line.action"],
    "actor": ["audit_line.actor"],
    "after": ["item.id", "outbox_event.seq", "event_parked.id"],
    "before": ["webhook_delivery.seq", "job.id", "audit_line.seq"],
    "code": ["quarantine.code"],
    "concept": ["concept.id"],
    "connection": ["connection.id"],
    "consumer": ["event_parked.consumer"],
    "container": ["container.id"],
    "course": ["container.id"],
    "cursor": ["item.id", "container.id", "quarantine.id", "account_user.id", "invitation.id"],
    "goal": ["concept.id", "container.id"],
    "group": ["user_group.id"],
    "institution": ["institution.slug"],
    "into": ["container.id"],
    "name": ["concept_name.key"],
    "known": ["concept.id"],
    "kind": ["item.kind"],
    "job": ["job.id"],
    "language": ["search_document.language"],
    "login": ["account_user.email"],
    "of": ["container:container.id", "concept:concept.id"],
    "parent": ["node.id"],
    "node": ["node.id"],
    "item": ["item.id"],
    "part": ["quiz_response.part"],
    "q": ["search_document.title", "search_document.text", "search_document.tenant"],
    "resource": ["item:item.id", "user:account_user.id", "job:job.id", "audit_line.resource"],
    "scopes": ["content:read"],
    "search": ["account_user.name", "account_user.email"],
    "state": ["job.state"],
    "topics": ["outbox_event.topic"],
    "user": ["account_user.id", "account_user.email"],
}
"""What is tried as a parameter of a query that is a text or a place."""
PLAIN = {
    *(
        "limit",
        "page",
        "start",
        "sure",
        "ticked",
        "form",
        "depth",
        "levels",
        "again",
        "tested",
        "replayed",
        "skipped",
    ),
    *("plugin", "switched", "undone", "change", "token"),
    *("role", "done", "saved", "withdrawn", "changed", "first", "everywhere"),
    *("since", "until", "next"),
    *("said", "number", "removed"),
    *("question", "feedback", "place", "key"),
    *("sort", "only", "add", "mode"),
    *("range", "asked", "started"),
}
"""Those that name nothing of an institution."""

ENDLESS = {"/api/v1/events", "/api/v1/jobs/{job_id}/events"}
"""To the owner these answer for as long as they listen; tests/api/test_live.py holds them to it."""

SILENT = {
    "/api/v1/graph/concepts/{concept_id}/prerequisites",  # It is what the other one needs.
    "/api/v1/items/{item_id}/content",  # It has no file.
    "/api/v1/containers/{container_id}/export",  # No plugin here exports.
    "/api/v1/account/export/{job_id}",  # The job is of another kind.
    "/lessons/{container}/{kind}/{remote_id:path}",  # They lead to others of these pages.
    "/files/{container}/{remote_id:path}",
    "/framed/{container}/{remote_id:path}",  # It has no file.
    "/api/v1/notes/{note_id}/files",
    "/jobs/{job_id}/cancel",  # It has ended.
    "/imports/{job_id}",  # The job is of another kind.
    "/imports/{job_id}/undo",
    "/api/v1/containers/{container_id}/calendar",  # Nothing of it is still to come.
    "/connections/{connection_id}/settings",  # Its plugin is not loaded here.
    "/connections/{connection_id}/courses",
    "/api/v1/connections/{connection_id}/hints",
    "/next/{list_id}/{item_id}",  # It leads to a lesson.
    "/courses/{container_id}/to-grade",  # It leads to an answer, and none waits.
    "/api/v1/containers/{container_id}/to-grade",
    "/lessons/{item_id}/edit",  # It is a note, which has another editor.
    "/api/v1/items/{item_id}/notes",  # Only whoever wrote them sees them.
    "/api/v1/nodes/{subject_id}/versions",  # The version that was seeded is an item's.
    "/api/v1/containers/{subject_id}/versions",
    # Only whoever took it, or did it, sees it.
    "/api/v1/items/{item_id}/attempts",
    "/api/v1/containers/{container_id}/progress",
    # Nobody who was seeded learns in the course that was.
    "/api/v1/containers/{container_id}/mastery",
    "/api/v1/containers/{container_id}/recommendations/preview",
    "/api/v1/containers/{container_id}/certificates",
}
"""Routes with an id whose answer to the owner holds nothing of the seeded rows."""

BODIES = {
    "PUT /api/v1/attempts/{attempt_id}/answers/{place}": {"answer": "a"},
    "POST /api/v1/graph/concepts/{concept_id}/merge": {"into": "{mark}-concept-id-2"},
    "PUT /api/v1/items/{item_id}/recommendation": {"act": "hide"},
    "POST /api/v1/account/next/{list_id}/opened": {"item": "{mark}-item-id"},
    "PUT /api/v1/items/{item_id}/concepts": {"concept": "{mark}-concept-id"},
    "POST /api/v1/containers/{container_id}/items": {"kind": "page", "title": "x"},
    "POST /api/v1/containers/{container_id}/nodes": {"title": "x"},
    "POST /api/v1/containers/{container_id}/notes": {"title": "x"},
    "POST /api/v1/items/{item_id}/notes": {"markdown": "x"},
    "POST /api/v1/containers/{container_id}/folders": {"title": "x"},
    "POST /api/v1/conflicts/{conflict_id}/settle": {"keep": "both"},
    "PATCH /api/v1/groups/{group_id}": {"name": "x"},
    "PUT /api/v1/submissions/{submission_id}/grade": {"score": 1.0},
    "POST /api/v1/groups/{group_id}/members": {"users": ["{mark}-account_user-id"]},
    "PUT /api/v1/people/{person_id}/user": {"user": "{mark}-account_user-id"},
    "POST /api/v1/containers/{container_id}/enrolments": {"user": "{mark}-account_user-id"},
    "POST /api/v1/connections/{connection_id}/device-login/poll": {"ticket": "x"},
    "POST /api/v1/connections/{connection_id}/rotate": {"secrets": {}},
    "POST /api/v1/webhooks/{webhook_id}/redeliver": {"failed_since": "2026-01-01T00:00:00Z"},
    "PATCH /api/v1/schedules/{name}": {"paused": True},
    "POST /api/v1/quizzes/{quiz_id}/questions": {"text": "Why? {}"},
}
"""Bodies of routes for which ``{}`` is not valid; ``{mark}`` is that of the path's institution."""
FORMS = {
    "/quizzes/{quiz_id}/answers/{attempt_id}": {"place": "1", "points": "0.5"},
    "/quizzes/{quiz_id}/concepts": {"part": "zqhome-question", "name": "x"},
    "/quizzes/{quiz_id}/edit": {"title": "x"},
    "/quizzes/{quiz_id}/paste": {"text": "Why? {}"},
    "/quizzes/{quiz_id}/preview/questions/{place}": {"answer": "a"},
    "/quizzes/{quiz_id}/publish": {"do": "hide"},
    "/quizzes/{quiz_id}/question": {"kind": "essay", "html": "x"},
    "/quizzes/{quiz_id}/questions": {"part": "zqhome-question", "do": "double"},
    "/attempts/{id}/questions/{place}": {"answer": "a"},
    "/concepts/{concept_id}/before": {"name": "x"},
    "/concepts/{concept_id}": {"name": "another", "version": "1"},
    "/people/{user_id}": {"name": "x", "version": "1"},
    "/people/{user_id}/erase": {"name": "x"},  # As it is called by then.
    "/schedules/{name}/pause": {"version": "1"},
    "/schedules/{name}/resume": {"version": "1"},
    "/connections/{connection_id}/courses": {"whole": "yes"},
    "/courses/{container_id}/add": {"kind": "page", "title": "x"},
    "/courses/{container_id}/places": {"do": "rename", "node": "zqhome-node-id", "title": "x"},
    "/courses/{container_id}/shown": {"item": "zqhome-item-id"},
    "/courses/{container_id}/people": {
        "email": "",
        "role": "learner",
        "group": "zqhome-user_group-id",
    },
    "/courses/{container_id}/audience": {"audience": "open"},
    "/people/groups/{group_id}/members": {"emails": ""},
    "/courses/{container_id}/recommendations": {"item": "zqhome-item-id", "act": "hide"},
    "/courses/{container_id}/certificate-rule": {"which": "all", "average": "", "do": "try"},
    "/courses/{container_id}/notes": {"title": "x"},
    "/lessons/{id}/notes": {"words": "x"},
    "/notes/{note_id}/edit": {"title": "x"},
    "/notes/{note_id}/texts": {"to": "1"},
    "/notes/{note_id}/move": {"place": "below:"},
    "/courses/{container_id}/notes/gone": {"note": "zqhome-item-id"},
    "/conflicts/{conflict_id}": {"keep": "both"},
}
BY_PLUGIN = {
    *("check", "device", "device-login", "discover", "done", "hints", "login", "poll", "resume"),
    *("rotate", "settings"),
}
"""What is done to a connection by its plugin, which is not loaded here."""
UPLOADS = {
    "/courses/{container_id}/add-file",
    "/lessons/{item_id}/media",
    "/api/v1/containers/{container_id}/files",
    "/api/v1/notes/{note_id}/files",
    "/notes/{note_id}/files",
    "/imports/new",
}


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
async def come(hub):
    """Somebody with a role in an institution, at the door of the hub."""
    edge = create_edge(hub, error_page=error_page)
    edge.use(ROUTES)
    clients = []

    async def come(role, institution):
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(edge), base_url="http://127.0.0.1:8080"
        )
        if role is not None:
            session = await hub.database.run(log_in, hub, role, institution)
            client.headers["authorization"] = f"Bearer {session.token}"
        clients.append(client)
        return client

    yield come
    for client in clients:
        await client.aclose()


@pytest.fixture
async def both(hub):
    """What was seeded of the first institution, and of the other."""
    other = await hub.database.run(add_institution, hub, MARK)
    made = await hub.database.run(seed, hub.database, (hub.institution, "zqhome"), (other, MARK))
    for one in made:
        one.rows["institution"] = {"slug": one.mark}
        one.rows["own_key"] = await hub.database.run(add_own_key, hub, one)
        await hub.database.run(add_learning, hub, one)
    return made


def add_learning(hub, seeded):
    """A quiz that its person has begun, and concepts that may be ended without those seeded."""
    mark, rows = seeded.mark, seeded.rows
    question = CHOICE | {"id": f"{mark}-question", "title": mark}
    quiz = {
        "id": f"{mark}-own-quiz",
        "kind": "quiz",
        "remote_id": f"{mark}-own-quiz",
        "data": {"questions": [question, question | {"id": "more"}]},
    }
    with hub.database.unit(system_call(seeded.institution)) as unit:
        # Rows as they are: commands would tell of them, and be heard while the walk goes on.
        rows["own_quiz"] = rows["item"] | quiz
        unit.session.add(Item(**rows["own_quiz"]))
        for name in ("own_ended", "own_merged"):
            rows[name] = rows["concept"] | {"id": f"{mark}-{name}"}
            unit.session.add(Concept(**rows[name]))
    user = make_call(seeded.institution, Role.LEARNER, name=rows["account_user"]["id"])
    with hub.database.unit(user) as unit:
        rows["quiz_attempt"] |= {"id": quizzes.start(unit, quiz["id"]), "number": 1}
        given = {"attempt_id": rows["quiz_attempt"]["id"], "place": 1, "part": question["id"]}
        rows["quiz_response"] |= {**given, "response": "a", "score": 1.0}
        unit.session.add(QuizResponse(**rows["quiz_response"]))


def add_own_key(hub, seeded):
    """A key of a person, beside the one of the institution."""
    row = seeded.rows["api_key"] | {
        "id": f"{seeded.mark}-own-key",
        "token_hash": f"{seeded.mark}-own-hash",
        "user_id": seeded.rows["account_user"]["id"],
        "role": None,
    }
    with hub.database.unit(system_call(seeded.institution)) as unit:
        unit.session.add(ApiKey(**row))
    return row


@pytest.fixture
def own(hub, come):
    """Whoever may do all to what a route names: its person, or an operator of the institution."""
    known = {}

    async def own(route, seeded):
        name = "person" if route.path.startswith(OF_ONE) else "operator"
        if (name, seeded.mark) not in known:
            client = await come("operator", seeded.institution)
            if name == "person":
                session = await hub.database.run(log_in_seeded, hub, seeded)
                client.headers["authorization"] = f"Bearer {session.token}"
            known[name, seeded.mark] = client
        return known[name, seeded.mark]

    return own


def log_in_seeded(hub, seeded):
    with hub.database.unit(system_call(seeded.institution)) as unit:
        user = unit.get(User, seeded.rows["account_user"]["id"])
        return start_session(unit, user, second_factor=True)


def column(seeded, name):
    table, _, of = name.rpartition(".")
    return str(seeded.rows[table][of])


def path_of(route, seeded):
    """A route's path with the ids of an institution; None where it names nothing of one."""
    if route.path.startswith(OF_ALL):
        return None
    path = route.path
    for part in route.path.split("/"):
        if not part.startswith("{"):
            continue
        name = part.strip("{}").partition(":")[0]
        named = PAGES_OF.get(route.path, {}).get(name) or PARAMETERS.get(name)
        if name == "subject_id":
            named = next(of for where, of in SUBJECTS.items() if where in route.path)
        assert named, f"{route.path}: say in PARAMETERS what {name} names"
        path = path.replace(part, column(seeded, named))
    return path


def queries_of(route, seeded):
    """Queries that name what is another institution's, one for each value."""
    for name in route._plain or ():
        if name in PLAIN or "{" + name in route.path:
            continue
        assert name in QUERIES, f"{route.path}: say in QUERIES what {name} names"
        for value in QUERIES[name]:
            kind, colon, of = value.rpartition(":")
            tried = kind + colon + column(seeded, of) if "." in of else value
            yield {**REQUIRED.get(route.path, {}), name: tried}


EMPTY = {'{"items":[],"next":null}', '{"items":[]}'}
REQUIRED = {
    "/api/v1/graph/named": {"name": "x"},
    "/api/v1/policy/explain": {"user": "guest", "action": "content:read"},
}


def shows(answer, seeded, sent):
    """Whether an answer holds something of an institution besides what was sent."""
    told = answer.text + repr(answer.headers)
    for one in sorted((str(one).rpartition(":")[2] for one in sent), key=len, reverse=True):
        told = told.replace(one, "")
    return seeded.mark in told or seeded.institution in told


def reads():
    return [route for route in ROUTES if route.method == "GET"]


def accept(route):
    return {"accept": "application/json" if "/api/" in route.path else "text/html"}


ROLES = [None, "educator", "operator"]
"""What a learner and an admin are shown, one of these is shown as well."""


async def test_no_read_shows_what_is_another_institutions(hub, come, both):
    home, other = both
    leaks, seen = [], 0
    for role in ROLES:
        client = await come(role, home.institution)
        for route in reads():
            if role == "operator" and route.path.startswith("/api/v1/institutions"):
                continue  # Who runs the hub knows its institutions by name.
            path = path_of(route, other)
            if path is not None and "{" in route.path:
                answer = await client.get(path, headers=accept(route))
                named = [column(other, one) for one in NAMED]
                seen += 1
                found = answer.status_code < 300 and answer.text not in EMPTY
                if shows(answer, other, [path, *named]) or found:
                    leaks.append((role, path, answer.status_code))
            if route.path in ENDLESS:
                continue
            own = path_of(route, home) or route.path
            for query in [{}, *queries_of(route, other)]:
                answer = await client.get(own, params=query, headers=accept(route))
                if shows(answer, other, query.values()):
                    leaks.append((role, own, query, answer.status_code))
    assert leaks == [], leaks
    assert seen > 20 * len(ROLES)


async def test_the_owner_is_shown_it_by_every_one_of_these_routes(own, both):
    """Or the walk would find nothing whatever leaked."""
    _, other = both
    silent = set()
    for route in reads():
        path = path_of(route, other)
        if path is None or "{" not in route.path or route.path in ENDLESS:
            continue
        answer = await (await own(route, other)).get(path, headers=accept(route))
        if answer.status_code != 200 or other.mark not in answer.text.replace(path, ""):
            silent.add(route.path)
    assert silent == SILENT


def changes():
    return [
        route
        for route in ROUTES
        if route.method != "GET" and "{" in route.path and not route.path.startswith(OF_ALL)
    ]


async def changed(client, route, path):
    options = {"headers": {"if-match": "*", **accept(route)}}
    if route.path in UPLOADS:
        options["files"] = {"file": ("a.txt", b"x")}
    elif route.path in FORMS:
        options["data"] = FORMS[route.path]
    elif "/api/" in route.path and route.method != "DELETE":
        body = json.dumps(BODIES.get(f"{route.method} {route.path}", {}))
        options["json"] = json.loads(body.replace("{mark}", MARK if MARK in path else "zqhome"))
    return await client.request(route.method, path, **options)


async def test_no_change_reaches_what_is_another_institutions(hub, come, both):
    home, other = both
    before = await hub.database.run(snapshot, hub.database, other.institution)
    answers = {}
    for role in ("educator", "operator"):
        client = await come(role, home.institution)
        for route in changes():
            if role == "operator" and route.path.startswith("/api/v1/institutions"):
                continue  # Who runs the hub may change each of its institutions.
            answer = await changed(client, route, path_of(route, other))
            answers[role, route.method, route.path] = answer.status_code
            assert not shows(answer, other, [column(other, one) for one in NAMED])
    wrong = {name: status for name, status in answers.items() if status not in {403, 404}}
    assert wrong == {}
    assert {status for name, status in answers.items() if name[0] == "operator"} == {404}
    assert await hub.database.run(snapshot, hub.database, other.institution) == before


def last(route):
    """What ends others comes after them: first what is of one person, and they at the very end."""
    is_undo = route.path.endswith("/runs/{run_id}/undo")
    of_one = route.path.startswith(OF_ONE)
    # What waits to be sent goes with its note, its connection and its run, so it comes before them.
    of_note = route.path.startswith(("/unsent/", "/notes/", "/conflicts/", "/api/v1/unsent/"))
    ends = route.method == "DELETE" or route.path.endswith(("/delete", "/revert", "/merge"))
    erases = "erasure" in route.path or route.path.endswith("/erase")
    return (erases, not of_one, not of_note, ends, is_undo)


async def test_the_owner_gets_further_with_every_one_of_these_changes(own, both):
    """Or the walk would be refused for another reason than whose it is."""
    home, other = both
    refused = {}
    for route in sorted(changes(), key=last):
        # A page ends the same things as the API, so it gets those of its own.
        seeded = other if "/api/" in route.path else home
        answer = await changed(await own(route, seeded), route, path_of(route, seeded))
        if "/connections/" in route.path and route.path.rpartition("/")[2] in BY_PLUGIN:
            continue
        if route.path.startswith("/imports/"):
            continue  # The job is of another kind.
        if answer.status_code in {400, 401, 403, 404, 405, 415, 422, 500}:
            refused[f"{route.method} {route.path}"] = answer.text
    assert refused == {}


async def test_no_change_of_the_own_names_what_is_another_institutions(hub, come, both):
    home, other = both
    client = await come("operator", home.institution)
    before = await hub.database.run(snapshot, hub.database, other.institution)
    container, hook = column(home, "container.id"), column(home, "webhook_endpoint.id")
    nodes = f"/api/v1/containers/{container}/nodes"
    node = f"/api/v1/nodes/{column(home, 'node.id')}"
    tries = [
        ("POST", nodes, {"title": "x", "parent": column(other, "node.id")}),
        ("POST", nodes, {"title": "x", "item": column(other, "item.id")}),
        ("PATCH", node, {"parent": column(other, "node.id")}),
        ("PATCH", node, {"institution_id": other.institution}),
        ("PATCH", f"/api/v1/items/{column(home, 'item.id')}", {"container": "x"}),
        ("POST", "/api/v1/containers", {"title": "x", "institution_id": other.institution}),
        (
            "POST",
            f"/api/v1/webhooks/{hook}/redeliver",
            {"delivery": column(other, "webhook_delivery.id")},
        ),
    ]
    for method, path, body in tries:
        answer = await client.request(method, path, json=body, headers={"if-match": "*"})
        assert answer.status_code in {404, 409, 422}, (path, body, answer.text)
        assert not shows(answer, other, body.values()), (path, body)
    upload = await client.post(
        "/api/v1/imports",
        params={"into": column(other, "container.id")},
        files={"file": ("a.imscc", b"x")},
    )
    assert upload.status_code == 422
    assert await hub.database.run(snapshot, hub.database, other.institution) == before
