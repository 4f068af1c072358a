"""What is made of a course."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bloop_moodle.files import Files, address_of
from bloop_moodle.outline import read_outline
from bloop_sdk import Kind, Ref
from bloop_sdk.errors import MalformedRecordError
from bloop_sdk.records import SubmissionState
from plugins.lms.moodle.tests.fake_site import START, TEACHER


async def test_the_tree_is_the_course_page(hub):
    await hub.run()
    nodes = {one.remote_id: one for one in hub.replica.of(Kind.MODULE)}
    places = {name: (one.parent, one.content) for name, one in nodes.items()}
    assert places["section2"] == (None, None)
    assert places["section2-summary"] == ("section2", Ref(Kind.PAGE, "section2@2"))
    assert places["cm2"] == ("section2", Ref(Kind.PAGE, "2"))
    assert places["cm5"] == ("section2", None)
    assert places["cm6-c2"] == ("cm6-c1", Ref(Kind.PAGE, "6-c2"))
    order = sorted(
        (one for one in nodes.values() if one.parent == "section2"), key=lambda one: one.position
    )
    assert [one.remote_id for one in order][:4] == ["section2-summary", "cm2", "cm3", "cm4"]


async def test_a_subsection_is_below_the_module_that_holds_it(hub):
    await hub.run()
    assert hub.get("module:cm15").parent == "cm14"
    assert hub.get("module:cm14").parent == "section2" and not hub.get("module:cm14").content
    assert hub.get("module:section4") is None
    assert hub.get("page:15").html == "<p>Deep</p>"


async def test_an_older_site_has_no_subsections(hub, moodle):
    for one in moodle.site.sections:
        del one["component"], one["itemid"]
    moodle.site.places[2].remove(14)
    del moodle.site.modules[14]
    await hub.run()
    assert hub.get("module:cm15").parent == "section4"
    assert hub.replica.skipped == {} and hub.replica.gaps == {}


async def test_what_is_hidden_is_unpublished_with_all_that_is_in_it(hub, moodle):
    moodle.site.modules[5]["visible"] = 0
    await hub.run()
    assert not hub.get("page:13").published and not hub.get("module:section3").published
    assert not hub.get("module:cm5").published
    files = [one for one in hub.replica.of(Kind.FILE) if one.path == "data/readings.csv"]
    assert [one.published for one in files] == [False]


async def test_what_is_restricted_stays_a_place_and_says_why(hub, moodle):
    moodle.forbid()
    await hub.run()
    node = hub.get("module:cm13")
    assert node.lost == ("restricted: Available from 1 January 2100",)
    assert hub.replica.skipped == {"page:13": "Available from 1 January 2100"}
    assert hub.get("page:13") is None


async def test_files_keep_their_id_when_a_new_edition_is_uploaded(hub, moodle):
    await hub.run()
    ids = set(hub.replica.files)
    moodle.site.files = {
        path.replace("/content/7/", "/content/8/").replace("/content/0/", "/content/1/"): data
        for path, data in moodle.site.files.items()
    }
    moodle.site.touch(4)
    await hub.run()
    assert set(hub.replica.files) == ids
    assert Ref(Kind.FILE, "4") in ids and len(ids) == 4


async def test_links_in_texts_lead_to_files(hub):
    await hub.run()
    files = {one.name: one.remote_id for one in hub.replica.of(Kind.FILE)}
    assert f'src="bloop:file:{files["scale.svg"]}"' in hub.get("page:2").html
    assert f'src="bloop:file:{files["flask.png"]}"' in hub.get("page:6-c2").html


@pytest.mark.parametrize(
    ("link", "known"),
    [
        ("https://m/webservice/pluginfile.php/22/mod_page/content/a%20b.png", True),
        ("https://m/pluginfile.php/22/mod_page/content/3/a%20b.png?forcedownload=1", True),
        ("https://m/tokenpluginfile.php/0123abc/22/mod_page/content/3/a%20b.png", True),
        ("https://m/pluginfile.php?file=/22/mod_page/content/3/a%20b.png", True),
        ("@@PLUGINFILE@@/a%20b.png", True),
        ("a%20b.png", True),
        ("https://m/pluginfile.php/23/mod_page/content/a%20b.png", False),
        ("https://example.org/a%20b.png", False),
        ("@@PLUGINFILE@@/other.png", False),
        ("https://[broken/pluginfile.php/1", False),
        ("data:image/png;base64,AAAA", False),
        ("#top", False),
        ("", False),
    ],
)
def test_a_link_finds_its_file_in_each_of_its_forms(link, known):
    files = Files("2", "1", published=True, fetch=lambda path, name: iter(()))
    entry = {"filename": "a b.png", "filepath": "/", "filesize": 1}
    url = "https://m/webservice/pluginfile.php/22/mod_page/content/3/a%20b.png"
    file = files.add({**entry, "fileurl": url})
    text = files.linked(f'<img alt="x" src="{link}">')
    assert (f"bloop:file:{file.remote_id}" in text) is known
    assert known or link in text
    assert bool(files.unknown(text)) is (not known and address_of(link) is not None) or (
        link.startswith("@@")
    )


async def test_announcements_are_the_news_forums(hub):
    await hub.run()
    one = hub.get("discussion:7-d1")
    assert one.announcement and one.html == "<p>Room 5.</p>" and one.posted_at is not None
    assert hub.get("discussion:7").announcement


async def test_a_glossary_is_one_page_of_its_terms(hub, moodle):
    moodle.site.define("acid <b>", "<p>Sour.</p>")
    await hub.run()
    assert hub.get("page:10").html == (
        "<dl><dt>acid &lt;b&gt;</dt><dd><p>Sour.</p></dd>"
        "<dt>pOH</dt><dd><p>The other one.</p></dd></dl>"
    )


async def test_a_rubric_comes_with_its_assignment(hub):
    await hub.run()
    (criterion,) = hub.get("assignment:8").rubric
    assert (criterion.title, criterion.points) == ("Accuracy", 20)
    assert [rating.points for rating in criterion.ratings] == [0, 10, 20]


async def test_an_activity_without_a_kind_is_opaque_with_its_text(hub, moodle):
    await hub.run()
    assert hub.get("opaque:11").html == "<p>Choose one.</p>"
    assert "mod_choice_get_choices_by_courses" in {name for name, _ in moodle.calls}
    assert hub.get("tool:12").custom == (("level", "2"), ("mode", "lab"))


async def test_people_are_active_by_their_enrolment(hub):
    await hub.run()
    held = {one.person: one for one in hub.replica.of(Kind.ENROLMENT)}
    assert {name: one.role for name, one in held.items()} == {
        "3": "educator",
        "5": "learner",
        "6": "learner",
    }
    assert [name for name, one in held.items() if not one.active] == ["6"]
    assert held["5"].sections == ("1",)


async def test_a_role_of_the_schools_own_gives_no_rights(hub, moodle):
    moodle.site.users[TEACHER] = ("Teresa Teacher", "superteacher", [])
    await hub.run()
    one = hub.get("enrolment:2:3")
    assert one.role == "learner" and "superteacher" in one.lost[0]


async def test_work_progress_dates_and_competencies(hub):
    await hub.run()
    work = hub.get("submission:8:5")
    assert (work.score, work.points, work.state) == (87.5, 100, SubmissionState.GRADED)
    assert work.submitted_at == work.graded_at == datetime.fromtimestamp(START, UTC)
    assert work.content == Ref(Kind.ASSIGNMENT, "8") and work.attempt == 1
    assert hub.get("completion:2:5").state == "complete"
    assert hub.get("completion:2:3").state == "incomplete"
    event = hub.get("calendar_event:1")
    assert event.content == Ref(Kind.ASSIGNMENT, "8") and event.ends_at is None
    assert hub.get("outcome:2:2").parent == "2:1" and hub.get("outcome:2:1").parent is None


@pytest.mark.parametrize(("after", "late"), [(1, True), (-1, False)])
async def test_work_after_its_date_is_late(hub, moodle, after, late):
    due = START + 86400
    moodle.site.modules[8]["customdata"] = json.dumps({"duedate": str(due)})
    moodle.site.submissions[0]["timemodified"] = due + after
    await hub.run()
    assert hub.get("submission:8:5").late is late


async def test_who_sees_their_own_grades_alone_reads_those(hub, moodle):
    def own(arguments):
        from plugins.lms.moodle.tests.fake_functions import Functions, RefusedError

        if arguments["userid"] == "0":
            raise RefusedError("moodle_exception", "nopermissiontoviewgrades", "no")
        return Functions(moodle.site).gradereport_user_get_grade_items({**arguments, "userid": "5"})

    moodle.overrides["gradereport_user_get_grade_items"] = own
    await hub.run()
    assert hub.get("submission:8:5").grade == "87.50" and "submissions:2" not in hub.replica.skipped


async def test_who_sees_their_own_completion_alone_is_refused_once(hub, moodle):
    def own(arguments):
        from plugins.lms.moodle.tests.fake_functions import Functions, RefusedError

        if arguments["userid"] != "3":
            raise RefusedError("moodle_exception", "cannotviewreport", "no")
        return Functions(moodle.site).core_completion_get_activities_completion_status(arguments)

    moodle.overrides["core_completion_get_activities_completion_status"] = own
    called = await hub.run()
    assert [one.person for one in hub.replica.of(Kind.COMPLETION)] == ["3"]
    assert called.count("core_completion_get_activities_completion_status") == 2


async def test_grades_of_other_groups_are_asked_for_one_by_one(hub, moodle):
    def grouped(arguments):
        from plugins.lms.moodle.tests.fake_functions import Functions

        if arguments["userid"] == "0":
            return {"usergrades": [], "warnings": []}
        return Functions(moodle.site).gradereport_user_get_grade_items(arguments)

    moodle.overrides["gradereport_user_get_grade_items"] = grouped
    await hub.run()
    assert hub.get("submission:8:5").grade == "87.50"


async def test_grades_of_a_large_course_are_asked_for_one_by_one(hub, moodle):
    moodle.site.users |= {n: (f"Learner {n}", "student", []) for n in range(100, 420)}
    asked = []

    def single(arguments):
        asked.append(arguments["userid"])
        return {"usergrades": [], "warnings": []}

    moodle.overrides["gradereport_user_get_grade_items"] = single
    await hub.run()
    assert len(asked) == len(set(asked)) == 321 and "0" not in asked
    moodle.refused["gradereport_user_get_grade_items"] = "nopermissiontoviewgrades"
    called = await hub.run()
    assert called.count("gradereport_user_get_grade_items") == 2


async def test_an_administrator_reads_all_courses_but_the_front_page(hub, moodle):
    moodle.functions.add("core_course_get_courses")
    front = {**moodle.site.course, "id": 1, "format": "site", "fullname": "Front"}
    moodle.overrides["core_course_get_courses"] = [front, moodle.site.course]
    from plugins.lms.moodle.tests.fake_functions import SITE_INFO

    functions = [{"name": name} for name in moodle.functions]
    moodle.overrides["core_webservice_get_site_info"] = {
        **SITE_INFO,
        "userissiteadmin": True,
        "functions": functions,
    }
    assert [one.remote_id for one in await hub.provider().discover()] == ["2"]


async def test_a_long_list_is_read_page_by_page_until_two_readings_agree(hub, moodle):
    for number in range(250):
        moodle.site.discuss(f"Topic {number}", "<p>text</p>")
    called = await hub.run()
    assert called.count("mod_forum_get_forum_discussions") == 6
    assert len(hub.replica.of(Kind.DISCUSSION)) == 252


async def test_discussions_that_are_hidden_do_not_end_the_list(hub, moodle):
    for number in range(3):
        moodle.site.discuss(f"More {number}", "<p>x</p>")
    seen, (first, *others) = moodle.site.discussions, moodle.site.discussions
    warning = {"item": "post", "itemid": first["discussion"], "warningcode": "1", "message": "No"}
    pages = {"0": (others[:1], [warning]), "1": (others[1:], [])}

    def page(given):
        some, warnings = pages.get(given["page"], ([], []))
        return {"discussions": some, "warnings": warnings}

    moodle.overrides["mod_forum_get_forum_discussions"] = page
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bloop_moodle.gatherings.PAGE", 2)
        await hub.run()
    held = [hub.get(f"discussion:7-d{one['discussion']}") is not None for one in seen]
    assert held == [False, True, True, True]


async def test_a_discussion_that_goes_while_paging_hides_no_other(hub, moodle):
    for number in range(150):
        moodle.site.discuss(f"Topic {number}", "<p>text</p>")
    from plugins.lms.moodle.tests.fake_functions import Functions

    seen = []

    def paging(arguments):
        answer = Functions(moodle.site).mod_forum_get_forum_discussions(arguments)
        seen.append(arguments["page"])
        if len(seen) == 1:
            del moodle.site.discussions[0]
        return answer

    moodle.overrides["mod_forum_get_forum_discussions"] = paging
    await hub.run()
    held = {one.remote_id for one in hub.replica.of(Kind.DISCUSSION)}
    assert "7-d101" in held and "7-d1" not in held


@pytest.mark.parametrize("answer", [[], {}, None, [{"id": 1}], [{"id": 1, "modules": 3}]])
def test_an_outline_that_is_none_is_no_empty_course(answer):
    with pytest.raises(MalformedRecordError):
        read_outline("2", answer, None)


async def test_odd_values_cost_nothing_else(hub, moodle):
    moodle.site.modules[2]["name"] = "x" * 5000
    moodle.site.instances[2]["name"] = "&lt;b&gt;" * 300
    moodle.site.course["startdate"] = "not a time"
    moodle.site.instances[8]["introfiles"] = None
    moodle.site.users[TEACHER] = ("", "editingteacher", [])
    await hub.run()
    assert hub.get("page:2").title.startswith("<b><b>")
    assert len(hub.get("page:2").title) == len(hub.get("module:cm2").title) == 500
    assert hub.get("course:2").starts_at is None and hub.get("course:2").ends_at is None
    assert hub.get("person:3").name == "User 3"
