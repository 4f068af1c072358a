"""Live events of Canvas Data Services over HTTPS, signed: hints of what may have changed.

The body is a JWT (RS256) whose claims are the event, in Canvas's own format or in Caliper's; its
key is one of those that Instructure publishes, and rotates each month. They sign for every Canvas
there is: an event of another one is no hint here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bloop_canvas.ids import within
from bloop_sdk import AuthError, Hint, Kind, Ref, WebhookRequest
from bloop_sdk.records import JSONObject

KEYS_URL = "https://8axpcl50e4.execute-api.us-east-1.amazonaws.com/main/jwks"
"""Where Instructure publishes the keys of production and beta; the last, this and the next."""

_COMPACT = re.compile(rb"[A-Za-z0-9_-]{1,4000}\.[A-Za-z0-9_-]{1,200000}\.[A-Za-z0-9_-]{1,2000}")
_SHARD = 10_000_000_000_000
_LEEWAY = 300
_CURE = "switch on Signed Payload for the data stream in Canvas"

_BODY_IDS: dict[str, tuple[Kind, str]] = {
    "wiki_page": (Kind.PAGE, "wiki_page_id"),
    "assignment": (Kind.ASSIGNMENT, "assignment_id"),
    "quiz": (Kind.QUIZ, "quiz_id"),
    "discussion_topic": (Kind.DISCUSSION, "discussion_topic_id"),
    "attachment": (Kind.FILE, "attachment_id"),
    "module": (Kind.MODULE, "module_id"),
    "module_item": (Kind.MODULE, "module_item_id"),
    "course_section": (Kind.SECTION, "course_section_id"),
    "learning_outcome": (Kind.OUTCOME, "learning_outcome_id"),
}
_PREFIX = {"module": "m", "module_item": "i"}


def hints(base: str, keys: JSONObject, request: WebhookRequest) -> Sequence[Hint]:
    """What a call hints at; raises AuthError where it is not signed by one of ``keys``."""
    if not request.headers or not _COMPACT.fullmatch(request.body):
        raise AuthError("the call is no signed live event of Canvas", cure=_CURE)
    claims = _claims(keys, request)
    metadata, body = _canvas(claims)
    if _elsewhere(base, metadata):
        return []
    told = json.dumps([metadata, body], sort_keys=True)
    event_id = hashlib.sha256(told.encode()).hexdigest()
    return [Hint(ref=_ref(metadata, body), event_id=event_id)]


def _claims(keys: Any, request: WebhookRequest) -> JSONObject:
    try:
        found = jwt.decode(request.body, KeySet.import_key_set(keys), algorithms=["RS256"])
    except (JoseError, ValueError, KeyError, TypeError) as err:
        raise AuthError(
            f"a live event is not signed by Canvas: {type(err).__name__}",
            cure="check the connection: that fetches the keys anew",
        ) from err
    ends = found.claims.get("exp")
    if isinstance(ends, int | float) and ends + _LEEWAY < request.received_at:
        raise AuthError("a live event came after its signature had ended")
    return found.claims


def _canvas(claims: JSONObject) -> tuple[JSONObject, JSONObject]:
    """Metadata and body, in either format; Caliper's hold less than Canvas's own."""
    metadata, body = claims.get("metadata"), claims.get("body")
    if isinstance(metadata, dict) and isinstance(body, dict):
        return metadata, body
    data = claims.get("data")
    event = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    extensions = event.get("extensions")
    return (extensions if isinstance(extensions, dict) else {}), {"id": event.get("id")}


def _elsewhere(base: str, metadata: Mapping[str, Any]) -> bool:
    """Whether an event names another site. What a job in Canvas did names none."""
    host = metadata.get("hostname")
    return isinstance(host, str) and host.lower() != (urlsplit(base).hostname or "").lower()


def _ref(metadata: Mapping[str, Any], body: Mapping[str, Any]) -> Ref | None:
    """What an event is about; None leaves it at: something has changed."""
    name = str(metadata.get("event_name") or "")
    course = _course(metadata, body)
    if course is None:
        return None
    if name in {"submission_created", "submission_updated", "grade_change"}:
        assignment = _local(body.get("assignment_id"))
        user = _local(body.get("user_id") or body.get("student_id"))
        return (
            Ref(Kind.SUBMISSION, within(course, assignment, user)) if assignment and user else None
        )
    subject = re.sub(r"_(created|updated|deleted)$", "", name)
    kind, field = _BODY_IDS.get(subject, (None, ""))
    found = _local(body.get(field))
    if kind is None or not found:
        return Ref(Kind.COURSE, course)
    return Ref(kind, within(course, _PREFIX.get(subject, "") + found))


def _course(metadata: Mapping[str, Any], body: Mapping[str, Any]) -> str | None:
    for part in (body, metadata):
        if part.get("context_type") == "Course" and (found := _local(part.get("context_id"))):
            return found
    return _local(body.get("course_id"))


def _local(value: Any) -> str | None:
    """An id as the API of its own site has it: events name things by shard and id in one number."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return str(int(text) % _SHARD) if text.isdigit() and len(text) < 25 else None
