"""What sites hold that the recordings lack, in the shapes of Moodle's own source."""

from __future__ import annotations

import json

import pytest

from bloop_moodle import conditions
from bloop_moodle.gatherings import _chapters
from plugins.lms.moodle.tests.fake_functions import Functions, RefusedError

WITH_STEALTH = {"name": "includestealthmodules", "value": "1"}


async def test_a_course_of_plain_assignments_is_asked_for_rubrics_and_has_none(hub, moodle):
    moodle.site.method = None
    await hub.run()
    (asked,) = [given for name, given in moodle.calls if name == "core_grading_get_definitions"]
    assert asked["activeonly"] == "0" and hub.get("assignment:8").rubric == ()


async def test_a_teams_work_is_that_of_its_members(hub, moodle):
    moodle.site.suspended.clear()
    moodle.site.users[7] = ("Third", "student", [1])
    (sent,) = moodle.site.submissions
    moodle.site.submissions.append({**sent, "id": 2, "userid": 0, "groupid": 1, "plugins": []})
    await hub.run()
    assert hub.get("submission:8:7").state == "submitted"
    assert hub.get("submission:8:5").raw["submission"]["id"] == 1  # Who pressed the button.
    assert hub.get("submission:8:6") is hub.get("submission:8:3") is None


async def test_whose_anonymous_work_it_is_is_not_read_before_it_is_revealed(hub, moodle):
    moodle.site.assign["blindmarking"] = 1
    await hub.run()
    assert hub.get("submission:8:5") is None and hub.get("assignment:8") is not None
    moodle.site.assign["revealidentities"] = 1
    await hub.run()
    assert hub.get("submission:8:5").score == 87.5


async def test_the_work_of_who_is_enrolled_no_more_is_left_out(hub, moodle):
    (sent,) = moodle.site.submissions
    moodle.site.submissions.append({**sent, "id": 2, "userid": 77})
    await hub.run()
    assert hub.get("submission:8:5") is not None and hub.get("submission:8:77") is None


async def test_everybodys_completion_is_read_and_one_that_is_refused_costs_itself(hub, moodle):
    for number in range(20, 27):
        moodle.site.users[number] = (f"Learner {number}", "student", [1])
    name = "core_completion_get_activities_completion_status"

    def answer(given):
        if given["userid"] == "24":
            raise RefusedError("moodle_exception", "accessdenied", "Access denied")
        return Functions(moodle.site).core_completion_get_activities_completion_status(given)

    moodle.overrides[name] = answer
    await hub.run()
    assert all(hub.get(f"completion:2:{user}") for user in (5, 20, 21, 22, 23, 25, 26))
    assert hub.get("completion:2:24") is None and "completion:2:24" in hub.replica.skipped


async def test_when_to_grade_and_what_is_hidden_is_in_nobodys_calendar(hub, moodle):
    kept = "core_calendar_get_calendar_events"
    asked = {"events": {"courseids": {"0": "2"}}}
    (event,) = Functions(moodle.site).core_calendar_get_calendar_events(asked)["events"]
    rows = [event, {**event, "id": 2, "eventtype": "gradingdue"}]
    moodle.overrides[kept] = lambda _given: {"events": rows, "warnings": []}
    await hub.run()
    assert hub.get("calendar_event:1") is not None and hub.get("calendar_event:2") is None
    moodle.site.modules[8]["visible"] = 0
    await hub.run()
    assert hub.get("calendar_event:1") is None


async def test_a_grade_that_learners_are_not_shown_is_told_as_such(hub, moodle):
    site = moodle.site
    site.assign["markingworkflow"], site.state = 1, "inreview"
    await hub.run()
    assert hub.get("submission:8:5").state == "unreleased"
    assert hub.get("submission:8:5").score == 87.5  # Who teaches sees it in Moodle, too.
    site.state, site.hidden = "released", True
    await hub.run()
    assert hub.get("submission:8:5").state == "unreleased"
    site.hidden = False
    await hub.run()
    assert hub.get("submission:8:5").state == "graded"
    moodle.functions.remove("gradereport_user_get_grade_items")
    site.submissions[0]["gradingstatus"] = "readyforrelease"
    await hub.run()
    assert hub.get("submission:8:5").state == "unreleased"


LATER, BEFORE, GROUP = (
    {"type": "date", "d": ">=", "t": 2000},
    {"type": "date", "d": "<", "t": 2000},
    {"type": "group", "id": 4},
)


@pytest.mark.parametrize(
    ("tree", "closed"),
    [
        ({"op": "&", "c": [LATER, GROUP]}, True),
        ({"op": "&", "c": [BEFORE, GROUP]}, False),
        ({"op": "|", "c": [LATER, GROUP]}, False),
        ({"op": "|", "c": [LATER, {"op": "!&", "c": [BEFORE]}]}, True),
        ({"op": "!|", "c": [GROUP, BEFORE]}, True),
        ({"op": "&", "c": []}, False),
        ({"op": "&", "c": ["?", {"type": "date"}, {}]}, False),
    ],
)
def test_what_no_learner_sees_yet_is_closed(tree, closed):
    assert conditions.is_closed(json.dumps(tree), 1000) is closed
    assert conditions.is_closed("{", 1000) is conditions.is_closed(None, 1000) is False


async def test_what_opens_later_is_published_then(hub, moodle):
    outline = moodle.site.outline()
    at = {"type": "date", "d": ">=", "t": moodle.site.now + 3600}
    shown = {"op": "&", "c": [at, {"type": "completion", "cm": 8, "e": 1}], "showc": [True, True]}
    for module in (one for section in outline for one in section["modules"]):
        if module["id"] in {2, 14}:
            module["availability"] = json.dumps(shown)
    moodle.overrides["core_course_get_contents"] = lambda _given: outline
    await hub.run()
    assert not hub.get("page:2").published and not hub.get("page:15").published
    assert conditions.FOR_SOME in hub.get("module:cm2").lost
    moodle.site.now += 7200
    await hub.run()
    assert hub.get("page:2").published and hub.get("page:15").published
    outline[1]["availabilityinfo"] = "Available from <strong>1 May</strong>"
    outline[1]["hiddenbynumsections"] = 1  # Orphaned: its course has fewer sections now.
    await hub.run()
    assert not hub.get("page:2").published
    assert hub.get(f"module:section{outline[1]['id']}").lost == (conditions.FOR_SOME,)


async def test_a_discussion_of_another_time_or_group_is_not_published(hub, moodle):
    first = moodle.site.discussions[0]
    late = moodle.site.discuss("Later", "<p>Not yet.</p>")
    late["timestart"] = 4_000_000_000
    past = moodle.site.discuss("Past", "<p>No more.</p>")
    past["timeend"] = 1_000_000_000
    ours = moodle.site.discuss("Ours", "<p>Team 4.</p>")
    ours["groupid"] = 4
    outline = moodle.site.outline()
    for module in (one for section in outline for one in section["modules"]):
        if module["id"] == 7:
            module["groupmode"] = 1
    moodle.overrides["core_course_get_contents"] = lambda _given: outline
    await hub.run()
    found = [hub.get(f"discussion:7-d{one['discussion']}") for one in (first, late, past, ours)]
    assert [one.published for one in found] == [True, False, False, False]


@pytest.mark.parametrize("code", ["notingroup", "nopermissiontoviewgrades"])
async def test_who_may_not_see_the_gradebook_still_sees_assignments(hub, moodle, code):
    moodle.refused["gradereport_user_get_grade_items"] = code
    await hub.run()
    assert hub.get("submission:8:5").score == 87.5


async def test_what_is_open_in_a_hidden_section_is_read_by_learners_too(hub, moodle):
    hidden = moodle.site.sections[2]
    hidden |= {"visible": 0, "uservisible": False}
    module = {**moodle.site.module(13), "visibleoncoursepage": 0}
    stealth = {"id": -1, "name": "", "summary": "", "summaryformat": 0, "modules": [module]}
    moodle.overrides["core_course_get_contents"] = lambda given: [
        *moodle.site.outline(),
        *([stealth] if given["options"]["0"] == WITH_STEALTH else []),
    ]
    await hub.run()
    assert hub.get("page:13").published and hub.get("module:cm13").parent is None
    moodle.overrides.clear()
    await hub.run()
    assert hub.get("page:13") is None


async def test_the_summary_of_a_subsection_is_below_its_module(hub, moodle):
    moodle.site.sections[3]["summary"] = "<p>Only for the curious.</p>"
    await hub.run()
    assert hub.get("page:section4@2").html == "<p>Only for the curious.</p>"
    assert hub.get("module:section4-summary").parent == "cm14" and not hub.get("module:section4")
    moodle.site.modules[14]["visible"] = 0
    await hub.run()
    assert not hub.get("page:section4@2").published and not hub.get("page:15").published


def test_what_is_below_a_hidden_chapter_is_read():
    toc = [{"subitems": [{"href": "2/index.html", "title": "B"}]}, {"href": "3/index.html"}]
    found = [(one["id"], one["parent"]) for one in _chapters(toc, "cm6", "cm6")]
    assert found == [("2", "cm6"), ("3", "cm6")]


async def test_a_link_to_elsewhere_keeps_what_is_a_token_there(hub, moodle):
    moodle.site.modules[3]["href"] = "https://forms.example/?token=abc&x=1"
    moodle.site.touch(
        2, content='<a href="https://forms.example/?token=abc">F</a>', contentfiles=[]
    )
    await hub.run()
    assert hub.get("link:3").href == "https://forms.example/?token=abc&x=1"
    assert "token=abc" in hub.get("page:2").html
