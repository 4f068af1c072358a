"""Courses and organizations with their terms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import ValidationError

from bloop_blackboard.api import Api
from bloop_blackboard.wire import Course, Term, fault
from bloop_sdk import Container, PermissionMissingError, Skipped, records
from bloop_sdk.records import JSONObject

FIELDS = (
    "id,courseId,name,description,created,modified,organization,ultraStatus,termId,availability,"
    "locale,externalAccessUrl,parentId"
)
"""Not the access code of an enrolment, which is a secret."""

_V3 = (3800, 1)
_CLOSED = frozenset({"No", "Disabled"})


class Courses:
    """Reads containers; terms are asked for once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._terms: Mapping[str, JSONObject] | None = None

    async def read(self) -> AsyncIterator[tuple[list[Container], list[Skipped]]]:
        """All that the credential may see, page by page."""
        terms = await self._known_terms()
        async for page in self._api.pages(await path(self._api), {"fields": FIELDS}):
            made = [container_of(row, terms) for row in page]
            yield (
                [one for one in made if isinstance(one, Container)],
                [one for one in made if isinstance(one, Skipped)],
            )

    async def fetch(self, course: str) -> Container | Skipped:
        """One; raises MissingRecordError."""
        row = await self._api.get(f"{await path(self._api)}/{course}", {"fields": FIELDS})
        return container_of(row, await self._known_terms())

    async def _known_terms(self) -> Mapping[str, JSONObject]:
        if self._terms is None:
            try:
                rows = await self._api.all(
                    "/v1/terms", {"fields": "id,name,description,availability"}
                )
            except PermissionMissingError:
                rows = []  # Courses are whole without them; check() names what is missing.
            self._terms = {str(row.get("id")): row for row in rows}
        return self._terms


async def path(api: Api) -> str:
    """Where courses are listed: the newest version of it that the site has."""
    return "/v3/courses" if await api.has(_V3) else "/v2/courses"


def container_of(row: JSONObject, terms: Mapping[str, JSONObject]) -> Container | Skipped:
    """A course with its term, or why it cannot be used."""
    try:
        course = Course.model_validate(row)
        term_row = terms.get(course.term_id or "")
        term = Term.model_validate(term_row) if term_row is not None else None
    except ValidationError as err:
        return Skipped(ref=f"course:{row.get('id')}", reason=fault(err), raw=row)
    lost = []
    if course.term_id and term is None:
        lost.append("term: the entitlement system.term.VIEW is missing")
    if course.parent_id:
        lost.append("that it is merged into another course")
    return Container(
        remote_id=course.id,
        raw={**row, **({"term": term_row} if term_row is not None else {})},
        url=course.external_access_url,
        created_at=course.created,
        updated_at=course.modified,
        lost=tuple(lost),
        title=course.name,
        code=course.course_id or None,
        summary_html=course.description or "",
        language=(course.locale.id or "").replace("_", "-") or None,
        starts_at=course.availability.duration.start,
        ends_at=course.availability.duration.end,
        term=_term(term),
        published=_published(course, term),
    )


def _term(term: Term | None) -> records.Term | None:
    if term is None:
        return None
    duration = term.availability.duration
    return records.Term(title=term.name, starts_at=duration.start, ends_at=duration.end)


def _published(course: Course, term: Term | None) -> bool:
    available: Any = course.availability.available
    if available == "Term" and term is not None:
        available = term.availability.available
    return available not in _CLOSED
