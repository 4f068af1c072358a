"""Moodle's protocol: tokens, errors with status 200, files, and what must never go out."""

from __future__ import annotations

import json

import pytest

from bloop_moodle.config import MoodleConfig
from bloop_moodle.provider import MoodleProvider
from bloop_moodle.rest import Moodle, flattened
from bloop_sdk import Kind, Ref
from bloop_sdk.errors import (
    AuthError,
    CredentialExpiredError,
    FatalError,
    ForbiddenRecordError,
    MalformedRecordError,
    MissingRecordError,
    PermissionMissingError,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.providers.content import Partition
from bloop_sdk.testing import FakeContext, FakeTransport, http_client
from bloop_sdk.testing.system import reply
from plugins.lms.moodle.tests.fake_functions import SITE_INFO
from plugins.lms.moodle.tests.fake_moodle import (
    BAD,
    EXPIRED,
    GOOD,
    GOOD_SETTINGS,
    PASSWORD,
    FakeMoodle,
)
from plugins.lms.moodle.tests.fake_site import BASE

CONTENTS = "core_course_get_contents"


class Canned:
    """A system that gives one answer to everything."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    async def answer(self, request):
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def client(system, **settings):
    config = MoodleConfig(**(settings or GOOD_SETTINGS))
    return Moodle(FakeContext(config=config, http=http_client(FakeTransport(system))))


def failure(code, **more):
    return reply({"exception": "moodle_exception", "errorcode": code, "message": "No.", **more})


async def drain(chunks):
    return b"".join([chunk async for chunk in chunks])


def test_arguments_are_written_as_php_reads_them():
    arguments = {"courseids": [2, 3], "options": [{"name": "a", "value": True}], "none": None}
    assert dict(flattened(arguments)) == {
        "courseids[0]": "2",
        "courseids[1]": "3",
        "options[0][name]": "a",
        "options[0][value]": "1",
    }


async def test_the_token_goes_in_the_body_alone(hub, moodle):
    await hub.run()
    assert len(moodle.urls) >= 30
    assert not any(GOOD in url or "token" in url for url in moodle.urls)


async def test_no_record_holds_a_token_or_an_address_with_one(hub, moodle):
    text = f'<a href="{moodle.site.url(2, "x/y/0", "z.pdf")}?token={GOOD}&forcedownload=1">z</a>'
    moodle.site.touch(2, content=text)
    await hub.run()
    page = hub.get("page:2")
    assert GOOD not in page.html and "forcedownload=1" in page.html and page.lost
    held = repr([(record, record.raw) for record in hub.replica.records.values()])
    for secret in ("open sesame", "the-secret", "the-salt", "secret-key", "a-key-of-its-own"):
        assert secret not in held


async def test_nothing_that_marks_a_thing_as_seen_is_ever_called(hub, moodle):
    await hub.run()
    await hub.provider().check()
    await hub.provider().discover()
    await hub.provider().fetch(list(hub.replica.records)[:60])
    op = moodle.write("grade")
    (before,) = (await hub.provider().fetch([op.ref])).records
    from bloop_sdk.providers.content import Precondition

    await hub.provider().write(op, Precondition(remote_version=before.remote_version))
    called = {name for name, _ in moodle.calls}
    assert len(called) > 20
    assert not any("_view_" in name or name.endswith("_view") for name in called)
    writes = {name for name in called if "save" in name or "create" in name or "update_" in name}
    assert writes == {"mod_assign_save_grade"}


async def test_an_expired_token_is_told_from_a_function_that_is_denied():
    with pytest.raises(CredentialExpiredError):
        await client(FakeMoodle(), base_url=BASE, token=EXPIRED).site()
    moodle = FakeMoodle()
    here = client(moodle)
    await here.site()
    moodle.tokens.discard(GOOD)
    moodle.expiring.add(GOOD)
    with pytest.raises(CredentialExpiredError):
        await here.call(CONTENTS, courseid=2)
    moodle = FakeMoodle()
    moodle.functions.remove(CONTENTS)
    with pytest.raises(PermissionMissingError) as caught:
        await client(moodle).call(CONTENTS, courseid=2)
    assert caught.value.permission == CONTENTS and CONTENTS in caught.value.cure


async def test_a_token_that_is_denied_everything_is_refused_with_its_cure():
    with pytest.raises(AuthError, match="service") as caught:
        await client(Canned(failure("accessexception"))).site()
    assert not isinstance(caught.value, CredentialExpiredError)
    with pytest.raises(AuthError):
        await client(FakeMoodle(), base_url=BASE, token=BAD).site()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(b"", status=403), FatalError),
        (reply("<!DOCTYPE html><title>Log in</title>"), UnavailableError),
        (reply(b'[{"id":1,"na'), UnavailableError),
        (reply("<html>maintenance</html>", status=503), UnavailableError),
        (reply(b"<?xml version='1.0'?><RESPONSE></RESPONSE>"), FatalError),
        (reply("<html>gone</html>", status=404), FatalError),
        (failure("sitemaintenance"), UnavailableError),
        (failure("requireloginerror"), PermissionMissingError),
        (failure("competenciesarenotenabled"), UnsupportedError),
    ],
)
async def test_what_comes_instead_of_an_answer_is_told_by_what_to_do(answer, error):
    with pytest.raises(error) as caught:
        await client(Canned(answer)).call(CONTENTS, courseid=2)
    assert isinstance(caught.value, UnavailableError) or caught.value.cure


async def test_what_a_debugging_site_tells_of_itself_is_repeated_nowhere():
    answer = failure("dmlreadexception", debuginfo="SELECT secret FROM {user}", stacktrace="/var")
    here = client(Canned(answer))
    with pytest.raises(UnavailableError) as caught:
        await here.call(CONTENTS, courseid=2)
    assert "SELECT" not in repr(caught.value) and "/var" not in repr(caught.value)


async def test_bytes_that_are_no_utf8_cost_a_letter():
    broken = (
        b'\xef\xbb\xbf{"sitename":"Schule f\xfcr alle","userid":3,"functions":[],"fullname":"x"}'
    )
    assert (await client(Canned(reply(broken))).site()).title == "Schule f\ufffdr alle"


@pytest.mark.parametrize("answer", [{}, [], None, {"functions": []}, "text"])
async def test_site_info_of_another_shape_is_no_site(answer):
    system = Canned(reply(json.dumps(answer).encode()))
    with pytest.raises(MalformedRecordError):
        await client(system).site()


async def test_a_password_is_exchanged_once_and_forgotten():
    moodle = FakeMoodle()
    settings = {"base_url": BASE, "username": "teacher1", "password": PASSWORD}
    ctx = FakeContext(config=MoodleConfig(**settings), http=http_client(FakeTransport(moodle)))
    provider = MoodleProvider(ctx)
    assert (await provider.check()).account == "Teresa Teacher"
    await provider.discover()
    assert ctx.kept == {"token": GOOD, "password": None}
    assert sum(url.endswith("/login/token.php") for url in moodle.urls) == 1
    assert PASSWORD not in repr(ctx.log.lines) and PASSWORD not in repr(moodle.urls)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"username": "teacher1", "password": "wrong"}, AuthError),
        ({"username": "teacher1", "password": PASSWORD, "service": "none"}, FatalError),
        ({"username": "teacher1"}, AuthError),
        ({}, AuthError),
    ],
)
async def test_a_login_that_fails_says_why(settings, error):
    with pytest.raises(error) as caught:
        await client(FakeMoodle(), base_url=BASE, **settings).site()
    assert caught.value.cure and "wrong" not in str(caught.value)


async def test_a_file_comes_whole_and_its_error_is_none():
    here = client(FakeMoodle())
    path = "/24/mod_resource/content/7/lecture%201%20%E2%80%93%20pH.pdf"
    assert await drain(here.chunks(path, "a.pdf")) == b"%PDF-1.4 notes"
    with pytest.raises(MissingRecordError):
        await drain(here.chunks("/24/mod_resource/content/7/none.pdf", "none.pdf"))
    with pytest.raises(AuthError):
        await drain(client(FakeMoodle(), base_url=BASE, token=BAD).chunks(path, "a.pdf"))


@pytest.mark.parametrize(
    "body",
    [b'{"error": "mine", "size": 3}', b'{"a": 1}', b"  {", b"", b"{" + b"x" * 9000, b"[1]"],
)
async def test_a_file_of_json_is_a_file(body):
    assert await drain(client(Canned(reply(body))).chunks("/1/a/b/c", "c")) == body


async def test_a_file_that_is_forbidden_costs_itself():
    for answer in (reply(b"", status=403), reply({"error": "No", "errorcode": "nopermissions"})):
        with pytest.raises(ForbiddenRecordError):
            await drain(client(Canned(answer)).chunks("/1/a/b/c", "c"))


async def test_a_function_that_the_service_lacks_is_a_gap_with_its_name_and_cure(hub, moodle):
    gone = {
        "core_group_get_course_groups": "groups",
        "core_enrol_get_enrolled_users": "people",
        "core_competency_list_course_competencies": "competencies",
        "mod_page_get_pages_by_courses": "pages",
        "mod_assign_get_assignments": "assignments",
        "mod_quiz_get_quizzes_by_courses": "quizzes",
        "mod_forum_get_forums_by_courses": "forums",
        "mod_book_get_books_by_courses": "books",
        "mod_glossary_get_glossaries_by_courses": "glossaries",
        "mod_lti_get_ltis_by_courses": "tools",
        "core_calendar_get_calendar_events": "calendar",
        "core_completion_get_activities_completion_status": "completion",
    }
    moodle.functions -= gone.keys()
    await hub.run()
    assert hub.replica.gaps.keys() == set(gone.values())
    result = await hub.provider().check()
    assert result.missing == ()
    for function, stream in gone.items():
        assert function in hub.replica.gaps[stream]
        assert any(function in gap for gap in result.gaps)
    assert hub.get("file:4") and hub.get("module:cm2")


async def test_without_both_ways_to_grades_there_is_a_gap(hub, moodle):
    moodle.functions -= {"gradereport_user_get_grade_items", "mod_assign_get_grades"}
    await hub.run()
    assert "gradereport_user_get_grade_items" in hub.replica.gaps["submissions"]


async def test_check_names_what_cannot_be_done_without(hub, moodle):
    moodle.functions.discard(CONTENTS)
    (missing,) = (await hub.provider().check()).missing
    assert missing.startswith(CONTENTS)


async def test_check_names_what_the_account_may_not_do(hub, moodle):
    assert (await hub.provider().check()).gaps == ()
    for function, capability in (
        ("gradereport_user_get_grade_items", "moodle/grade:viewall"),
        ("core_completion_get_activities_completion_status", "report/progress:view"),
        ("core_enrol_get_enrolled_users", "moodle/course:viewparticipants"),
        ("core_group_get_course_groups", "moodle/course:managegroups"),
    ):
        moodle.refused = {function: "nopermissions"}
        (gap,) = (await hub.provider().check()).gaps
        assert capability in gap and "course 2" in gap


async def test_check_says_that_an_account_is_in_no_course(hub, moodle):
    moodle.overrides["core_enrol_get_users_courses"] = []
    (gap,) = (await hub.provider().check()).gaps
    assert "enrol it" in gap


async def test_what_is_not_permitted_in_one_course_costs_that_course_of_the_stream(hub, moodle):
    moodle.refused["core_enrol_get_enrolled_users"] = "nopermissions"
    with pytest.raises(ForbiddenRecordError) as caught:
        async for _ in hub.provider().read(Partition("people", "2"), None):
            pass
    assert caught.value.ref == "people:2" and caught.value.cure


async def test_a_course_that_is_refused_by_a_warning_is_not_empty(hub, moodle, captures):
    await hub.run()
    warned = captures.json("warnings_page_nosuchcourse")
    warned["warnings"][0]["itemid"] = 2
    moodle.site.touch(2, content="<p>new</p>")
    moodle.overrides["mod_page_get_pages_by_courses"] = warned
    await hub.run()
    assert hub.get("page:2") is not None and "pages:2" in hub.replica.skipped


async def test_an_error_that_nobody_knows_costs_what_was_asked_for(hub, moodle):
    moodle.refused["mod_quiz_get_quizzes_by_courses"] = "plugin_x_broke"
    await hub.run()
    assert "plugin_x_broke" in hub.replica.skipped["quizzes:2"]
    assert hub.get("page:2") and hub.get("assignment:8")


async def test_fetch_tells_what_may_not_be_seen(hub, moodle):
    moodle.forbid()
    batch = await hub.provider().fetch([Ref(Kind.PAGE, "13")])
    assert [one.code for one in batch.skipped] == ["record_forbidden"]


async def test_a_moodle_that_is_called_by_another_name_says_so():
    page = b'<!DOCTYPE html><html><head><meta http-equiv="refresh" content="3; url=x" /></head>'
    error = {"error": "You called a, you should have called b", "errorcode": "requirecorrectaccess"}
    for answer in (page, error):
        with pytest.raises(FatalError) as caught:
            await client(Canned(reply(answer))).site()
        assert caught.value.code == "wrong_address" and "address" in caught.value.cure


async def test_a_login_that_is_refused_in_words_of_a_plugin_is_a_matter_of_the_account():
    refused = reply({"error": "Please confirm", "errorcode": "usernotconfirmed"})
    with pytest.raises(AuthError):
        await client(Canned(refused), base_url=BASE, username="a", password="b").site()


async def test_a_language_lets_moodle_choose_it():
    system = Canned(reply({**SITE_INFO, "functions": []}))
    await client(system, **GOOD_SETTINGS, language="de").site()
    form = system.requests[0].form
    assert (form["moodlewssettingfilter"], form["moodlewssettinglang"]) == ("1", "de")
    with pytest.raises(ValueError, match="language"):
        MoodleConfig(**GOOD_SETTINGS, language="German!")
