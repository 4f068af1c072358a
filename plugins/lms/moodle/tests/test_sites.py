"""What sites hold that the recordings lack, in the shapes of Moodle's own source."""

from __future__ import annotations

import pytest

from bloop_moodle.gatherings import _chapters

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
