"""Response processing of a QTI item: which answer gives how much, and which feedback it shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml.etree import _Element as Element

from bloop_cartridge.canvas import number
from bloop_cartridge.xmlsafe import child, children, descendants, local

_COMPARISONS = ("varequal", "varsubset", "varsubstring", "varinside")
COMMON_FEEDBACK = frozenset({"general_fb", "correct_fb", "general_incorrect_fb", "incorrect_fb"})
_BOUNDS = {"vargte": "low", "vargt": "low", "varlte": "high", "varlt": "high"}


@dataclass(slots=True)
class NumberAnswer:
    """One accepted number: its text, its bounds and its weight."""

    text: str = ""
    low: float | None = None
    high: float | None = None
    weight: float = 0.0
    feedback: str = ""


@dataclass(slots=True)
class Scores:
    """What an item's conditions say.

    ``weights`` and ``feedback`` are by (response, value); weights are per cent of the points.
    ``told_right`` says that a condition which gives points has been read.
    """

    weights: dict[tuple[str, str], float] = field(default_factory=dict)
    feedback: dict[tuple[str, str], str] = field(default_factory=dict)
    numbers: list[NumberAnswer] = field(default_factory=list)
    shown_when_right: set[str] = field(default_factory=set)
    shown_when_wrong: set[str] = field(default_factory=set)
    case_sensitive: bool = False
    told_right: bool = False


def read_scores(item: Element) -> Scores:
    """The scores of all conditions of an item."""
    scores = Scores()
    multiple = any(
        found.get("rcardinality", "").lower() == "multiple"
        for found in descendants(item, "response_lid")
    )
    for processing in children(item, "resprocessing"):
        full = _full_score(processing) or _best_score(processing, multiple=multiple)
        for condition in children(processing, "respcondition"):
            _read_condition(scores, condition, full, multiple=multiple)
    return scores


def _full_score(processing: Element) -> float | None:
    """What counts as all points: ``maxvalue`` of the score's declaration, if it says so."""
    for declared in descendants(processing, "decvar"):
        found = number(declared.get("maxvalue", ""))
        if found and found > 0 and declared.get("varname", "SCORE").upper() == "SCORE":
            return found
    return None


def _best_score(processing: Element, *, multiple: bool) -> float:
    """The most that the conditions give, where nothing else says what all points are."""
    best = 0.0
    added: dict[str, list[float]] = {}
    for condition in children(processing, "respcondition"):
        setting, tests = child(condition, "setvar"), child(condition, "conditionvar")
        value = _value(setting)
        if value is None or value <= 0:
            continue
        best = max(best, value)
        if setting is not None and setting.get("action", "Set").lower() == "add":
            about = next(iter(_wanted(tests)), None) if tests is not None else None
            response = "" if about is None else about.get("respident", "")
            added.setdefault(response, []).append(value)
    total = sum(sum(values) if multiple else max(values) for values in added.values())
    return max(best, total) or 100.0


def _value(setting: Element | None) -> float | None:
    return None if setting is None else number("".join(setting.itertext()).strip())


def _read_condition(scores: Scores, condition: Element, full: float, *, multiple: bool) -> None:
    tests = child(condition, "conditionvar")
    setting = child(condition, "setvar")
    value = _value(setting)
    links = [found.get("linkrefid", "") for found in children(condition, "displayfeedback")]
    own = next((name for name in links if name not in COMMON_FEEDBACK), "")
    wanted = [] if tests is None else _wanted(tests)
    weight = None if value is None else _per_cent(value, full)
    if weight is not None and weight > 0:
        scores.shown_when_right.update(links)
        scores.told_right = True
    elif tests is not None and _means_wrong(scores, tests, wanted, weight):
        scores.shown_when_wrong.update(links)
    if tests is not None and weight is not None:
        _read_numbers(scores, tests, weight, own)
    # "All of these and none of those" gives the points once: each has its share.
    together = multiple and weight is not None and len(wanted) > 1 and not _any_of(tests)
    for element in wanted:
        key = (element.get("respident", ""), "".join(element.itertext()).strip())
        if element.get("case", "").lower() == "yes":
            scores.case_sensitive = True
        if weight is not None:
            _add(scores, key, weight / len(wanted) if together else weight, setting)
        if len(wanted) == 1 and own:
            scores.feedback.setdefault(key, own)


def _per_cent(value: float, full: float) -> float:
    share = value if full == 100.0 else value / full * 100
    return max(-100.0, min(100.0, share))


def _add(scores: Scores, key: tuple[str, str], weight: float, setting: Element | None) -> None:
    adds = setting is not None and setting.get("action", "Set").lower() == "add"
    before = scores.weights.get(key)
    if before is None:
        scores.weights[key] = weight
    elif adds:
        scores.weights[key] = max(-100.0, min(100.0, before + weight))
    else:
        scores.weights[key] = max(before, weight)


def _wanted(tests: Element) -> list[Element]:
    """The comparisons that must hold, those below a ``not`` left out."""
    found: list[Element] = []
    for element in descendants(tests, *_COMPARISONS):
        above = element.getparent()
        while above is not None and above is not tests and local(above) != "not":
            above = above.getparent()
        if above is tests:
            found.append(element)
    return found


def _means_wrong(
    scores: Scores, tests: Element, wanted: list[Element], weight: float | None
) -> bool:
    """Whether a condition without points holds for wrong answers and for no single one of them.

    "Anything else" does once the right answer has been dealt with; before, it means any answer.
    """
    if wanted:
        return len(wanted) > 1 and weight is not None
    if next(descendants(tests, "not"), None) is not None:
        return True
    return weight is not None or scores.told_right


def _any_of(tests: Element | None) -> bool:
    return tests is not None and any(True for _ in descendants(tests, "or"))


def _read_numbers(scores: Scores, tests: Element, weight: float, feedback: str) -> None:
    """Each accepted number of a condition, for numeric questions."""
    bounds = NumberAnswer(weight=weight, feedback=feedback)
    exact: list[tuple[str, float]] = []
    for element in tests.iter("{*}*"):
        text = "".join(element.itertext()).strip()
        name = local(element)
        if name == "varequal" and (value := number(text)) is not None:
            exact.append((text, value))
        elif name in _BOUNDS:
            setattr(bounds, _BOUNDS[name], number(text))
    if bounds.low is not None or bounds.high is not None:
        bounds.text = exact[0][0] if exact else ""
        scores.numbers.append(bounds)
        return
    scores.numbers += [
        NumberAnswer(text, value, value, weight, bounds.feedback) for text, value in exact
    ]
