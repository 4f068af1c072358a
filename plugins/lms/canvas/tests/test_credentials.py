"""Tokens, their renewal, logins, and what a credential may not do."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from bloop_canvas.config import CanvasConfig
from bloop_sdk import (
    AuthError,
    Authorization,
    Authorizing,
    CredentialExpiredError,
    Kind,
    UnavailableError,
)
from bloop_sdk.testing import Garbled, Status, read_all, reply
from plugins.lms.canvas.tests.fake_canvas import FakeCanvas
from plugins.lms.canvas.tests.fake_course import ADDRESS, Sizes

KEY = {"client_id": "10000000000001", "client_secret": "key"}
RENEWED = {**KEY, "token": "an hour old", "refresh_token": "refresh"}
LOGIN = Authorization(redirect_uri="https://hub.example/back", state="st", verifier="v" * 43)


async def test_a_token_that_ended_is_renewed_once_and_kept(rig):
    mine = rig(FakeCanvas(Sizes(pages=1000, per_page=50)), **RENEWED)
    read = await read_all(mine.provider)
    assert len(read.of(Kind.PAGE)) == 1000
    assert len(mine.sent("/login/oauth2/token")) == 1
    assert mine.ctx.kept == {"token": "renewed-3"}


async def test_one_that_ends_among_many_requests_is_renewed_once(rig):
    canvas = FakeCanvas(Sizes(pages=1000, per_page=50))
    mine = rig(canvas, **{**RENEWED, "token": "good"})
    respond = canvas.respond

    def ending(request):
        if "page=4" in request.url:
            canvas.tokens.pop("good", None)
        return respond(request)

    canvas.respond = ending
    read = await read_all(mine.provider)
    assert len(read.of(Kind.PAGE)) == 1000
    assert len(mine.sent("/login/oauth2/token")) == 1


async def test_a_missing_permission_renews_no_token(rig):
    canvas = FakeCanvas()
    canvas.denied = {"users": 401, "quizzes": 401}
    mine = rig(canvas, **{**RENEWED, "token": "good"})
    assert sorted((await read_all(mine.provider)).gaps) == ["people", "quizzes"]
    assert (mine.sent("/login/oauth2/token"), mine.ctx.kept) == ([], {})


async def test_a_login_that_was_taken_back_has_expired(rig):
    canvas = FakeCanvas()
    canvas.refresh_token = None
    mine = rig(canvas, **RENEWED)
    with pytest.raises(CredentialExpiredError, match="renews this login no more") as caught:
        await mine.provider.check()
    assert "log in to Canvas again" in caught.value.cure
    assert "refresh" not in str(caught.value).replace("renews", "")


async def test_while_tokens_cannot_be_renewed_the_run_comes_back_later(rig):
    mine = rig(**RENEWED)
    mine.faults.add(Status(503), path="/login/oauth2/token", times=None)
    with pytest.raises(UnavailableError):
        await mine.provider.check()


async def test_without_any_token_nothing_is_sent(rig):
    mine = rig(**KEY, token=None)
    with pytest.raises(AuthError, match="no access token"):
        await mine.provider.check()
    assert mine.faults.requests == []


@pytest.mark.parametrize("status", [401, 403])
async def test_what_a_valid_token_may_not_do_is_a_gap_and_no_bad_token(status, rig):
    """Canvas says 401 for both, and newer ones 403 for the second."""
    canvas = FakeCanvas()
    canvas.denied = {"users": status, "bulk_user_progress": status}
    read = await read_all(rig(canvas).provider)
    assert sorted(read.gaps) == ["completion", "people"]
    assert not read.of(Kind.PERSON)
    assert len(read.of(Kind.PAGE)) == 5


async def test_a_student_sees_their_own_completion(rig):
    canvas = FakeCanvas()
    canvas.denied = {"bulk_user_progress": 403}
    item = canvas.courses[1].items[301][0]
    item["completion_requirement"] = {"type": "must_view", "completed": True}
    read = await read_all(rig(canvas).provider)
    assert read.gaps == {}
    (done,) = read.of(Kind.COMPLETION)
    assert (done.person, str(done.content)) == ("900", "page:1-101")


async def test_check_names_each_missing_permission_and_what_it_costs(rig):
    canvas = FakeCanvas(Sizes(courses=2))
    canvas.permissions = {"read_roster": False, "manage_grades": "false"}
    result = await rig(canvas).provider.check()
    assert (result.account, result.site) == ("Ada Teacher", "canvas.example")
    assert result.missing == ("read_roster", "manage_grades")
    assert result.gaps[0].startswith(
        "people and their enrolments (read_roster is missing in 2 of 2"
    )


async def test_check_says_that_there_is_nothing_to_read(rig):
    result = await rig(FakeCanvas(Sizes(courses=0))).provider.check()
    assert result.gaps == ("there is no course that this credential can read",)


async def test_an_account_gives_all_of_its_courses(rig):
    mine = rig(FakeCanvas(Sizes(courses=3)), account_id="self")
    assert len(await mine.provider.discover()) == 3
    assert [urlsplit(one).path for one in mine.sent()] == ["/api/v1/accounts/self/courses"]


async def test_a_login_page_in_place_of_an_answer_is_no_credential(rig):
    canvas = FakeCanvas()
    respond = canvas.respond

    def redirecting(request):
        if urlsplit(request.url).path == "/login/canvas":
            return reply("<!DOCTYPE html><form>")
        if request.url.endswith("/users/self"):
            return reply(b"", status=302, headers={"location": f"{ADDRESS}/login/canvas"})
        return respond(request)

    canvas.respond = redirecting
    with pytest.raises(AuthError, match="is a login page"):
        await rig(canvas).provider.check()


async def test_a_page_of_a_proxy_or_half_a_body_is_no_word_of_canvas(rig):
    for fault in (Garbled(), Garbled(None)):
        mine = rig()
        mine.faults.add(fault, path="/pages", times=None)
        with pytest.raises(UnavailableError, match="what is not JSON"):
            await read_all(mine.provider)


async def test_a_course_that_is_concluded_for_the_token_costs_its_streams(rig):
    mine = rig()
    mine.faults.add(Status(403), path="/courses/1/", times=None)
    read = await read_all(mine.provider)
    assert set(read.gaps) >= {"pages", "modules", "people", "files", "submissions"}
    assert len(read.of(Kind.COURSE)) == 1


async def test_lists_that_a_canvas_does_not_have_are_gaps(rig):
    canvas = FakeCanvas()
    canvas.denied = dict.fromkeys(("outcome_groups", "folders", "bulk_user_progress"), 404)
    read = await read_all(rig(canvas).provider)
    assert sorted(read.gaps) == ["completion", "outcomes"]
    assert "404: user not authorized" in str(read.gaps["outcomes"])
    assert (read.skipped, len(read.of(Kind.FILE))) == ({}, 2)


async def test_a_course_that_canvas_counts_no_requirements_of_has_no_completion(rig):
    canvas = FakeCanvas()
    canvas.denied = {"bulk_user_progress": 400}
    read = await read_all(rig(canvas).provider)
    assert (read.gaps, read.of(Kind.COMPLETION)) == ({}, [])


# -- logins


def test_a_login_is_offered_with_a_developer_key_alone(rig):
    assert isinstance(rig().provider, Authorizing)
    assert not rig().provider.can_authorize()
    provider = rig(**KEY).provider
    assert provider.can_authorize()
    url = urlsplit(provider.authorize_url(LOGIN))
    assert url._replace(query="").geturl() == f"{ADDRESS}/login/oauth2/auth"
    assert parse_qs(url.query) == {
        "client_id": ["10000000000001"],
        "response_type": ["code"],
        "redirect_uri": ["https://hub.example/back"],
        "state": ["st"],
    }


async def test_a_code_gives_both_tokens_once(rig):
    canvas = FakeCanvas()
    canvas.codes["c0de"] = "https://hub.example/back"
    mine = rig(canvas, **KEY, token=None)
    found = await mine.provider.exchange(LOGIN, {"code": "c0de", "state": "st"})
    assert found == {"token": "renewed-1", "refresh_token": "refresh"}
    with pytest.raises(AuthError, match="400: invalid_grant") as caught:
        await mine.provider.exchange(LOGIN, {"code": "c0de", "state": "st"})
    assert "c0de" not in str(caught.value)
    assert "key" not in str(caught.value).replace("key's", "")


def test_a_key_that_enforces_scopes_is_asked_for_them(rig):
    scopes = ("url:GET|/api/v1/courses", "url:GET|/api/v1/users/:id")
    url = urlsplit(rig(**KEY, scopes=scopes).provider.authorize_url(LOGIN))
    assert parse_qs(url.query)["scope"] == [" ".join(scopes)]


async def test_an_older_canvas_sends_its_no_to_the_redirect_uri(rig):
    mine = rig(**KEY)
    away = {"location": "https://hub.example/back?error=invalid_request"}
    mine.faults.add(Status(302, headers=away), path="/login/oauth2/token")
    with pytest.raises(AuthError, match="refused the login"):
        await mine.provider.exchange(LOGIN, {"code": "c0de", "state": "st"})


async def test_who_says_no_is_told_apart(rig):
    mine = rig(**KEY)
    for params, code in (({"error": "access_denied"}, "login_cancelled"), ({}, "auth_failed")):
        with pytest.raises(AuthError) as caught:
            await mine.provider.exchange(LOGIN, params)
        assert caught.value.code == code
    assert mine.faults.requests == []


def test_a_secret_without_its_id_is_refused():
    with pytest.raises(ValidationError, match="client_id is missing"):
        CanvasConfig(base_url=ADDRESS, refresh_token="r")
