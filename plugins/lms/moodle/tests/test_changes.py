"""Later reads: what is asked for, what arrives, and that nothing is missed."""

from __future__ import annotations

from collections import Counter

from bloop_sdk import Kind, Ref
from plugins.lms.moodle.tests.fake_site import START

UPDATES = "core_course_get_updates_since"
PAGES = "mod_page_get_pages_by_courses"
FORUMS = "mod_forum_get_forum_discussions"
DAY = 86400

SITE = Counter(core_webservice_get_site_info=1, core_enrol_get_users_courses=1)
COURSE = Counter(
    core_course_get_contents=1,
    core_group_get_course_groups=1,
    core_competency_list_course_competencies=1,
    core_calendar_get_calendar_events=1,
    mod_assign_get_submissions=1,
    mod_assign_get_grades=1,
    gradereport_user_get_grade_items=1,
    # Everybody, and who is active: each one call for 500 people.
    core_enrol_get_enrolled_users=2,
    # One for each active learner, and for the account itself.
    core_completion_get_activities_completion_status=2,
)
ALWAYS = Counter(
    mod_assign_get_assignments=1,
    core_grading_get_definitions=1,
    mod_quiz_get_quizzes_by_courses=1,
    mod_forum_get_forums_by_courses=1,
    mod_glossary_get_glossaries_by_courses=1,
    mod_glossary_get_entries_by_letter=1,
)
WHERE_CHANGED = Counter(
    mod_page_get_pages_by_courses=1,
    mod_forum_get_forum_discussions=1,
    mod_book_get_books_by_courses=1,
    mod_lti_get_ltis_by_courses=1,
    mod_choice_get_choices_by_courses=1,
)


async def test_a_first_read_takes_as_many_requests_as_the_model_says(hub, moodle):
    called = Counter(await hub.run())
    assert called == SITE + COURSE + ALWAYS + WHERE_CHANGED
    files = [url for url in moodle.urls if "pluginfile.php" in url]
    assert len(files) == 2 + 4  # Two chapters, four files.


async def test_a_read_without_changes_asks_for_no_texts_and_writes_nothing(hub, moodle):
    await hub.run()
    before = len(moodle.urls)
    called = Counter(await hub.run())
    assert called == SITE + COURSE + ALWAYS + Counter({UPDATES: 1})
    assert not [url for url in moodle.urls[before:] if "pluginfile.php" in url]
    assert (hub.replica.report.written, hub.replica.report.deleted) == (0, 0)


async def test_one_page_of_many_that_changed_is_one_record(hub, moodle):
    for number in range(100, 400):
        moodle.site.add(2, number, "page", f"Page {number}", content="<p>x</p>", contentfiles=[])
    await hub.run()
    moodle.site.touch(123, content="<p>y</p>")
    called = Counter(await hub.run())
    assert called[PAGES] == 1 and called["mod_lti_get_ltis_by_courses"] == 0
    # The page, and its place: the course page shows when a page was changed.
    assert hub.replica.report.written == 2 and hub.get("page:123").html == "<p>y</p>"


async def test_what_is_told_by_nothing_but_the_list_of_changes_arrives(hub, moodle):
    await hub.run()
    moodle.site.touch(11, intro="<p>Choose two.</p>")
    moodle.site.touch(12, intro="<p>New tool</p>")
    called = Counter(await hub.run())
    assert called["mod_choice_get_choices_by_courses"] == 1
    assert hub.get("opaque:11").html == "<p>Choose two.</p>"
    assert hub.get("tool:12").html == "<p>New tool</p>"


async def test_a_change_in_the_second_of_the_last_read_is_not_missed(hub, moodle):
    await hub.run()
    moodle.site.instances[11] |= {"intro": "<p>Same second</p>", "modified": moodle.site.now}
    await hub.run()
    assert hub.get("opaque:11").html == "<p>Same second</p>"


async def test_servers_of_one_site_may_be_half_an_hour_apart(hub, moodle):
    await hub.run()
    moodle.site.instances[11] |= {"intro": "<p>Late</p>", "modified": moodle.site.now - 1800}
    await hub.run()
    assert hub.get("opaque:11").html == "<p>Late</p>"


async def test_once_a_day_everything_is_read_whatever_is_told(hub, moodle):
    await hub.run()
    moodle.site.instances[11]["intro"] = "<p>By hand, in the database</p>"
    moodle.site.now += DAY // 2
    assert PAGES not in await hub.run()
    moodle.site.now += DAY // 2 + 1
    assert PAGES in await hub.run()
    assert hub.get("opaque:11").html == "<p>By hand, in the database</p>"


async def test_a_clock_that_goes_back_costs_a_whole_read(hub, moodle):
    await hub.run()
    moodle.site.now = START
    moodle.site.instances[11] |= {"intro": "<p>Back then</p>", "modified": START}
    called = await hub.run()
    assert UPDATES not in called and PAGES in called
    assert hub.get("opaque:11").html == "<p>Back then</p>"


async def test_without_the_list_of_changes_all_texts_are_read(hub, moodle):
    moodle.functions.discard(UPDATES)
    await hub.run()
    called = await hub.run()
    assert PAGES in called and hub.replica.report.written == 0
    # A book's chapters need not be: the course page shows each of their changes.
    assert "mod_book_get_books_by_courses" not in called


async def test_a_module_that_cannot_tell_its_changes_is_read_each_time(hub, moodle):
    warning = {"item": "module", "itemid": 11, "warningcode": "missingcallback", "message": "x"}
    await hub.run()
    moodle.overrides[UPDATES] = {"instances": [], "warnings": [warning]}
    moodle.site.instances[11]["intro"] = "<p>Untold</p>"
    called = Counter(await hub.run())
    assert hub.get("opaque:11").html == "<p>Untold</p>" and called[PAGES] == 0


async def test_a_stream_that_failed_catches_up_on_what_it_missed(hub, moodle):
    await hub.run()
    moodle.refused["mod_choice_get_choices_by_courses"] = "broken"
    moodle.site.touch(11, intro="<p>Meanwhile</p>")
    moodle.site.now += 2 * 3600
    await hub.run()
    moodle.site.now += 2 * 3600
    moodle.refused.clear()
    await hub.run()
    assert hub.get("opaque:11").html == "<p>Meanwhile</p>"


async def test_what_is_gone_goes_with_all_that_was_in_it(hub, moodle):
    await hub.run()
    for cmid in (2, 4, 5, 6, 7):
        moodle.site.places[2].remove(cmid)
        del moodle.site.modules[cmid], moodle.site.instances[cmid]
    moodle.site.files = {}
    await hub.run()
    left = {str(ref) for ref in hub.replica.records}
    assert not any(ref.startswith(("file:", "discussion:")) for ref in left)
    assert {"page:2", "page:6", "page:6-c1", "module:cm6-c2", "module:cm5"}.isdisjoint(left)


async def test_a_discussion_that_is_gone_is_noticed_by_the_count(hub, moodle):
    moodle.site.discuss("Second", "<p>2</p>")
    moodle.site.now += 2 * 3600
    await hub.run()
    del moodle.site.discussions[0]
    called = await hub.run()
    assert FORUMS in called
    assert hub.get("discussion:7-d1") is None and hub.get("discussion:7-d2") is not None
    assert FORUMS not in await hub.run()


async def test_an_entry_and_a_chapter_that_are_gone_are_noticed(hub, moodle):
    await hub.run()
    moodle.site.entries.clear()
    del moodle.site.chapters[2]
    moodle.site.files = {k: v for k, v in moodle.site.files.items() if "mod_book" not in k}
    await hub.run()
    assert hub.get("page:10").html == ""
    assert hub.get("page:6-c2") is None and hub.get("page:6-c1") is not None


async def test_a_module_from_the_recycle_bin_is_another(hub, moodle):
    await hub.run()
    moodle.site.modules[77] = {**moodle.site.modules.pop(2), "id": 77, "instance": 177}
    moodle.site.instances[77] = moodle.site.instances.pop(2)
    moodle.site.places[2][0] = 77
    await hub.run()
    assert hub.get("page:2") is None and hub.get("page:77") is not None


async def test_a_module_that_moves_is_the_same(hub, moodle):
    await hub.run()
    moodle.site.places[2].remove(2)
    moodle.site.places[1].append(2)
    await hub.run()
    assert hub.get("module:cm2").parent == "section1" and hub.get("page:2") is not None
    assert hub.replica.report.deleted == 0


async def test_what_becomes_restricted_is_forbidden_and_comes_back(hub, moodle):
    await hub.run()
    moodle.forbid()
    await hub.run()
    assert hub.replica.rows[Ref(Kind.PAGE, "13")].state == "forbidden"
    await hub.run()
    assert hub.replica.report.written == 0 and hub.replica.report.deleted == 0
    moodle.site.modules[13]["uservisible"] = True
    await hub.run()
    assert hub.get("page:13") is not None and hub.replica.skipped == {}


async def test_what_is_in_a_restricted_section_is_forbidden_and_not_gone(hub, moodle):
    await hub.run()
    whole = hub.replica.held()
    section = moodle.site.sections[1]
    section["uservisible"] = False
    await hub.run()
    states = {str(ref): row.state for ref, row in hub.replica.rows.items()}
    assert hub.replica.report.deleted == 0
    closed = ("page:2", "link:3", "file:4", "page:6-c2", "discussion:7-d1", "quiz:9", "opaque:11")
    assert {states[ref] for ref in closed} == {"forbidden"}
    assert states["module:cm2"] == states["page:13"] == "active"
    await hub.run()
    assert (hub.replica.report.seen, hub.replica.report.written) < (30, 1)
    section["uservisible"] = True
    await hub.run()
    held = hub.replica.held()
    assert {ref: held[ref] for ref in whole} == whole and hub.replica.skipped == {}


async def test_a_page_that_fails_keeps_its_files(hub, moodle):
    await hub.run()
    kept = {ref for ref in hub.replica.records if ref.kind is Kind.FILE}
    moodle.site.touch(2, content=None)
    await hub.run()
    assert {ref for ref in hub.replica.records if ref.kind is Kind.FILE} == kept
    assert "no text" in hub.replica.skipped["page:2"]
    moodle.site.touch(2, content="<p>Back</p>")
    await hub.run()
    assert hub.get("page:2").html == "<p>Back</p>" and hub.replica.skipped == {}


async def test_a_rubric_or_a_quizs_points_change_without_a_time(hub, moodle):
    await hub.run()
    moodle.overrides["core_grading_get_definitions"] = {"areas": [], "warnings": []}
    await hub.run()
    assert hub.get("assignment:8").rubric == ()


async def test_a_hidden_section_hides_pages_that_have_not_changed(hub, moodle):
    await hub.run()
    moodle.site.sections[1]["visible"] = 0
    await hub.run()
    assert not hub.get("page:2").published and not hub.get("file:4").published


async def test_many_modules_are_read_in_batches_of_a_bounded_size(hub, moodle):
    for number in range(100, 900):
        moodle.site.add(2, number, "page", f"Page {number}", content="<p>x</p>", contentfiles=[])
    sizes = []
    take = hub.replica._take

    async def watched(batch, stream):
        sizes.append(len(batch.records))
        await take(batch, stream)

    hub.replica._take = watched
    await hub.run()
    assert max(sizes) <= 400 and sum(sizes) > 1600
