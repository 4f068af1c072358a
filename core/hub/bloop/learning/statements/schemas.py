"""A statement of xAPI (1.0.3 and 2.0), as strict as the standard: nothing unknown, nothing null."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

DEEPEST = 50
"""So deep may a statement be: what is read again is deeper by its list, and JSON ends at 254."""
VOIDED = "http://adlnet.gov/expapi/verbs/voided"

_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+\Z")
_TAG = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*\Z")
_DURATION = re.compile(
    r"P(?:\d+W|(?=\d|T\d)(?:\d+Y)?(?:\d+M)?(?:\d+(?:\.\d+)?D)?"
    r"(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)\Z"
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)\Z")
_VERSION = re.compile(r"(?:1\.0(?:\.\d+)?|2\.0(?:\.\d+)?)\Z")


def _iri(text: str) -> str:
    if not _IRI.match(text):
        raise ValueError("no absolute IRI")
    return text


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.match(text):
            raise ValueError(f"no {what}")
        return text

    return AfterValidator(check)


def _tagged(value: dict[str, str]) -> dict[str, str]:
    for tag in value:
        if not _TAG.match(tag):
            raise ValueError(f"{tag[:40]!r} is no language tag")
    return value


def _of_iris(value: dict[str, Any]) -> dict[str, Any]:
    for key in value:
        _iri(key)
    return value


def _given(value: Any) -> Any:
    if value is None:
        raise ValueError("null is no value of a statement")
    return value


def _time_as_text(value: Any) -> Any:
    # Else a number would be seconds since 1970, and "-00:00", which names no zone, would be UTC.
    if not isinstance(value, str) or not _TIME.match(value) or value.endswith(("-00:00", "-0000")):
        raise ValueError("a time is a text of RFC 3339, with its zone")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as err:
        raise ValueError("no time that has a year in UTC") from err


Timestamp = Annotated[
    AwareDatetime, Field(strict=False), BeforeValidator(_time_as_text), AfterValidator(_in_utc)
]
Iri = Annotated[str, Field(max_length=2000), AfterValidator(_iri)]
Duration = Annotated[str, Field(max_length=100), _matching(_DURATION, "duration of ISO 8601")]
Tag = Annotated[str, _matching(_TAG, "language tag")]
Version = Annotated[str, _matching(_VERSION, "version of xAPI 1.0 or 2.0")]
Id = Annotated[UUID, Field(strict=False)]
LanguageMap = Annotated[
    dict[str, Annotated[str, Field(max_length=20_000)]], AfterValidator(_tagged)
]
Extensions = Annotated[dict[str, Any], AfterValidator(_of_iris)]
Text = Annotated[str, Field(max_length=20_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for value in data.values():
                _given(value)
        return data


class Account(_Part):
    """An account of a system."""

    homePage: Iri  # noqa: N815 - names of the standard, here and below
    name: Annotated[str, Field(min_length=1, max_length=500)]


class _Identified(_Part):
    name: Text | None = None
    mbox: Annotated[str, Field(pattern=r"^mailto:[^@\s]+@[^@\s]+$", max_length=400)] | None = None
    mbox_sha1sum: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{40}$")] | None = None
    openid: Iri | None = None
    account: Account | None = None

    def _identifiers(self) -> int:
        found = (self.mbox, self.mbox_sha1sum, self.openid, self.account)
        return sum(one is not None for one in found)


class Agent(_Identified):
    """Somebody, by exactly one identifier."""

    objectType: Literal["Agent"] = "Agent"  # noqa: N815

    @model_validator(mode="after")
    def _one(self) -> Agent:
        if self._identifiers() != 1:
            raise ValueError("exactly one of mbox, mbox_sha1sum, openid and account")
        return self


class Group(_Identified):
    """Several; by one identifier or by its members."""

    objectType: Literal["Group"]  # noqa: N815
    member: Annotated[list[Agent], Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _some(self) -> Group:
        if self._identifiers() > 1 or (self._identifiers() == 0 and not self.member):
            raise ValueError("one identifier, or members")
        return self


Actor = Agent | Group


class Verb(_Part):
    """What was done."""

    id: Iri
    display: LanguageMap | None = None


class Component(_Part):
    """One of the answers of an interaction."""

    id: Text
    description: LanguageMap | None = None


Components = Annotated[list[Component], Field(max_length=500)]


class Definition(_Part):
    """What is known of an activity."""

    name: LanguageMap | None = None
    description: LanguageMap | None = None
    type: Iri | None = None
    moreInfo: Iri | None = None  # noqa: N815
    extensions: Extensions | None = None
    interactionType: (  # noqa: N815
        Literal[
            "true-false",
            "choice",
            "fill-in",
            "long-fill-in",
            "matching",
            "performance",
            "sequencing",
            "likert",
            "numeric",
            "other",
        ]
        | None
    ) = None
    correctResponsesPattern: Annotated[list[Text], Field(max_length=500)] | None = None  # noqa: N815
    choices: Components | None = None
    scale: Components | None = None
    source: Components | None = None
    target: Components | None = None
    steps: Components | None = None


class Activity(_Part):
    """What it was done to."""

    objectType: Literal["Activity"] = "Activity"  # noqa: N815
    id: Iri
    definition: Definition | None = None


class StatementRef(_Part):
    """Another statement."""

    objectType: Literal["StatementRef"]  # noqa: N815
    id: Id


class Score(_Part):
    """A score; ``scaled`` is from -1 to 1."""

    scaled: Annotated[float, Field(ge=-1, le=1)] | None = None
    raw: Annotated[float, Field(allow_inf_nan=False)] | None = None
    min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Score:
        bounds = [one for one in (self.min, self.raw, self.max) if one is not None]
        if bounds != sorted(bounds) or (self.min is not None and self.min == self.max):
            raise ValueError("min < max, and raw between them")
        return self

    def share(self) -> float | None:
        """The score from 0 to 1, where it says of what it is a part."""
        if self.scaled is not None:
            return max(0.0, self.scaled)
        if self.raw is None or self.max is None:
            return None
        low = self.min or 0.0
        return max(0.0, min(1.0, (self.raw - low) / (self.max - low))) if self.max > low else None


class Result(_Part):
    """How it went."""

    score: Score | None = None
    success: bool | None = None
    completion: bool | None = None
    response: Text | None = None
    duration: Duration | None = None
    extensions: Extensions | None = None


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


Activities = Annotated[list[Activity], Field(max_length=100), BeforeValidator(_listed)]


class ContextActivities(_Part):
    """Activities around it."""

    parent: Activities | None = None
    grouping: Activities | None = None
    category: Activities | None = None
    other: Activities | None = None


class ContextAgent(_Part):
    """Somebody who took part (2.0)."""

    objectType: Literal["contextAgent"]  # noqa: N815
    agent: Agent
    relevantTypes: Annotated[list[Iri], Field(min_length=1)] | None = None  # noqa: N815


class ContextGroup(_Part):
    """Several who took part (2.0)."""

    objectType: Literal["contextGroup"]  # noqa: N815
    group: Group
    relevantTypes: Annotated[list[Iri], Field(min_length=1)] | None = None  # noqa: N815


class Context(_Part):
    """What was around it."""

    registration: Id | None = None
    instructor: Actor | None = None
    team: Group | None = None
    contextActivities: ContextActivities | None = None  # noqa: N815
    contextAgents: list[ContextAgent] | None = None  # noqa: N815
    contextGroups: list[ContextGroup] | None = None  # noqa: N815
    revision: Text | None = None
    platform: Text | None = None
    language: Tag | None = None
    statement: StatementRef | None = None
    extensions: Extensions | None = None


class Attachment(_Part):
    """Something that belongs to it, elsewhere: the hub keeps no bytes of statements."""

    usageType: Iri  # noqa: N815
    display: LanguageMap
    description: LanguageMap | None = None
    contentType: Text  # noqa: N815
    length: Annotated[int, Field(ge=0)]
    sha2: Text
    fileUrl: Iri  # noqa: N815


class SubStatement(_Part):
    """A statement within a statement."""

    objectType: Literal["SubStatement"]  # noqa: N815
    actor: Actor
    verb: Verb
    object: Activity | Actor | StatementRef
    result: Result | None = None
    context: Context | None = None
    timestamp: Timestamp | None = None
    attachments: list[Attachment] | None = None


class StatementIn(_Part):
    """A statement that is told. ``stored`` and ``authority`` are the hub's to say."""

    id: Id | None = None
    actor: Actor
    verb: Verb
    object: Activity | Agent | Group | StatementRef | SubStatement
    result: Result | None = None
    context: Context | None = None
    timestamp: Timestamp | None = None
    stored: Any = None
    authority: Any = None
    version: Version | None = None
    attachments: Annotated[list[Attachment], Field(max_length=20)] | None = None

    @model_validator(mode="after")
    def _voiding(self) -> StatementIn:
        if self.verb.id == VOIDED and not isinstance(self.object, StatementRef):
            raise ValueError("what is voided is named by a StatementRef")
        return self


def fault_of(raw: Any) -> str | None:
    """What makes told JSON one that is not kept; None where nothing does.

    A model says nothing of what stands in extensions, and they are kept as they are told.
    """
    level = [raw]
    for _ in range(DEEPEST):
        if any(isinstance(one, str) and "\x00" in one for one in level):
            return "it holds a NUL character"
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += [*one, *one.values()]
            elif isinstance(one, list):
                below += one
        if not below:
            return None
        level = below
    return f"it is deeper than {DEEPEST} levels"


def is_version(text: str) -> bool:
    """Whether a version of xAPI is one that the hub speaks."""
    return bool(_VERSION.match(text))
