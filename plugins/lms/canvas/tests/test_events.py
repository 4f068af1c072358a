"""Live events: who has signed them, for which Canvas, and what they hint at."""

from __future__ import annotations

import dataclasses
import json

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from bloop_canvas.events import KEYS_URL
from bloop_sdk import AuthError, UnsupportedError
from bloop_sdk.testing import Status, http_client, reply
from plugins.lms.canvas.tests.fake_canvas import FakeCanvas
from plugins.lms.canvas.tests.live_events import SENT, call, key, metadata, published, signed

LIVE = {"live_events": True, "live_event_keys": published()}


def refs(rig, request, **settings):
    return [str(one.ref) for one in rig(**{**LIVE, **settings}).provider.verify_webhook(request)]


@pytest.mark.parametrize(
    ("name", "body", "ref"),
    [
        ("wiki_page_updated", {"wiki_page_id": "10000000000101"}, "page:1-101"),
        ("wiki_page_deleted", {"wiki_page_id": "10000000000101"}, "page:1-101"),
        ("assignment_created", {"assignment_id": "10000000000021"}, "assignment:1-21"),
        ("attachment_updated", {"attachment_id": "10000000000071"}, "file:1-71"),
        ("discussion_topic_updated", {"discussion_topic_id": "10000000000051"}, "discussion:1-51"),
        ("module_updated", {"module_id": "10000000000301"}, "module:1-m301"),
        ("module_item_updated", {"module_item_id": "10000000001000"}, "module:1-i1000"),
        (
            "submission_updated",
            {"assignment_id": "10000000000021", "user_id": "10000000000032"},
            "submission:1-21-32",
        ),
        (
            "grade_change",
            {"assignment_id": "10000000000021", "student_id": "10000000000032"},
            "submission:1-21-32",
        ),
        ("course_updated", {"name": "Waves"}, "course:1"),
        ("something_new", {}, "course:1"),
    ],
)
def test_an_event_hints_at_what_it_is_about(name, body, ref, rig):
    assert refs(rig, signed(name, body)) == [ref]


def test_what_a_job_did_without_saying_where_is_a_general_hint(rig):
    claims = {"metadata": {"event_name": "wiki_page_updated"}, "body": {"wiki_page_id": "1"}}
    assert refs(rig, call(claims)) == ["None"]


def test_calipers_format_is_a_general_hint(rig):
    event = {"id": "urn:uuid:1", "type": "Event", "extensions": {"hostname": "canvas.example"}}
    assert refs(rig, call({"sensor": "x", "data": [event]})) == ["None"]


def test_an_event_that_comes_again_has_the_same_id(rig):
    provider = rig(**LIVE).provider
    one, again, other = (
        provider.verify_webhook(signed("course_updated", {"n": n}))[0].event_id for n in (1, 1, 2)
    )
    assert one == again != other


def test_an_event_of_another_canvas_is_no_hint(rig):
    assert refs(rig, signed("course_updated", {}, hostname="other.example")) == []


def test_only_a_published_key_signs(rig):
    stranger = RSAKey.generate_key(2048, {"kid": "2026-05"})
    claims = {"metadata": metadata("course_updated"), "body": {}}
    public = json.dumps(key().as_dict(private=False)).encode()
    shared = jwt.encode(
        {"alg": "HS256", "kid": "2026-05"}, claims, OctKey.import_key(public), algorithms=["HS256"]
    )
    good = call(claims)
    for request in (
        call(claims, by=stranger),
        dataclasses.replace(good, body=shared.encode()),
        dataclasses.replace(good, body=b"eyJhbGciOiJub25lIn0." + good.body.split(b".")[1] + b"."),
        dataclasses.replace(good, body=json.dumps(claims).encode()),
        dataclasses.replace(good, body=b""),
    ):
        with pytest.raises(AuthError):
            refs(rig, request)


def test_a_signature_that_has_ended_is_refused(rig):
    claims = {"metadata": metadata("course_updated"), "body": {}, "exp": int(SENT) - 3600}
    with pytest.raises(AuthError, match="had ended"):
        refs(rig, call(claims))


def test_events_are_refused_where_they_are_off(rig):
    assert not rig().provider.spec().webhooks
    with pytest.raises(UnsupportedError, match="live events are off"):
        rig().provider.verify_webhook(signed("course_updated", {}))


async def test_a_check_fetches_the_published_keys_without_the_token(rig):
    canvas = FakeCanvas()
    answer = canvas.answer

    async def also(request):
        if request.url == KEYS_URL:
            assert "authorization" not in request.headers
            return reply(json.loads(published()))
        return await answer(request)

    canvas.answer = also
    mine = rig(canvas, live_events=True)
    mine.ctx.http = http_client(mine.faults, mine.clock)
    provider = mine.again()
    with pytest.raises(AuthError, match="no keys yet"):
        provider.verify_webhook(signed("course_updated", {}))
    await provider.check()
    assert provider.verify_webhook(signed("course_updated", {}))
    mine.faults.add(Status(503), path="jwks", times=None)
    assert (await provider.check()).account
    assert provider.verify_webhook(signed("course_updated", {}))
