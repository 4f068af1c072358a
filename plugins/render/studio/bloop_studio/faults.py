"""What is wrong with what somebody wrote: a sentence that every language can say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bloop_sdk import BloopError, MalformedRecordError, Words, gettext_noop, words_of

KNOWN: Mapping[str, str] = {
    "string_too_long": gettext_noop("at most %(max_length)s characters"),
    "string_too_short": gettext_noop("at least %(min_length)s characters"),
    "too_long": gettext_noop("at most %(max_length)s of them"),
    "too_short": gettext_noop("at least %(min_length)s of them"),
    "greater_than": gettext_noop("more than %(gt)s"),
    "greater_than_equal": gettext_noop("%(ge)s or more"),
    "less_than": gettext_noop("less than %(lt)s"),
    "less_than_equal": gettext_noop("%(le)s or less"),
    "float_parsing": gettext_noop("this is no number"),
    "float_type": gettext_noop("this is no number"),
    "finite_number": gettext_noop("this is no number"),
    "int_parsing": gettext_noop("this is no whole number"),
    "int_from_float": gettext_noop("this is no whole number"),
    "int_type": gettext_noop("this is no whole number"),
    "missing": gettext_noop("something is missing here"),
    "extra_forbidden": gettext_noop("there is no such field"),
    "literal_error": gettext_noop("one of %(expected)s"),
    "string_pattern_mismatch": gettext_noop("it has to look like %(pattern)s"),
    "union_tag_invalid": gettext_noop("%(tag)s is no kind of picture; there are %(expected_tags)s"),
    "union_tag_not_found": gettext_noop("a picture says its kind"),
    "string_type": gettext_noop("a text belongs here"),
    "bool_parsing": gettext_noop("true or false belongs here"),
    "bool_type": gettext_noop("true or false belongs here"),
    "list_type": gettext_noop("a list belongs here"),
    "dict_type": gettext_noop("fields with values belong here"),
    "model_type": gettext_noop("fields with values belong here"),
    "model_attributes_type": gettext_noop("fields with values belong here"),
}
"""What Pydantic calls a fault, as people are told of it; of others, it tells itself.

Values are written ``%(name)s``: so short a sentence with ``{name}`` would be found in any text.
"""
OF_THE_CONTRACT = (
    gettext_noop("two lines have the same id"),
    gettext_noop("a cue names line {line}; there are: {known}"),
    gettext_noop("a cue names part {part}; the {kind} has {known}"),
    gettext_noop("used twice as an id: {ids}"),
    gettext_noop("{count} characters are said, at most {most}: make it two"),
    gettext_noop("scene {scene} shows {asset}, which is no asset"),
    gettext_noop("maximum must be above minimum"),
    gettext_noop("a plot needs a curve or a point"),
    gettext_noop("two nodes have the same id"),
    gettext_noop("an edge names {end}, which is no node"),
    gettext_noop("row {number} has {count} cells, the header {wanted}"),
    gettext_noop("code has at most 28 lines of 100 characters"),
    gettext_noop("a {figure} has {least} to {most} vertices"),
    gettext_noop("a circle has a radius, and nothing else has"),
    gettext_noop("two shapes have the same id"),
    gettext_noop("choice {answer} is the answer, of {count}"),
    gettext_noop("longer than {most} characters"),
    gettext_noop("{text} is no expression over x, such as 2*sin(x)^2 + 1"),
    gettext_noop("nested too deeply"),
    gettext_noop("{what} is not known here: {known}"),
)
"""What :mod:`bloop_sdk.storyboard` finds, which speaks English alone."""
MOST = 20
"""Faults that are told at once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``message`` is marked, ``values`` fill ``%(name)s`` in it.

    ``line`` counts from 1, and 0 is none; ``part`` is where in that, such as ``visual.items``.
    """

    message: str
    values: Mapping[str, object] = field(default_factory=dict)
    line: int = 0
    part: str = ""

    def told(self, words: Words) -> str:
        """The fault in a language."""
        if self.values:
            said = words.gettext(self.message) % self.values
        else:
            said = words.translate(self.message)
        said = f"{self.part}: {said}" if self.part else said
        whole = words.gettext(gettext_noop("line %(number)s: %(why)s"))
        return whole % {"number": self.line, "why": said} if self.line else said

    def __str__(self) -> str:
        return self.told(words_of("bloop_studio", "en"))


def fault_of(found: Any, *, line: int = 0, part: str = "") -> Fault:
    """One of Pydantic's ``errors()``."""
    known, values = KNOWN.get(found["type"]), dict(found.get("ctx", {}))
    if known is None:
        return Fault(str(found["msg"]).removeprefix("Value error, "), line=line, part=part)
    if "expected" in values:
        values["expected"] = str(values["expected"]).replace(" or ", ", ")
    return Fault(known, values, line, part)


class FaultsError(MalformedRecordError):
    """What was written can't be read; ``faults`` say what is wrong and where."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


def sentences(error: BloopError | None, words: Words) -> list[str]:
    """What was refused, a sentence each."""
    if error is None:
        return []
    faults: Sequence[Fault] = getattr(error, "faults", ())
    return [one.told(words) for one in faults] or [words.translate(error.message)]
