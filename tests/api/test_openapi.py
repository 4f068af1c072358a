from __future__ import annotations

import json
from pathlib import Path

import pytest

from bloop.accounts.actions import ACTIONS, VISIT
from bloop.api.app import API, routes_of
from bloop.api.openapi import document, dump

ROOT = Path(__file__).resolve().parents[2]
ROUTES = routes_of(API)


@pytest.fixture(scope="module")
def made():
    return document(ROUTES)


def operations(made):
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_committed_document_is_what_the_routes_say():
    committed = (ROOT / "docs" / "openapi.json").read_bytes()
    assert committed == dump(document(ROUTES)), "run: make docs"


def test_the_same_routes_give_the_same_document():
    assert dump(document(ROUTES)) == dump(document(list(ROUTES)))


def test_every_operation_names_its_action_and_has_its_own_id(made):
    ids = [operation["operationId"] for _, operation in operations(made)]
    assert len(ids) == len(set(ids))
    assert {operation["x-action"] for _, operation in operations(made)} <= set(ACTIONS)


def test_every_guarded_operation_says_how_to_log_in_and_how_it_refuses(made):
    for name, operation in operations(made):
        if operation["x-action"] != VISIT:
            assert operation["security"], name
            assert {"401", "403"} <= set(operation["responses"]), name


def test_every_problem_has_the_form_of_rfc_9457(made):
    for name, operation in operations(made):
        for status, answer in operation["responses"].items():
            if status >= "400" and name != "get /readyz":
                assert list(answer["content"]) == ["application/problem+json"], (name, status)


def test_every_reference_leads_somewhere(made):
    known = {f"#/components/schemas/{name}" for name in made["components"]["schemas"]}

    def references(part):
        if isinstance(part, dict):
            for key, value in part.items():
                if key == "$ref":
                    yield value
                else:
                    yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    assert set(references(made)) <= known


def test_everything_says_what_it_is(made):
    for name, operation in operations(made):
        assert operation.get("description"), name
        assert operation.get("tags"), name


def test_every_change_takes_a_key_and_says_how_it_is_refused(made):
    for name, operation in operations(made):
        headers = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "header"]
        assert ("Idempotency-Key" in headers) is not name.startswith("get "), name
        if not name.startswith("get "):
            assert {"409", "422"} <= set(operation["responses"]), name


UNVERSIONED = {
    "post /api/v1/setup/sample",
    "put /api/v1/setup/steps/{step}/dismissal",
    "delete /api/v1/setup/steps/{step}/dismissal",
    "post /api/v1/containers/{container_id}/publish-chosen",
    "put /api/v1/learning/models/{model_id}/use",
    "post /api/v1/learning/models",
    "post /api/v1/graph/history/{version}/undo",
    "post /api/v1/graph/import",
    "post /api/v1/graph/review",
    "post /api/v1/containers/{container_id}/graph",
    "delete /api/v1/graph/concepts/{concept_id}",
    "post /api/v1/graph/concepts",
    "post /api/v1/graph/concepts/{concept_id}/merge",
    "put /api/v1/graph/edges",
    "delete /api/v1/graph/edges",
    "put /api/v1/items/{item_id}/concepts",
    "delete /api/v1/items/{item_id}/concepts/{concept_id}",
    "delete /api/v1/account/sessions",
    "delete /api/v1/account/sessions/{session_id}",
    "delete /api/v1/account/identities/{identity_id}",
    "delete /api/v1/session",
    "delete /api/v1/users/{user_id}/sessions",
    "delete /api/v1/account/passkeys/{passkey_id}",
    "delete /api/v1/account/totp",
    "delete /api/v1/users/{user_id}/factors",
    "post /api/v1/account/connections",
    "post /api/v1/account/notebooks",
    "post /api/v1/account/passkeys",
    "post /api/v1/account/passkeys/options",
    "post /api/v1/account/recovery-codes",
    "post /api/v1/account/step-up",
    "post /api/v1/account/step-up/options",
    "post /api/v1/account/totp",
    "post /api/v1/account/totp/confirm",
    "delete /api/v1/account/keys/{key_id}",
    "delete /api/v1/keys/{key_id}",
    "delete /api/v1/tokens/{family_id}",
    "post /api/v1/account/keys",
    "post /api/v1/account/export",
    "post /api/v1/connections",
    "post /api/v1/connections/{connection_id}/check",
    "post /api/v1/connections/{connection_id}/device-login",
    "post /api/v1/connections/{connection_id}/device-login/poll",
    "post /api/v1/connections/{connection_id}/discover",
    "post /api/v1/connections/{connection_id}/hints",
    "post /api/v1/connections/{connection_id}/pause",
    "post /api/v1/connections/{connection_id}/quarantine/retry",
    "post /api/v1/connections/{connection_id}/resume",
    "post /api/v1/connections/{connection_id}/rotate",
    "post /api/v1/connections/{connection_id}/send",
    "post /api/v1/connections/{connection_id}/sync",
    "post /api/v1/containers/{container_id}/notes",
    "post /api/v1/items/{item_id}/notes",
    "put /api/v1/account/note-place",
    "post /api/v1/containers/{container_id}/folders",
    "post /api/v1/conflicts/{conflict_id}/settle",
    "post /api/v1/unsent/{unsent_id}/retry",
    "delete /api/v1/unsent/{unsent_id}",
    "post /api/v1/containers",
    "delete /api/v1/containers/{container_id}/enrolments/{enrolment_id}",
    "post /api/v1/containers/{container_id}/enrolments",
    "post /api/v1/containers/{container_id}/files",
    "post /api/v1/containers/{container_id}/items",
    "post /api/v1/containers/{container_id}/nodes",
    "delete /api/v1/groups/{group_id}/members/{user_id}",
    "post /api/v1/groups",
    "post /api/v1/groups/{group_id}/members",
    "delete /api/v1/people/{person_id}/user",
    "put /api/v1/people/{person_id}/user",
    "post /api/v1/events/parked/replay",
    "post /api/v1/events/parked/{parked_id}/replay",
    "post /api/v1/events/parked/{parked_id}/skip",
    "post /api/v1/audit/check",
    "post /api/v1/imports",
    "post /api/v1/institutions",
    "post /api/v1/invitations",
    "post /api/v1/join",
    "post /api/v1/jobs/{job_id}/cancel",
    "post /api/v1/jobs/{job_id}/retry",
    "post /api/v1/login/passkey",
    "post /api/v1/login/passkey/options",
    "post /api/v1/login/second-factor",
    "post /api/v1/login/second-factor/options",
    "post /api/v1/keys",
    "post /api/v1/password-reset",
    "post /api/v1/plugins/undo",
    "post /api/v1/plugins/{plugin_id}/disable",
    "post /api/v1/plugins/{plugin_id}/enable",
    "post /api/v1/runs/{run_id}/undo",
    "post /api/v1/schedules/{name}/run",
    "post /api/v1/storage/count",
    "post /api/v1/storage/free",
    "post /api/v1/users",
    "post /api/v1/session",
    "post /api/v1/users/{user_id}/password-reset",
    "post /api/v1/tokens",
    "post /api/v1/tokens/refresh",
    "post /api/v1/users/{user_id}/erasure",
    "post /api/v1/webhooks",
    "post /api/v1/webhooks/{webhook_id}/redeliver",
    "post /api/v1/webhooks/{webhook_id}/rotate",
    "post /api/v1/webhooks/{webhook_id}/test",
    "patch /api/v1/account",
    "put /api/v1/account/password",
    "put /api/v1/plugins/{plugin_id}/institution",
    # Answers and attempts are only added; the same again changes nothing.
    "post /api/v1/attempts/{attempt_id}/finish",
    "post /api/v1/items/{item_id}/attempts",
    "put /api/v1/attempts/{attempt_id}/answers/{place}",
    # What is said of an answer replaces what was said; pages tell two graders of each other.
    "put /api/v1/quizzes/{quiz_id}/attempts/{attempt_id}/answers/{place}/grade",
    # What is said of recommending an item replaces what was said; the last word counts.
    "delete /api/v1/items/{item_id}/recommendation",
    "post /api/v1/account/next/{list_id}/opened",
    "put /api/v1/items/{item_id}/recommendation",
    "put /api/v1/recommendations/comparison",
    # What one says of oneself, and the one rule of a course: the last word counts.
    "delete /api/v1/account/goals/{kind}/{subject}",
    "delete /api/v1/containers/{container_id}/certificate-rule",
    "post /api/v1/containers/{container_id}/certificate",
    "post /api/v1/xapi/statements",
    "put /api/v1/account/goals/{kind}/{subject}",
    "put /api/v1/containers/{container_id}/certificate-rule",
    "post /api/v1/containers/{container_id}/certificate-rule/dry-run",
    "post /api/v1/account/reviews/answers",
    "put /api/v1/items/{item_id}/opened",
    "put /api/v1/items/{item_id}/progress",
    "put /api/v1/xapi/statements",
}
"""Changes without If-Match; docs/api.md gives a reason for each."""


def test_every_other_change_names_the_version_it_was_made_from(made):
    found = {
        name
        for name, operation in operations(made)
        if not name.startswith("get ") and "428" not in operation["responses"]
    }
    assert found == UNVERSIONED


async def test_a_change_that_says_so_is_refused_without_its_version(operator, made):
    for name, operation in operations(made):
        if "428" not in operation["responses"] or "/plugins/" in name or "-rules" in name:
            continue  # What is set of a plugin, and rules of membership, have tests of their own.
        method, path = name.split(" ")
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", "nothing")
        body = {"json": {}} if "requestBody" in operation else {}
        answer = await operator.request(method, path, **body)
        assert answer.status_code == 428, (name, answer.text)


async def test_the_hub_serves_its_document(client):
    answer = await client.get("/api/v1/openapi.json")
    assert answer.json()["paths"] == json.loads(dump(document(ROUTES)))["paths"]


def test_every_route_of_the_core_can_run_past_fastapis_dependencies():
    """Reads that need FastAPI's machinery are slow; one that does shows up here."""
    reads = [route for route in ROUTES if route.method == "GET"]
    assert [route.path for route in reads if route._plain is None] == []
