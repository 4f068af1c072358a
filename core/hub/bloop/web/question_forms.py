"""A question as its form has it, and back: Markdown in the fields, HTML in the question.

A text whose field nobody touched stays as it is, to the letter: Markdown cannot say all of what
other systems put into their HTML.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from bloop.content.texts import html_of_markdown, markdown_of_html, text_of_html
from bloop.learning.quizzes.problems import CHOSEN
from bloop.learning.quizzes.questions import number_of
from bloop.store.errors import InvalidError
from bloop_sdk.web import Form

Fields = dict[str, str]

TEXTS = ("html", "feedback_html", "correct_html", "incorrect_html")
ROOM = {"choice": 4, "multiple": 4, "blank": 2, "numeric": 1, "matching": 4, "blanks": 4}
"""How many answers an empty form has room for."""
MORE = 3
MOST_ROWS = 500
WORTH = (100.0, 75.0, 50.0, 33.33, 25.0, 0.0, -25.0, -33.33, -50.0, -100.0)
"""Shares of the points, in per cent, that are offered for an answer."""
_TYPED = frozenset({"blank", "blanks"})
"""Kinds whose answers are compared as they are typed: nothing in them is Markdown."""
_PARAGRAPH = re.compile(r"<p>((?:(?!</?p>).)*)</p>\s*\Z", re.DOTALL)


def empty_question(kind: str, true: str, false: str) -> dict[str, Any]:
    """A question of a kind before anything is written; the words are those of a true/false one."""
    texts = (true, false) if kind == "true_false" else ()
    return {
        "id": "",
        "kind": kind,
        "title": "",
        "html": "",
        "points": 0.0 if kind == "text" else 1.0,
        "choices": [
            {**_choice(str(number)), "html": entities.escape(text), "weight": 100.0 * (number == 1)}
            for number, text in enumerate(texts, 1)
        ],
        "feedback_html": "",
        "correct_html": "",
        "incorrect_html": "",
        "case_sensitive": False,
        "raw_type": None,
    }


def _choice(id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "html": "",
        "weight": 0.0,
        "feedback_html": "",
        "group": None,
        "low": None,
        "high": None,
    }


# -- into the form


def fields_of(question: Mapping[str, Any]) -> Fields:
    """A question's fields by their names; those of the answer ``n`` begin with ``cN_``."""
    kind = question["kind"]
    found = {name: source_of(question[name]) for name in TEXTS}
    found["points"] = plain_number(question["points"])
    found["case_sensitive"] = "1" if question["case_sensitive"] else ""
    for n, one in enumerate(question["choices"], 1):
        typed = kind in _TYPED
        found |= {
            f"c{n}_id": one["id"],
            f"c{n}_text": text_of_html(one["html"]) if typed else source_of(one["html"]),
            f"c{n}_weight": plain_number(one["weight"]),
            f"c{n}_feedback": source_of(one["feedback_html"]),
            f"c{n}_group": _group_source(kind, one["group"]),
        }
        if kind == "numeric":
            found |= _number_fields(n, one)
        if kind == "true_false" and one["weight"] > 0:
            found["right"] = str(n)
    found["rows"] = str(max(len(question["choices"]), ROOM.get(kind, 0)))
    return found


def _group_source(kind: str, group: str | None) -> str:
    return source_of(group or "") if kind == "matching" else group or ""


def _number_fields(n: int, choice: Mapping[str, Any]) -> Fields:
    """A number and its tolerance; where only one end is bound, the ends are kept as they are."""
    low, high = choice["low"], choice["high"]
    if low is None and high is None:
        return {f"c{n}_text": text_of_html(choice["html"]), f"c{n}_tolerance": ""}
    if low is None or high is None:
        ends = {"low": low, "high": high}
        kept = {f"c{n}_{name}": "" if end is None else str(end) for name, end in ends.items()}
        return {**kept, f"c{n}_text": "", f"c{n}_tolerance": ""}
    ends_ = Decimal(str(low)), Decimal(str(high))
    middle, half = sum(ends_) / 2, (ends_[1] - ends_[0]) / 2
    return {
        f"c{n}_text": _decimal(Decimal(middle)),
        f"c{n}_tolerance": _decimal(half) if half else "",
    }


def source_of(html: str) -> str:
    """The Markdown of a text, as its field shows it."""
    return markdown_of_html(html) if html else ""


def plain_number(value: float | None) -> str:
    """A number as a field holds it."""
    return "" if value is None else f"{value:.10g}"


def _decimal(value: Decimal) -> str:
    return format(value.normalize(), "f")


def rows_of(form: Form | Mapping[str, str]) -> int:
    """How many answers the form has room for."""
    rows = _get(form, "rows")
    return min(int(rows), MOST_ROWS) if rows.isdecimal() and len(rows) < 5 else 0


# -- out of the form


def question_of(form: Form, before: Mapping[str, Any]) -> dict[str, Any]:
    """The question that the form says; raises InvalidError naming the field.

    ``before`` is what it was: its texts stay where their fields do.
    """
    kind = before["kind"]
    found = {**before, **{name: _text(form, name, before[name]) for name in TEXTS}}
    found["points"] = _points(form["points"])
    found["case_sensitive"] = bool(form["case_sensitive"])
    if kind in {"essay", "text"}:
        return found
    known = {one["id"]: one for one in before["choices"]}
    rows = [
        _row(form, n, kind, known.get(form[f"c{n}_id"]))
        for n in range(1, rows_of(form) + 1)
        if _is_written(form, n, kind)
    ]
    found["choices"] = rows
    return found


def _is_written(form: Form, n: int, kind: str) -> bool:
    """Whether a row says something: empty ones are left out, which is how one is deleted."""
    names = ["text", "low", "high"] + (["group"] if kind == "matching" else [])
    return any(form[f"c{n}_{name}"].strip() for name in names)


def _row(form: Form, n: int, kind: str, before: Mapping[str, Any] | None) -> dict[str, Any]:
    found = dict(before or _choice(""))
    found["feedback_html"] = _text(form, f"c{n}_feedback", found["feedback_html"])
    text = form[f"c{n}_text"].replace("\r\n", "\n").strip()
    found["weight"] = _weight(form, n, kind)
    if kind == "numeric":
        said = {f"c{n}_text": text, f"c{n}_tolerance": form[f"c{n}_tolerance"].strip()}
        same = before is not None and said.items() <= _number_fields(n, before).items()
        return found if same else {**found, **_bounds(form, n, text)}
    if kind in _TYPED:
        same = text == text_of_html(found["html"])
        found["html"] = found["html"] if same else entities.escape(text, quote=False)
    else:
        found["html"] = _html(text, found["html"])
    group = form[f"c{n}_group"].strip()
    if kind == "matching":
        found["group"] = _html(group, found["group"] or "") or None
        found["weight"] = 100.0 if found["group"] else 0.0
    elif kind == "blanks":
        found["group"] = group or None  # A name, and no HTML.
    return found


def _weight(form: Form, n: int, kind: str) -> float:
    if kind == "true_false":
        return 100.0 if form["right"] == str(n) else 0.0
    text = form[f"c{n}_weight"] or ("0" if kind in CHOSEN else "100")
    try:
        weight = number_of(text)
    except InvalidError as err:
        raise _wrong(f"answer {n}: {text[:40]!r} is no share", f"c{n}_weight") from err
    if not -100 <= weight <= 100:
        raise _wrong(f"answer {n}: a share is from -100 to 100 per cent", f"c{n}_weight")
    return weight


def _bounds(form: Form, n: int, text: str) -> dict[str, Any]:
    """What bounds a number: it and its tolerance, or the one end that it came with."""
    if not text:
        ends = {name: form[f"c{n}_{name}"] for name in ("low", "high")}
        return {name: _number(end, n, "text") if end else None for name, end in ends.items()}
    number, tolerance = _exact(text, n, "text"), form[f"c{n}_tolerance"].strip()
    off = abs(_exact(tolerance, n, "tolerance")) if tolerance else Decimal(0)
    bounds = {"low": float(number - off), "high": float(number + off)}
    return {"html": entities.escape(text), **bounds}


def _exact(text: str, n: int, name: str) -> Decimal:
    """A number without the last bit of a float: 0.3 less 0.1 is 0.2."""
    try:
        return Decimal(repr(_number(text, n, name)))
    except InvalidOperation as err:
        raise _wrong(f"answer {n}: {text[:40]!r} is no number", f"c{n}_{name}") from err


def _number(text: str, n: int, name: str) -> float:
    try:
        return number_of(text)
    except InvalidError as err:
        message = err.message.removeprefix("answer: ")
        raise _wrong(f"answer {n}: {message}", f"c{n}_{name}", err.cure) from err


def _points(text: str) -> float:
    try:
        points = number_of(text) if text.strip() else 0.0
    except InvalidError as err:
        raise _wrong(f"points: {text[:40]!r} is no number", "points", "a number like 1") from err
    if points < 0:
        raise _wrong("points: fewer than none", "points", "a number from 0 on")
    return points


def _text(form: Form, name: str, before: str) -> str:
    return _html(form[name].replace("\r\n", "\n").strip(), before)


def _html(source: str, before: str) -> str:
    """The HTML of Markdown; what it was, where that has this very source."""
    if source == source_of(before):
        return before
    html = html_of_markdown(source).strip()
    one = _PARAGRAPH.match(html)
    # A paragraph alone is a few words, as other systems write their answers.
    return one[1] if one else html


def _wrong(what: str, field: str, cure: str | None = None) -> InvalidError:
    return InvalidError(what, field=field, cure=cure)


def _get(form: Form | Mapping[str, str], name: str) -> str:
    return form[name] if isinstance(form, Form) else form.get(name, "")


def worths(fields: Mapping[str, str], rows: Sequence[int]) -> dict[int, list[str]]:
    """For each row the shares that it is offered, its own among them."""
    offered = [plain_number(one) for one in WORTH]
    found = {}
    for n in rows:
        own = fields.get(f"c{n}_weight", "")
        found[n] = offered if not own or own in offered else [own, *offered]
    return found
