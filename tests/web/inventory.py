"""Every page of the hub: where it is, and who looks at it here.

``{...}`` in a path is an id of :mod:`tests.web.filled`. tests/web/test_every_page.py holds the list
to the routes there are.
"""

from __future__ import annotations

from dataclasses import dataclass

GUEST, LEARNER, EDUCATOR, ADMIN, OPERATOR = (None, "learner", "educator", "admin", "operator")


@dataclass(frozen=True)
class Shown:
    """One page, asked for by a role; ``status`` is what it answers.

    One that is ``framed`` is the text that somebody wrote, shown within a page.
    """

    name: str
    path: str
    role: str | None
    status: int = 200
    framed: bool = False


PAGES = (
    Shown("courses", "/", LEARNER),
    Shown("courses-guest", "/", GUEST),
    Shown("course", "/courses/{course}", LEARNER),
    Shown("lesson", "/lessons/{page}", LEARNER),
    Shown("lesson-text", "/lessons/{page}/text", LEARNER, framed=True),
    Shown("summary", "/courses/{course}/summary", LEARNER, framed=True),
    Shown("quiz", "/lessons/{quiz}", LEARNER),
    Shown("attempt", "/attempts/{attempt}", LEARNER),
    Shown("question-text", "/attempts/{attempt}/questions/1/text", LEARNER, framed=True),
    Shown("certificate", "/certificates/{institution}/{certificate}", GUEST),
    Shown("learning", "/account/learning", LEARNER),
    Shown("why", "/account/learning/concepts/{concept}", LEARNER),
    Shown("map", "/map?course={course}", LEARNER),
    Shown("map-concept", "/map?concept={concept}", LEARNER),
    Shown("concepts", "/concepts", LEARNER),
    Shown("concept", "/concepts/{concept}", LEARNER),
    Shown("next", "/next", LEARNER),
    Shown("search", "/search?q=wave", LEARNER),
    Shown("search-empty", "/search", LEARNER),
    Shown("notes", "/notes", LEARNER),
    Shown("note", "/lessons/{note}", LEARNER),
    Shown("note-edit", "/notes/{note}/edit", LEARNER),
    Shown("note-texts", "/notes/{note}/texts", LEARNER),
    Shown("notes-connect", "/notes/connect", LEARNER),
    Shown("own-plugin", "/account/plugins/notion", LEARNER),
    Shown("own-plugins", "/account/plugins", LEARNER),
    Shown("sessions", "/account/sessions", LEARNER),
    Shown("password", "/account/password", LEARNER),
    Shown("security", "/account/security", LEARNER),
    Shown("security-app", "/account/security/app", LEARNER),
    Shown("security-remove", "/account/security/remove/app", EDUCATOR),
    Shown("identities", "/account/identities", LEARNER),
    Shown("own-keys", "/account/keys", LEARNER),
    Shown("own-key-new", "/account/keys/new", LEARNER),
    Shown("own-key-revoke", "/account/keys/{own-key}/revoke", LEARNER),
    Shown("step-up", "/step-up", LEARNER),
    Shown("login", "/login", GUEST),
    Shown("login-passkey", "/login/passkey", GUEST),
    Shown("login-second", "/login/second-factor", GUEST, 403),
    Shown("login-reset", "/login/reset?token=used", GUEST, 403),
    Shown("login-forgotten", "/login/forgotten", GUEST),
    Shown("login-with", "/login/with", GUEST),
    Shown("join", "/join?token={invitation}", GUEST),
    Shown("missing", "/nothing", GUEST, 404),
    Shown("course-teacher", "/courses/{course}", EDUCATOR),
    Shown("course-people", "/courses/{course}/people", EDUCATOR),
    Shown("course-progress", "/courses/{course}/progress", EDUCATOR),
    Shown("course-gaps", "/courses/{course}/gaps?goal={concept}", EDUCATOR),
    Shown("course-recommendations", "/courses/{course}/recommendations", EDUCATOR),
    Shown("course-certificate", "/courses/{course}/certificate", EDUCATOR),
    Shown("certificate-rules", "/certificate-rules", EDUCATOR),
    Shown("group-gaps", "/people/groups/{group}/gaps?goal={concept}", EDUCATOR),
    Shown("note-new", "/courses/{course}/notes/new", EDUCATOR),
    Shown("notes-gone", "/courses/{course}/notes/gone", EDUCATOR),
    Shown("suggestions", "/concepts/suggestions", EDUCATOR),
    Shown("concept-teacher", "/concepts/{concept}", EDUCATOR),
    Shown("conflict", "/conflicts/{conflict}", EDUCATOR),
    Shown("note-connected", "/lessons/{note-connected}", EDUCATOR),
    Shown("unsent", "/unsent", EDUCATOR),
    Shown("admin", "/admin", ADMIN),
    Shown("admin-operator", "/admin", OPERATOR),
    Shown("connections", "/connections", ADMIN),
    Shown("connection-choose", "/connections/new", ADMIN),
    Shown("connection-new", "/connections/new?plugin=markdown", ADMIN),
    Shown("connection", "/connections/{connection}", ADMIN),
    Shown("connection-settings", "/connections/{connection}/settings", ADMIN),
    Shown("connection-courses", "/connections/{connection}/courses", ADMIN),
    Shown("connection-remove", "/connections/{connection}/remove", ADMIN),
    Shown("people", "/people", ADMIN),
    Shown("person", "/people/{person}", ADMIN),
    Shown("person-disable", "/people/{person}/disable", ADMIN),
    Shown("person-factors", "/people/{person}/factors", ADMIN),
    Shown("person-sessions", "/people/{learner}/sessions", ADMIN),
    Shown("person-password", "/people/{person}/password", ADMIN),
    Shown("person-erase", "/people/{person}/erase", ADMIN),
    Shown("people-invite", "/people/invite", ADMIN),
    Shown("people-registration", "/people/registration", ADMIN),
    Shown("people-rules", "/people/rules", ADMIN),
    Shown("people-second-factor", "/people/second-factor", ADMIN),
    Shown("groups", "/people/groups", ADMIN),
    Shown("group", "/people/groups/{group}", ADMIN),
    Shown("keys", "/keys", ADMIN),
    Shown("key-new", "/keys/new", ADMIN),
    Shown("key-revoke", "/keys/{key}/revoke", ADMIN),
    Shown("webhooks", "/webhooks", ADMIN),
    Shown("webhook-new", "/webhooks/new", ADMIN),
    Shown("webhook", "/webhooks/{webhook}", ADMIN),
    Shown("webhook-disable", "/webhooks/{webhook-well}/disable", ADMIN),
    Shown("audit", "/audit", ADMIN),
    Shown("policy", "/policy", ADMIN),
    Shown("schedules", "/schedules", ADMIN),
    Shown("quarantine", "/quarantine", ADMIN),
    Shown("quarantine-none", "/quarantine?code=unheard", ADMIN),
    Shown("system", "/admin/system", OPERATOR),
    Shown("system-week", "/admin/system?range=7d", OPERATOR),
    Shown("limits", "/admin/limits", OPERATOR),
    Shown("jobs", "/jobs", OPERATOR),
    Shown("jobs-none", "/jobs?state=waiting&before=0", OPERATOR),
    Shown("job-running", "/jobs/{job-running}", OPERATOR),
    Shown("job-failed", "/jobs/{job-failed}", OPERATOR),
    Shown("job-cancel", "/jobs/{job-running}/cancel", OPERATOR),
    Shown("parked", "/events/parked", OPERATOR),
    Shown("parked-none", "/events/parked?consumer=none", OPERATOR),
    Shown("parked-skip", "/events/parked/{parked}/skip", OPERATOR),
    Shown("plugins", "/plugins", OPERATOR),
    Shown("plugin-enable", "/plugins/evernote/enable", OPERATOR),
    Shown("plugin-disable", "/plugins/cartridge/disable", OPERATOR),
    Shown("plugin-institution", "/plugins/cartridge/institution", OPERATOR),
    Shown("plugin-settings", "/plugins/markdown/settings", OPERATOR),
)

NO_PAGES = {
    "/healthz": "for machines",
    "/readyz": "for machines",
    "/metrics": "for machines",
    "/static/{digest}/{name}": "a file",
    "/files/{container}/{remote_id:path}": "a file",
    "/framed/{container}/{remote_id:path}": "a file",
    "/lessons/{container}/{kind}/{remote_id:path}": "leads to a lesson",
    "/next/{list_id}/{item_id}": "leads to a lesson",
    "/connections/callback": "leads back from another site",
    "/login/with/{provider}": "leads to another site",
    "/login/with/{provider}/callback": "leads back from another site",
}
"""Routes that answer with no page of their own, and why."""
