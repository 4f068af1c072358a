"""The pages of certificates for who teaches: what a course asks, who has one, who would get one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content.queries import CONTAINER, CONTAINER_SHOWN
from bloop.content.tree_routes import one, run, taught
from bloop.learning.progress import certificates, queries
from bloop.learning.progress.certificate_routes import dry_run, read_rule
from bloop.learning.progress.standing import Asked
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.statements import parsed, to_dicts
from bloop.web.course_parts import parts_on
from bloop.web.moments import moment
from bloop.web.people_words import fault_of
from bloop.web.quizzes import percent
from bloop.web.refusals import status_of
from bloop.web.render import locale_of, page
from bloop_sdk import BloopError
from bloop_sdk.web import Form, read_form

router = Router(tags=["pages"])

WRITE = "content:write"
MOST = 500
LESSONS = 2000
TEACHES = taught("containers", "container_id")


@dataclass(frozen=True, slots=True)
class _Fields:
    """The form of a rule as it was sent: which lessons, those ticked, the average in percent."""

    which: str
    items: tuple[str, ...]
    average: str
    version: str

    def asked(self) -> Asked:
        """What it asks; raises InvalidError where that is no average."""
        text = self.average.removesuffix("%").strip().replace(",", ".") or "0"
        try:
            share = float(text) / 100
        except ValueError:
            share = math.nan
        if not 0 <= share <= 1:
            raise InvalidError("average: a number from 0 to 100", field="average")
        if self.which not in {"all", "some"}:
            raise InvalidError("which: all or some", field="items")
        return Asked(None if self.which == "all" else list(self.items), share)

    @property
    def expected(self) -> int:
        """The version of the rule that was seen; -1 for none that there is."""
        is_number = self.version.isascii() and self.version.isdecimal() and len(self.version) < 10
        return int(self.version) if is_number else -1


def _fields(form: Form) -> _Fields:
    return _Fields(
        form["which"],
        tuple(dict.fromkeys(one[:60] for one in form.all("item")[: LESSONS + 1])),
        form["average"].strip()[:60],
        form["version"],
    )


def _of_rule(rule: Mapping[str, Any] | None) -> _Fields:
    if rule is None:
        return _Fields("all", (), "", "0")
    items, average = rule["items"], f"{rule['average'] * 100:.4g}"
    return _Fields(
        "all" if items is None else "some",
        tuple(items or ()),
        "" if rule["average"] == 0 else average,
        str(rule["row_version"]),
    )


@router.get("/certificate-rules", action=WRITE, include_in_schema=False)
async def show_rules(request: Request) -> Response:
    """The courses that give certificates, and what they ask."""
    rows = await hub_of(request).database.read(
        queries.ALL_RULES, call_of(request), after="", limit=MOST
    )
    locale = locale_of(request)
    found = [
        one | {"items": parsed(one["items"]), "share": percent(one["average"], locale)}
        for one in to_dicts(queries.ALL_RULES, rows)
    ]
    return await page(request, "certificate_rules.html", rules=found)


@router.get(
    "/courses/{container_id}/certificate",
    action=WRITE,
    also=TEACHES,
    problems=(404,),
    include_in_schema=False,
)
async def show_rule(request: Request, container_id: str, saved: str = "") -> Response:
    """What a course asks for its certificate, and who has earned it."""
    return await _rule(request, container_id, saved=saved[:10])


@router.post(
    "/courses/{container_id}/certificate-rule",
    action=WRITE,
    also=TEACHES,
    problems=(403, 404, 409, 422),
    include_in_schema=False,
)
async def set_rule(request: Request, container_id: str) -> Response:
    """Save the rule, or tell who would get the certificate by it and save nothing."""
    form = await read_form(request)
    fields = _fields(form)
    await one(request, CONTAINER_SHOWN, CONTAINER, container_id)
    try:
        asked = fields.asked()
        if form["do"] == "try":
            database, call = hub_of(request).database, call_of(request)
            found = await dry_run(database, call, container_id, asked)
            return await _rule(request, container_id, fields=fields, tried=found)
        await run(
            request,
            certificates.set_rule,
            container_id,
            items=asked.items,
            average=asked.average,
            version=fields.expected,
        )
    except (InvalidError, ConflictError) as err:
        return await _rule(request, container_id, fields=fields, error=err)
    return RedirectResponse(f"/courses/{container_id}/certificate?saved=yes", 303)


@router.post(
    "/courses/{container_id}/certificate-rule/end",
    action=WRITE,
    also=TEACHES,
    problems=(403, 404),
    include_in_schema=False,
)
async def end_rule(request: Request, container_id: str) -> Response:
    """Have a course give no more certificates; one that gives none is as good."""
    await run(request, certificates.drop_rule, container_id)
    return RedirectResponse(f"/courses/{container_id}/certificate?saved=ended", 303)


async def _rule(
    request: Request,
    course_id: str,
    *,
    fields: _Fields | None = None,
    tried: list[dict[str, Any]] | None = None,
    saved: str = "",
    error: BloopError | None = None,
) -> Response:
    call, database = call_of(request), hub_of(request).database
    course = await one(request, CONTAINER_SHOWN, CONTAINER, course_id)
    rule = await read_rule(request, course_id)
    lessons = await database.read(queries.LESSONS, call, container=course_id, limit=LESSONS)
    earned = await database.read(
        queries.EARNED, call, container=course_id, after="", limit=MOST + 1
    )
    locale, fault = locale_of(request), fault_of(request, error)
    if fault["wrong"] not in {"items", "average"}:
        fault["wrong"] = None  # It is of no field, and stands above them all.
    shown = {row[0] for row in lessons}
    return await page(
        request,
        "course_certificate.html",
        status=status_of(error),
        course=course,
        parts=parts_on(request, course_id, WRITE),
        rule=rule,
        needed=percent(rule["average"], locale) if rule and rule["average"] else "",
        of_rule=len(shown if rule["items"] is None else shown & set(rule["items"])) if rule else 0,
        form=fields or _of_rule(rule),
        lessons=to_dicts(queries.LESSONS, lessons),
        earned=[_told(one, locale) for one in to_dicts(queries.EARNED, earned[:MOST])],
        more=len(earned) > MOST,
        tried=None if tried is None else [_told(one, locale) for one in tried],
        would=sum(1 for one in tried or () if one["met"]),
        saved=saved,
        sees_all=may(call, WRITE),
        **fault,
    )


def _told(row: Mapping[str, Any], locale: str) -> dict[str, Any]:
    """A row with its average in percent and its day in words."""
    average = row["average"]
    told = {**row, "share": "" if average is None else percent(average, locale)}
    return told | ({"at": moment(row["issued_at"], locale)} if "issued_at" in row else {})
