"""The functions that the connector calls, and what is not read without each.

Nothing here is named ``*_view_*``: such a function tells Moodle that somebody has seen something,
which may complete an activity.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

REQUIRED = {
    "core_webservice_get_site_info": "who the token is",
    "core_enrol_get_users_courses": "the account's courses",
    "core_course_get_contents": "sections, and what is in them",
}

OPTIONAL = {
    "core_course_get_updates_since": "each sync reads all texts again instead of what changed",
    "core_course_get_course_module": "single records cannot be fetched, and no grades written",
    "core_group_get_course_groups": "groups: they are not read",
    "core_enrol_get_enrolled_users": "people: people and enrolments are not read",
    "core_competency_list_course_competencies": "competencies: they are not read",
    "mod_page_get_pages_by_courses": "pages: their texts are not read",
    "mod_assign_get_assignments": "assignments: they are not read",
    "core_grading_get_definitions": "assignments: they come without rubrics",
    "mod_quiz_get_quizzes_by_courses": "quizzes: they are not read",
    "mod_forum_get_forums_by_courses": "forums: they are not read",
    "mod_forum_get_forum_discussions": "forums: discussions and announcements are not read",
    "mod_book_get_books_by_courses": "books: their chapters are not read",
    "mod_glossary_get_glossaries_by_courses": "glossaries: they are not read",
    "mod_glossary_get_entries_by_letter": "glossaries: they come without their entries",
    "mod_lti_get_ltis_by_courses": "tools: external tools are not read",
    "core_calendar_get_calendar_events": "calendar: events are not read",
    "gradereport_user_get_grade_items": "submissions: grades are not read",
    "mod_assign_get_submissions": "submissions: nobody learns what was handed in, and when",
    "mod_assign_get_grades": "submissions: grades of assignments cannot be written",
    "core_completion_get_activities_completion_status": "completion: it is not read",
    "mod_assign_save_grade": "grades cannot be written",
    "mod_assign_get_submission_status": "grades: a score is written together with a comment only",
    "mod_assign_get_user_flags": "grades: none are written in a marking workflow",
}

ACTIVITIES = {
    "bigbluebuttonbn": ("mod_bigbluebuttonbn_get_bigbluebuttonbns_by_courses", "bigbluebuttonbns"),
    "chat": ("mod_chat_get_chats_by_courses", "chats"),
    "choice": ("mod_choice_get_choices_by_courses", "choices"),
    "data": ("mod_data_get_databases_by_courses", "databases"),
    "feedback": ("mod_feedback_get_feedbacks_by_courses", "feedbacks"),
    "h5pactivity": ("mod_h5pactivity_get_h5pactivities_by_courses", "h5pactivities"),
    "imscp": ("mod_imscp_get_imscps_by_courses", "imscps"),
    "lesson": ("mod_lesson_get_lessons_by_courses", "lessons"),
    "scorm": ("mod_scorm_get_scorms_by_courses", "scorms"),
    "survey": ("mod_survey_get_surveys_by_courses", "surveys"),
    "wiki": ("mod_wiki_get_wikis_by_courses", "wikis"),
    "workshop": ("mod_workshop_get_workshops_by_courses", "workshops"),
}
"""Activities that Bloop has no kind for: the function that gives their texts, and its key."""


def missing(held: Collection[str]) -> Iterator[str]:
    """What cannot be done without, and the token's service lacks."""
    for function, use in REQUIRED.items():
        if function not in held:
            yield f"{function} ({use}): add it to the token's external service"


def gaps(held: Collection[str]) -> Iterator[str]:
    """What the token's service lacks, and what that costs."""
    for function, cost in OPTIONAL.items():
        if function not in held:
            yield f"{cost}; add {function} to the token's external service"
    for kind, (function, _) in ACTIVITIES.items():
        if function not in held:
            yield f"activities: {kind} without its text; add {function} to the token's service"
