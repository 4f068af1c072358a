"""Everything that a page can do, a program can do as well: by the same command, as the same people.

A page that gets an act fails here until it says which route of the API does the same.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bloop.api.app import API, PAGES, routes_of
from tests.web.reaching import reached

ROOT = Path(__file__).parents[2]

ACTS = {
    "/logout": "DELETE /session",
    # Learning.
    "/reviews": "POST /account/reviews/answers",
    "/lessons/{id}/attempts": "POST /items/{item_id}/attempts",
    "/attempts/{id}/questions/{place}": "PUT /attempts/{attempt_id}/answers/{place}",
    "/attempts/{id}/finish": "POST /attempts/{attempt_id}/finish",
    "/lessons/{id}/done": "PUT /items/{item_id}/progress",
    "/courses/{id}/certificate": "POST /containers/{container_id}/certificate",
    "/account/learning/goals": "PUT /account/goals/{kind}/{subject}",
    # Concepts.
    "/concepts": "POST /graph/concepts",
    "/concepts/suggestions": "POST /graph/review",
    "/concepts/read": "POST /containers/{container_id}/graph",
    "/concepts/{concept_id}": "PATCH /graph/concepts/{concept_id}",
    "/concepts/{concept_id}/before": "PUT /graph/edges",
    "/concepts/{concept_id}/before/{source}/remove": "DELETE /graph/edges",
    "/quizzes/{quiz_id}/concepts": "PUT /items/{item_id}/concepts",
    # Plugins.
    "/plugins/{plugin_id}/enable": "POST /plugins/{plugin_id}/enable",
    "/plugins/{plugin_id}/disable": "POST /plugins/{plugin_id}/disable",
    "/plugins/undo": "POST /plugins/undo",
    "/plugins/{plugin_id}/institution/on": "PUT /plugins/{plugin_id}/institution",
    "/plugins/{plugin_id}/institution/off": "PUT /plugins/{plugin_id}/institution",
    "/plugins/{plugin_id}/settings": "PUT /plugins/{plugin_id}/settings",
    "/account/plugins/{plugin_id}": "PUT /account/plugins/{plugin_id}/settings",
    # Connections.
    "/connections/new": "POST /connections",
    "/connections/{connection_id}/settings": "PATCH /connections/{connection_id}",
    "/connections/{connection_id}/check": "POST /connections/{connection_id}/check",
    "/connections/{connection_id}/sync": "POST /connections/{connection_id}/sync",
    "/connections/{connection_id}/pause": "POST /connections/{connection_id}/pause",
    "/connections/{connection_id}/resume": "POST /connections/{connection_id}/resume",
    "/connections/{connection_id}/schedule": "PATCH /connections/{connection_id}",
    "/connections/{connection_id}/retry": "POST /connections/{connection_id}/quarantine/retry",
    "/connections/{connection_id}/courses": "PUT /connections/{connection_id}/selection",
    "/connections/{connection_id}/device": "POST /connections/{connection_id}/device-login",
    "/connections/{connection_id}/device/done": (
        "POST /connections/{connection_id}/device-login/poll"
    ),
    "/connections/{connection_id}/remove": "DELETE /connections/{connection_id}",
    "/connections/own": "PUT /own-connections",
    "/notes/connect": "POST /account/connections",
    "/quarantine/retry": "POST /connections/{connection_id}/quarantine/retry",
    "/audit/verify": "POST /audit/check",
    "/admin/storage/count": "POST /storage/count",
    "/admin/storage/free": "POST /storage/free",
    # Work and events.
    "/schedules/{name}/run": "POST /schedules/{name}/run",
    "/schedules/{name}/pause": "PATCH /schedules/{name}",
    "/schedules/{name}/resume": "PATCH /schedules/{name}",
    "/jobs/{job_id}/cancel": "POST /jobs/{job_id}/cancel",
    "/jobs/{job_id}/retry": "POST /jobs/{job_id}/retry",
    "/events/parked/replay": "POST /events/parked/replay",
    "/events/parked/{parked_id}/replay": "POST /events/parked/{parked_id}/replay",
    "/events/parked/{parked_id}/skip": "POST /events/parked/{parked_id}/skip",
    "/webhooks/new": "POST /webhooks",
    "/webhooks/{webhook_id}/enable": "PATCH /webhooks/{webhook_id}",
    "/webhooks/{webhook_id}/disable": "PATCH /webhooks/{webhook_id}",
    "/webhooks/{webhook_id}/test": "POST /webhooks/{webhook_id}/test",
    "/webhooks/{webhook_id}/redeliver": "POST /webhooks/{webhook_id}/redeliver",
    # Setting up, and imports.
    "/setup/{step}": "PUT /setup/steps/{step}/dismissal",
    "/setup/sample": "POST /setup/sample",
    "/imports/new": "POST /imports",
    "/imports/{job_id}/confirm": "POST /imports",
    "/imports/{job_id}/undo": "POST /runs/{run_id}/undo",
    # Writing courses.
    "/courses": "POST /containers",
    "/courses/{container_id}/settings": "PATCH /containers/{container_id}",
    "/courses/{container_id}/trash": "DELETE /containers/{container_id}",
    "/courses/{container_id}/publish": "POST /containers/{container_id}/publish-chosen",
    "/courses/{container_id}/hide": "POST /containers/{subject_id}/unpublish",
    "/courses/{container_id}/shown": "POST /nodes/{subject_id}/unpublish",
    "/courses/{container_id}/add": "POST /containers/{container_id}/nodes",
    "/courses/{container_id}/add-file": "POST /containers/{container_id}/files",
    "/courses/{container_id}/places": "PATCH /nodes/{node_id}",
    "/courses/{container_id}/bin": "POST /nodes/{subject_id}/restore",
    "/courses/{container_id}/history": "POST /nodes/{subject_id}/undo",
    "/lessons/{item_id}/edit": "PUT /items/{item_id}/draft",
    "/lessons/{item_id}/discard": "DELETE /items/{item_id}/draft",
    "/lessons/{item_id}/media": "POST /containers/{container_id}/files",
    "/lessons/{item_id}/versions": "PUT /items/{item_id}/draft",
    # Writing and grading quizzes.
    "/courses/{container_id}/quizzes": "POST /containers/{container_id}/items",
    "/quizzes/{quiz_id}/edit": "PATCH /quizzes/{quiz_id}",
    "/quizzes/{quiz_id}/question": "PATCH /quizzes/{quiz_id}",
    "/quizzes/{quiz_id}/questions": "PATCH /quizzes/{quiz_id}",
    "/quizzes/{quiz_id}/paste": "POST /quizzes/{quiz_id}/questions",
    "/quizzes/{quiz_id}/publish": "POST /quizzes/{quiz_id}/publish",
    "/quizzes/{quiz_id}/undo": "POST /items/{subject_id}/undo",
    "/quizzes/{quiz_id}/answers/{attempt_id}": (
        "PUT /quizzes/{quiz_id}/attempts/{attempt_id}/answers/{place}/grade"
    ),
    # Courses and notes.
    "/courses/{container_id}/people": "POST /containers/{container_id}/enrolments",
    "/courses/{container_id}/people/{enrolment_id}/end": (
        "DELETE /containers/{container_id}/enrolments/{enrolment_id}"
    ),
    "/courses/{container_id}/audience": "PATCH /containers/{container_id}",
    "/courses/{container_id}/recommendations": "PUT /items/{item_id}/recommendation",
    "/courses/{container_id}/certificate-rule": "PUT /containers/{container_id}/certificate-rule",
    "/courses/{container_id}/certificate-rule/end": (
        "DELETE /containers/{container_id}/certificate-rule"
    ),
    "/courses/{container_id}/notes": "POST /containers/{container_id}/notes",
    "/courses/{container_id}/notes/gone": "POST /notes/{note_id}/restore",
    "/notes/{note_id}/edit": "PATCH /notes/{note_id}",
    "/notes/{note_id}/delete": "DELETE /notes/{note_id}",
    "/notes/{note_id}/move": "POST /notes/{note_id}/move",
    "/notes/{note_id}/files": "POST /notes/{note_id}/files",
    "/notes/{note_id}/files/{file_id}/detach": "DELETE /notes/{note_id}/files/{file_id}",
    "/notes/{note_id}/texts": "POST /notes/{note_id}/undo",
    "/notes/place": "PUT /account/note-place",
    "/lessons/{id}/notes": "POST /items/{item_id}/notes",
    "/unsent/{unsent_id}/retry": "POST /unsent/{unsent_id}/retry",
    "/unsent/{unsent_id}/revert": "DELETE /unsent/{unsent_id}",
    "/conflicts/{conflict_id}": "POST /conflicts/{conflict_id}/settle",
    # People.
    "/people/groups": "POST /groups",
    "/people/groups/{group_id}/members": "POST /groups/{group_id}/members",
    "/people/groups/{group_id}/members/{user_id}/remove": (
        "DELETE /groups/{group_id}/members/{user_id}"
    ),
    "/people/groups/{group_id}/remove": "DELETE /groups/{group_id}",
    "/people/second-factor": "PUT /mfa",
    "/people/{user_id}/factors": "DELETE /users/{user_id}/factors",
    "/people/rules": "PUT /membership-rules",
    "/people/rules/remove": "PUT /membership-rules",
    "/people/{user_id}": "PATCH /users/{user_id}",
    "/people/{user_id}/password": "POST /users/{user_id}/password-reset",
    "/people/{user_id}/sessions/end": "DELETE /users/{user_id}/sessions",
    "/people/{user_id}/erase/plan": "GET /users/{user_id}/erasure",
    "/people/{user_id}/erase": "POST /users/{user_id}/erasure",
    "/people/{user_id}/disable": "DELETE /users/{user_id}",
    "/people/{user_id}/enable": "PATCH /users/{user_id}",
    "/people/invite": "POST /invitations",
    "/people/invitations/{invitation_id}/withdraw": "DELETE /invitations/{invitation_id}",
    "/people/registration": "PUT /registration",
    # One's own account.
    "/language": "PATCH /account",
    "/join": "POST /join",
    "/login": "POST /session",
    "/login/reset": "POST /password-reset",
    "/login/second-factor": "POST /login/second-factor",
    "/login/second-factor/options": "POST /login/second-factor/options",
    "/login/passkey": "POST /login/passkey",
    "/step-up": "POST /account/step-up",
    "/account/sessions/end": "DELETE /account/sessions/{session_id}",
    "/account/password": "PUT /account/password",
    "/account/security/app": "POST /account/totp",
    "/account/security/app/confirm": "POST /account/totp/confirm",
    "/account/security/passkeys": "POST /account/passkeys",
    "/account/security/codes": "POST /account/recovery-codes",
    "/account/security/remove/{factor}": "DELETE /account/totp",
    "/account/identities/{identity_id}/remove": "DELETE /account/identities/{identity_id}",
    "/account/keys/new": "POST /account/keys",
    "/account/keys/{key_id}/revoke": "DELETE /account/keys/{key_id}",
    "/keys/new": "POST /keys",
    "/keys/{key_id}/revoke": "DELETE /keys/{key_id}",
}
"""Each act of a page, and the route below ``/api/v1`` that does the same."""

IN_A_BROWSER_ALONE = {
    "/login/forgotten": "a letter answers it, whose link leads to a page",
    "/connections/{connection_id}/login": "a browser goes to another site and comes back",
    "/account/identities/connect": "a browser goes to another site and comes back",
    "/lessons/{item_id}/preview": "shows what was typed and keeps nothing; a program has its own",
    "/quizzes/{quiz_id}/preview/questions/{place}": "tries an answer and keeps nothing",
    "/kept/mine": "what a browser was sending; a program sends it again",
    "/kept/drop": "what a browser was sending; a program sends it again",
}
"""What a program has no use for, and why."""

FORMS = {
    "commerce": {
        "/for-sale/{product}/buy": "POST /orders",
        "/purchases/{order}/start": "POST /orders/{order}/checkout",
        "/purchases/{order}/cancel": "POST /orders/{order}/cancel",
        "/purchases/{order}/plan": "POST /orders/{order}/plan",
        "/purchases/{order}/portal": "POST /orders/{order}/portal",
        "/courses/{course}/sell": "POST /products",
        "/lessons/{item}/sell": "POST /products",
        "/offers/new": "POST /products",
        "/offers/{product}": "PUT /products/{product}",
        "/offers/{product}/prices": "POST /products/{product}/prices",
        "/offers/{product}/prices/{price}/end": "DELETE /products/{product}/prices/{price}",
        "/coupon-codes": "POST /coupons",
        "/coupon-codes/{coupon}/end": "DELETE /coupons/{coupon}",
        "/purchases/{order}/seats": "PUT /orders/{order}/seats/{user}",
        "/sales/{order}/refund": "POST /orders/{order}/refunds",
        "/sales/{order}/paid": "POST /orders/{order}/payments",
        "/sales/{order}/refresh": "POST /orders/{order}/refresh",
    },
    "studio": {
        "/lessons/{item}/make": "POST /videos",
        "/lessons/{item}/write": "PUT /lessons/{item}/storyboard",
        "/lessons/{item}/draft": "POST /lessons/{item}/storyboard/draft",
        "/lessons/{item}/about": "PATCH /lessons/{item}/storyboard",
        "/lessons/{item}/scenes": "POST /lessons/{item}/storyboard/scenes",
        "/lessons/{item}/scenes/{scene}": "PUT /lessons/{item}/storyboard/scenes/{scene}",
        "/lessons/{item}/scenes/{scene}/preview": "POST /lessons/{item}/storyboard/preview",
        "/lessons/{item}/scenes/{scene}/change": (
            "POST /lessons/{item}/storyboard/scenes/{scene}/move"
        ),
        "/lessons/{item}/versions/{number}/restore": (
            "POST /lessons/{item}/storyboard/versions/{number}/restore"
        ),
        "/watch/{video}/again": "POST /videos/{video}/again",
        "/watch/{video}/remove": "DELETE /videos/{video}",
    },
}
"""Of each plugin the acts of its pages (by :data:`FORMS_OF`), and its route that does the same."""

FORMS_OF = re.compile(r"\.((\w+_)?(forms|pages)|offering)$")
"""The modules of plugins whose handlers answer with pages."""

BY_NAME = {
    "/people/{user_id}/erase": "erase",
    "/people/{user_id}/erase/plan": "plan",
    "/plugins/{plugin_id}/settings": "change",
    "/account/plugins/{plugin_id}": "change",
    "/connections/new": "create",
    "/connections/{connection_id}/settings": "change",
    "/connections/{connection_id}/device": "begin_device",
    "/notes/connect": "create",
    "/jobs/{job_id}/cancel": "cancel",
    "/jobs/{job_id}/retry": "retry",
    "/webhooks/{webhook_id}/test": "ping",
    "/login/second-factor/options": "pending_options",
    "/account/keys/new": "make_key",
    "/account/keys/{key_id}/revoke": "revoke",
    "/keys/new": "make_key",
    "/keys/{key_id}/revoke": "revoke",
}
"""Acts that come to their command by a method of the hub's parts, and what that is called."""
OTHERWISE_ALLOWED = {
    "/logout": "who has no session any more may press the button as well",
    "/language": "a guest chooses one as well, kept by the browser",
    "/courses/{container_id}/audience": "the command asks both for enrolments:write",
}
"""Acts that ask for another action than their route, and why."""

PAGE_ACTS = {route.path: route for route in routes_of(PAGES) if route.method == "POST"}
ROUTES = {
    f"{route.method} {route.path.removeprefix('/api/v1')}": route
    for route in routes_of(API)
    if route.path.startswith("/api/v1")
}


def test_every_act_of_a_page_has_its_route():
    said = ACTS.keys() | IN_A_BROWSER_ALONE.keys()
    assert PAGE_ACTS.keys() - said == set(), "say in ACTS which route of the API does the same"
    assert said - PAGE_ACTS.keys() == set()
    assert set(ACTS.values()) - ROUTES.keys() == set()


@pytest.mark.parametrize("path", ACTS)
def test_it_asks_for_the_same_and_does_the_same(path):
    act, route = PAGE_ACTS[path], ROUTES[ACTS[path]]
    assert (act.action == route.action) is (path not in OTHERWISE_ALLOWED)
    assert act.step_up >= route.step_up, "a page is no way around a fresh proof"
    (ours, our_names), (theirs, their_names) = reached(act.endpoint), reached(route.endpoint)
    if path in BY_NAME:
        assert BY_NAME[path] in our_names & their_names
    else:
        assert ours & theirs, (ours, theirs)


def test_every_form_of_a_plugins_pages_has_its_route():
    for manifest in sorted(ROOT.glob("plugins/*/*/bloop-plugin.toml")):
        told = tomllib.loads(manifest.read_text())
        known, forms = {}, {}
        for route in told.get("contributes", {}).get("routes", ()):
            answers_pages = FORMS_OF.search(route["handler"].partition(":")[0])
            for method in route.get("methods", ["GET"]):
                is_form = answers_pages and method == "POST"
                (forms if is_form else known)[f"{method} {route['path']}"] = route["action"]
        said = FORMS.get(told["id"], {})
        assert forms.keys() == {f"POST {path}" for path in said}, told["id"]
        for path, same in said.items():
            assert forms[f"POST {path}"] == known[same], (told["id"], path)
