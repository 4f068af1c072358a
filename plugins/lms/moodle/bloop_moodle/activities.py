"""Pages, assignments, quizzes and the rest, from the function that lists each type in a course.

A maker turns one instance, as its function gave it, into records of its module.
"""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bloop_moodle.files import Files
from bloop_moodle.ledger import Made
from bloop_moodle.outline import Module
from bloop_moodle.rest import Moodle
from bloop_moodle.values import body, flag, identifier, integer, moment, name, number, without
from bloop_sdk.errors import MalformedRecordError
from bloop_sdk.records import (
    Assignment,
    JSONObject,
    Opaque,
    Page,
    Quiz,
    RubricCriterion,
    RubricRating,
    Tool,
)

NO_QUESTIONS = "its questions: Moodle's web services show them only within attempts"


@dataclass(frozen=True, slots=True)
class Making:
    """What a maker makes its records from."""

    moodle: Moodle
    course: str
    module: Module
    instance: JSONObject
    extra: Any = None

    @property
    def files(self) -> Files:
        """A fresh list of the module's files."""
        return Files(self.module.cmid, self.course, self.module.published, self.moodle.chunks)

    def common(self, *secret: str) -> dict[str, Any]:
        """What all content of a module has, without fields that are nobody else's."""
        instance, module = self.instance, self.module
        raw = without(instance, "section", "contentfiles", "introfiles", *secret)
        raw["published"] = module.published
        if self.extra is not None:
            raw["extra"] = self.extra
        return {
            "remote_id": module.cmid,
            "container": self.course,
            "title": name(instance.get("name"), module.name),
            "published": module.published,
            "raw": raw,
            "url": f"{self.moodle.base}/mod/{module.type}/view.php?id={module.cmid}",
            "remote_version": str(instance.get("timemodified") or "") or None,
            "created_at": moment(instance.get("timecreated")),
            "updated_at": moment(instance.get("timemodified")),
        }

    def text(self, files: Files, field: str, listed: str) -> str:
        """HTML of a field, with its links to the files that another field lists."""
        for entry in dicts(self.instance.get(listed)):
            files.add(entry)
        return files.linked(body(self.instance.get(field)))


Maker = Callable[[Making], Awaitable[Made]]


def dicts(value: Any) -> list[JSONObject]:
    """The objects of a list that may be missing."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


async def page(making: Making) -> Made:
    """``mod_page``: a text and the files in it."""
    files = making.files
    if not isinstance(making.instance.get("content"), str):
        raise MalformedRecordError("the page has no text")
    text = making.text(files, "content", "contentfiles")
    record = Page(**making.common(), html=text, lost=files.unknown(text))
    return Made([*files.records.values(), record])


async def assignment(making: Making) -> Made:
    """``mod_assign``: what to do, until when, for how many points, and its rubric."""
    files, instance = making.files, making.instance
    text = making.text(files, "intro", "introfiles")
    text += files.attached(dicts(instance.get("introattachments")))
    activity = body(instance.get("activity"))
    for entry in dicts(instance.get("activityattachments")):
        files.add(entry)
    text += files.linked(activity)
    grade = number(instance.get("grade"))
    lost = [*files.unknown(text)]
    if grade is not None and grade < 0:
        lost.append("its scale: it is not graded in points")
    if making.extra and making.extra.get("method") not in {None, "rubric"}:
        lost.append(f"its grading form: {making.extra['method']}")
    record = Assignment(
        **making.common(),
        html=text,
        points=grade if grade is not None and grade >= 0 else None,
        due_at=moment(instance.get("duedate")),
        opens_at=moment(instance.get("allowsubmissionsfromdate")),
        closes_at=moment(instance.get("cutoffdate")),
        submission_types=_submission_types(instance),
        rubric=_rubric(making.extra),
        lost=tuple(lost),
    )
    return Made([*files.records.values(), record])


def _submission_types(instance: JSONObject) -> tuple[str, ...]:
    if flag(instance.get("nosubmissions")):
        return ("none",)
    enabled = [
        config.get("plugin")
        for config in dicts(instance.get("configs"))
        if config.get("subtype") == "assignsubmission"
        and config.get("name") == "enabled"
        and flag(config.get("value"))
    ]
    return tuple(
        kind for plugin, kind in (("onlinetext", "text"), ("file", "file")) if plugin in enabled
    )


def definitions(answer: Any) -> dict[str, JSONObject]:
    """The grading form in use of each module, from ``core_grading_get_definitions``."""
    found: dict[str, JSONObject] = {}
    for area in dicts(answer.get("areas") if isinstance(answer, dict) else None):
        cmid = identifier(area.get("cmid"))
        forms = dicts(area.get("definitions"))
        form = next((one for one in forms if one.get("method") == area.get("activemethod")), None)
        if cmid is not None and form is not None:
            found[cmid] = without(form, "usercreated", "usermodified", "timecopied")
    return found


def _rubric(form: Any) -> tuple[RubricCriterion, ...]:
    rubric = form.get("rubric") if isinstance(form, dict) else None
    criteria = dicts(rubric.get("rubric_criteria") if isinstance(rubric, dict) else None)
    found = []
    for criterion in sorted(criteria, key=lambda one: integer(one.get("sortorder")) or 0):
        ratings = tuple(
            RubricRating(
                title=name(level.get("definition"), "Level"), points=number(level.get("score")) or 0
            )
            for level in dicts(criterion.get("levels"))
        )
        found.append(
            RubricCriterion(
                title=name(criterion.get("description"), "Criterion"),
                points=max((rating.points for rating in ratings), default=0.0),
                ratings=ratings,
            )
        )
    return tuple(found)


async def quiz(making: Making) -> Made:
    """``mod_quiz``: its rules. Who may read its questions reads them within an attempt."""
    files, instance = making.files, making.instance
    text = making.text(files, "intro", "introfiles")
    limit = number(instance.get("timelimit"))
    attempts = integer(instance.get("attempts"))
    record = Quiz(
        **making.common("password", "subnet"),
        html=text,
        points=number(instance.get("grade")),
        due_at=moment(instance.get("timeclose")),
        time_limit=limit / 60 if limit else None,
        attempts=attempts or None,
        lost=(NO_QUESTIONS, *files.unknown(text)),
    )
    return Made([*files.records.values(), record])


async def tool(making: Making) -> Made:
    """``mod_lti``: where it leads. Its keys are not kept."""
    files, instance = making.files, making.instance
    text = making.text(files, "intro", "introfiles")
    url = instance.get("securetoolurl") or instance.get("toolurl")
    custom = str(instance.get("instructorcustomparameters") or "")
    pairs = (line.partition("=") for line in custom.splitlines())
    lost = () if url else ("its address: it is set up for the whole site",)
    record = Tool(
        **making.common("resourcekey", "password", "servicesalt"),
        launch_url=str(url or ""),
        html=text,
        custom=tuple((key.strip(), value.strip()) for key, found, value in pairs if found),
        lost=(*lost, *files.unknown(text)),
    )
    return Made([*files.records.values(), record])


async def opaque(making: Making) -> Made:
    """What Bloop has no kind for: its text, and the rest as it came."""
    files = making.files
    text = making.text(files, "intro", "introfiles")
    kind = making.module.type
    record = Opaque(
        **making.common("password"),
        remote_kind=kind,
        html=text,
        lost=(f"what is in it: Bloop has no kind for Moodle's {kind}", *files.unknown(text)),
    )
    return Made([*files.records.values(), record])


def definition_list(entries: list[tuple[str, str]]) -> str:
    """Terms and what they mean."""
    rows = (f"<dt>{html.escape(term)}</dt><dd>{meaning}</dd>" for term, meaning in entries)
    return f"<dl>{''.join(rows)}</dl>" if entries else ""
