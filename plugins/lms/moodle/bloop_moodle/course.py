"""Reads what is in a course: its outline, and by type what the outline does not hold.

The outline and the list of what changed are asked for once a course; a type is asked for where the
course has it, and where something of it may have changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bloop_moodle import activities, gatherings
from bloop_moodle.activities import Maker, Making, definitions, dicts
from bloop_moodle.functions import ACTIVITIES
from bloop_moodle.ledger import Ledger, Made
from bloop_moodle.materials import material, part_records
from bloop_moodle.outline import Module, Outline, module_node, read_outline
from bloop_moodle.rest import Moodle
from bloop_moodle.values import digest, flag, identifier, listed, parts, words
from bloop_sdk.errors import (
    MalformedRecordError,
    PermissionMissingError,
    SkippableError,
    UnsupportedError,
)
from bloop_sdk.records import Batch, Cursor, JSONObject, Skipped

CONTENTS = "core_course_get_contents"
UPDATES = "core_course_get_updates_since"
ASSIGNMENTS = "mod_assign_get_assignments"
RUBRICS = "core_grading_get_definitions"
_MODULES_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A type of activity, and the function that lists it.

    ``always``: it is asked for in each read, as not all of its changes are told. ``costly``: each
    module takes requests of its own. ``signed``: the outline shows each of its changes.
    """

    type: str
    function: str
    key: str | None
    make: Maker
    always: bool = False
    costly: bool = False
    signed: bool = False
    without_function: bool = False


LISTINGS: dict[str, tuple[Listing, ...]] = {
    "pages": (
        Listing(
            type="page",
            function="mod_page_get_pages_by_courses",
            key="pages",
            make=activities.page,
        ),
    ),
    # Neither a rubric nor a quiz's points have a time of change.
    "assignments": (
        Listing(
            type="assign",
            function=ASSIGNMENTS,
            key="courses",
            make=activities.assignment,
            always=True,
        ),
    ),
    "quizzes": (
        Listing(
            type="quiz",
            function="mod_quiz_get_quizzes_by_courses",
            key="quizzes",
            make=activities.quiz,
            always=True,
        ),
    ),
    # That a discussion is gone shows in the forum's count alone.
    "forums": (
        Listing(
            type="forum",
            function="mod_forum_get_forums_by_courses",
            key=None,
            make=gatherings.forum,
            always=True,
            costly=True,
        ),
    ),
    "books": (
        Listing(
            type="book",
            function="mod_book_get_books_by_courses",
            key="books",
            make=gatherings.book,
            costly=True,
            signed=True,
        ),
    ),
    # That an entry is gone shows nowhere.
    "glossaries": (
        Listing(
            type="glossary",
            function="mod_glossary_get_glossaries_by_courses",
            key="glossaries",
            make=gatherings.glossary,
            always=True,
        ),
    ),
    "tools": (
        Listing(
            type="lti",
            function="mod_lti_get_ltis_by_courses",
            key="ltis",
            make=activities.tool,
        ),
    ),
    "activities": tuple(
        Listing(
            type=kind,
            function=function,
            key=key,
            make=activities.opaque,
            without_function=True,
        )
        for kind, (function, key) in ACTIVITIES.items()
    ),
}
_ELSEWHERE = {listing.type for listings in LISTINGS.values() for listing in listings}
_ELSEWHERE.add("subsection")


class CourseReader:
    """The courses of one read. Outlines are remembered, trimmed."""

    def __init__(self, moodle: Moodle) -> None:
        self._moodle = moodle
        self._outlines: dict[str, Outline] = {}
        self._anonymous: dict[str, frozenset[str]] = {}

    async def read(self, stream: str, course: str, state: Cursor | None) -> AsyncIterator[Batch]:
        """The changes of a stream since the state."""
        if stream == "contents":
            reading = self._read_contents(course, state)
        else:
            reading = self._read_listed(LISTINGS[stream], course, state)
        async for batch in reading:
            yield batch

    async def outline(self, course: str) -> Outline:
        """The outline of a course, trimmed."""
        if course not in self._outlines:
            self._outlines[course] = (await self.whole_outline(course)).trimmed()
        return self._outlines[course]

    async def whole_outline(self, course: str) -> Outline:
        """The outline of a course as it is now."""
        options = [{"name": "includestealthmodules", "value": 1}]
        answer = await self._moodle.ask(CONTENTS, courseid=course, options=options)
        return read_outline(course, answer.value, answer.at)

    async def anonymous(self, course: str) -> frozenset[str]:
        """The assignments of which teachers shall not learn who did what, by module."""
        if course not in self._anonymous and await self._moodle.has(ASSIGNMENTS):
            try:
                self._anonymous[course] = _anonymous(await assignments(self._moodle, course))
            except (PermissionMissingError, SkippableError):
                return frozenset()
        return self._anonymous.get(course, frozenset())

    async def made(self, outline: Outline, module: Module) -> Made:
        """Everything of one module, as the streams give it."""
        made = self.placed(outline.course, module)
        for listing in (one for listings in LISTINGS.values() for one in listings):
            if listing.type == module.type and module.open:
                found = await self._instances(listing, outline, [module])
                extra = await self._extra(listing, [module])
                more = await self._make(listing, outline, module, found, extra)
                made.records += more.records
                made.skipped += more.skipped
        return made

    def placed(self, course: str, module: Module, closed: list[Skipped] | None = None) -> Made:
        """A module's place, and what the outline holds of its content."""
        node = module_node(course, module)
        if module.type in _ELSEWHERE:
            return Made([node])
        if not module.open:
            return Made([node], closed or [])
        made = material(course, module, self._moodle.chunks)
        # A place comes before what is in it, content before the place that shows it.
        made.records.insert(0 if module.content is None else len(made.records), node)
        return made

    async def _read_contents(self, course: str, state: Cursor | None) -> AsyncIterator[Batch]:
        outline = await self.whole_outline(course)
        ledger = Ledger(outline, state)
        self._outlines[course] = await self._told(outline.trimmed(), ledger.since())
        hosted = [part for part in outline.parts if part.host is not None]
        for part in outline.parts:
            if part.host is None:
                for batch in ledger.put(part.node_id, "", part_records(course, part)):
                    yield batch
        for module in outline.modules.values():
            made = self.placed(course, module, ledger.closed(module))
            for batch in ledger.put(module.cmid, module.signature, made, module.section):
                yield batch
        for part in hosted:  # Their hosts come before what is in them.
            for batch in ledger.put(part.node_id, "", part_records(course, part)):
                yield batch
        yield ledger.finish([*(part.node_id for part in outline.parts), *outline.modules])

    async def _told(self, outline: Outline, since: int | None) -> Outline:
        """The outline with the modules that Moodle says have changed."""
        if since is None or not await self._moodle.has(UPDATES):
            return outline
        try:
            answer = await self._moodle.call(UPDATES, courseid=outline.course, since=since)
            instances = listed(answer, "instances", UPDATES)
        except (PermissionMissingError, UnsupportedError, SkippableError):
            return outline
        touched = {
            identifier(one.get("id")) for one in instances if one.get("contextlevel") == "module"
        }
        for warning in dicts(answer.get("warnings")):
            # A module whose plugin cannot tell what changed, such as a third party's.
            if warning.get("item") not in {"module", "cm", "coursemodule"}:
                return outline
            touched.add(identifier(warning.get("itemid")))
        return replace(outline, since=since, touched=frozenset(filter(None, touched)))

    async def _read_listed(
        self, listings: tuple[Listing, ...], course: str, state: Cursor | None
    ) -> AsyncIterator[Batch]:
        outline = await self.outline(course)
        ledger = Ledger(outline, state)
        modules = outline.of(listing.type for listing in listings)
        if not modules and ledger.empty:
            return
        for listing in listings:
            async for batch in self._read_type(listing, outline, ledger):
                yield batch
        yield ledger.finish([module.cmid for module in modules])

    async def _read_type(
        self, listing: Listing, outline: Outline, ledger: Ledger
    ) -> AsyncIterator[Batch]:
        modules = outline.of([listing.type])
        opened = [module for module in modules if module.open]
        for module in modules:
            if not module.open:
                made = Made(skipped=ledger.closed(module))
                for batch in ledger.put(module.cmid, module.signature, made, module.section):
                    yield batch
        if not opened or not (
            listing.always or any(self._stale(listing, ledger, module) for module in opened)
        ):
            return
        found = await self._instances(listing, outline, opened)
        extra = await self._extra(listing, opened)
        for module in opened:
            signature = module.signature
            if listing.costly and listing.always:
                signature = digest([signature, found.get(module.cmid)])
            if listing.costly and not ledger.stale(module.cmid, signature, signed=listing.signed):
                continue
            made = await self._make(listing, outline, module, found, extra)
            for batch in ledger.put(module.cmid, signature, made, module.section):
                yield batch

    @staticmethod
    def _stale(listing: Listing, ledger: Ledger, module: Module) -> bool:
        return ledger.stale(module.cmid, module.signature, signed=listing.signed)

    async def _make(
        self,
        listing: Listing,
        outline: Outline,
        module: Module,
        found: Mapping[str, JSONObject],
        extra: Mapping[str, Any],
    ) -> Made:
        """The records of a module; one that cannot be read costs no other."""
        ref, instance = str(module.content or f"module:{module.node_id}"), found.get(module.cmid)
        if instance is None:
            reason = f"{listing.function} does not give it to this account"
            skipped = Skipped(ref=ref, reason=reason, code="record_forbidden")
            return Made(skipped=[skipped], failed=True)
        making = Making(self._moodle, outline.course, module, instance, extra.get(module.cmid))
        try:
            return await listing.make(making)
        except SkippableError as err:
            skipped = Skipped(ref=ref, reason=str(err), code=err.code, raw=module.entry)
        except PermissionMissingError as err:
            skipped = Skipped(ref=ref, reason=str(err), code="record_forbidden")
        return Made(skipped=[skipped], failed=True)

    async def _instances(
        self, listing: Listing, outline: Outline, modules: list[Module]
    ) -> dict[str, JSONObject]:
        """The instances of a type in a course, by the ids of their modules."""
        function, course = listing.function, outline.course
        if listing.without_function and not await self._moodle.has(function):
            return {
                module.cmid: {"name": module.name, "intro": module.entry.get("description")}
                for module in modules
            }
        await self._moodle.need(function, f"reading Moodle's {listing.type}")
        if function == ASSIGNMENTS:
            of_course = await assignments(self._moodle, course)
            self._anonymous[course] = _anonymous(of_course)
            return of_course
        answer = await self._moodle.call(function, courseids=[course])
        refuse(function, course, answer)
        found = listed(answer, listing.key, function)
        return {
            cmid: one
            for one in found
            if (cmid := identifier(one.get("coursemodule") or one.get("cmid"))) is not None
        }

    async def _extra(self, listing: Listing, modules: list[Module]) -> dict[str, Any]:
        """The grading forms of assignments, where the account may see them."""
        extra: dict[str, Any] = {}
        if listing.type != "assign" or not await self._moodle.has(RUBRICS):
            return extra
        for some in parts((module.cmid for module in modules), _MODULES_AT_ONCE):
            try:
                answer = await self._moodle.call(
                    # With "activeonly", one assignment without a form is an error for all.
                    RUBRICS,
                    cmids=some,
                    areaname="submissions",
                    activeonly=False,
                )
            except (PermissionMissingError, UnsupportedError, SkippableError):
                continue
            listed(answer, "areas", RUBRICS)
            extra |= {
                cmid: {"method": form.get("method"), **form}
                for cmid, form in definitions(answer).items()
            }
        return extra


async def assignments(moodle: Moodle, course: str) -> dict[str, JSONObject]:
    """The assignments of a course as Moodle gives them, by the ids of their modules."""
    answer = await moodle.call(ASSIGNMENTS, courseids=[course], includenotenrolledcourses=True)
    refuse(ASSIGNMENTS, course, answer)
    return {
        cmid: one
        for each in listed(answer, "courses", ASSIGNMENTS)
        for one in listed(each, "assignments", ASSIGNMENTS)
        if (cmid := identifier(one.get("cmid"))) is not None
    }


def _anonymous(found: Mapping[str, JSONObject]) -> frozenset[str]:
    return frozenset(
        cmid
        for cmid, one in found.items()
        if flag(one.get("blindmarking")) and not flag(one.get("revealidentities"))
    )


def refuse(function: str, course: str, answer: Any) -> None:
    """Raise where a warning says that the course was left out: an empty list is none then."""
    if not isinstance(answer, list | dict):
        raise MalformedRecordError(f"{function} answered in another shape than is documented")
    for warning in dicts(answer.get("warnings") if isinstance(answer, dict) else None):
        if warning.get("item") == "course" and str(warning.get("itemid")) == course:
            raise PermissionMissingError(
                f"{function}: {words(warning.get('message'))}",
                permission=function,
                cure="enrol the account in the course, or give its role access",
            )
