"""What the pages of a quiz show: an attempt in words, a question's form, and what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from gettext import NullTranslations
from typing import Any

from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape
from starlette.requests import Request

from bloop.accounts.access import call_of
from bloop.accounts.actions import may
from bloop.content.texts import text_of_html
from bloop.learning.quizzes.questions import Manner
from bloop.learning.quizzes.routes import own_attempts
from bloop.learning.shares import reaches, whole_percent
from bloop.store.statements import moment
from bloop.store.types import utcnow
from bloop.web.lessons import Shown
from bloop.web.mathml import with_mathml
from bloop.web.moments import in_full
from bloop.web.render import locale_of, translations_of
from bloop_sdk import PrincipalKind
from bloop_sdk.web import Form

MOST_SHOWN = 20
LINE = 120
"""Characters of a question in a list."""
MOST_FORMULAS = 200
"""So many of a page are typeset; a thousand questions may hold more than is quickly done."""
_LONGER = 300
"""So much further a line goes on to the end of a formula."""
_NEVER = frozenset({"text", "opaque", "formula", "upload"})
_RICH = re.compile(r"<(?!/?(?:p|br|div|span)\b)", re.IGNORECASE)
"""What words alone don't say: it stands in a frame (``docs/decisions/0024-frames.md``)."""


async def taking(request: Request, lesson: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the page of a quiz says of taking it; None where it can't be taken here."""
    data = lesson["data"]
    if data.get("restricted"):
        return {"restricted": True, "login": False, "attempts": []}
    # Whether a learner's data can be asked only the start knows: it has no answers.
    asked = [one for one in data.get("questions", ()) if one["kind"] not in _NEVER]
    if data.get("bank") or not asked:
        return None
    if call_of(request).principal.kind is not PrincipalKind.USER:
        return {"restricted": False, "login": True, "attempts": []}
    if not may(call_of(request), "account:write"):
        return None
    locale = locale_of(request)
    attempts = await own_attempts(request, lesson["id"], MOST_SHOWN)
    now, most = utcnow(), data.get("attempts")
    shown = [head(one, locale, now) for one in attempts]
    open_ = next((one for one in shown if not one["over"]), None)
    taken = attempts[0]["number"] if attempts else 0
    left = None if most is None else max(0, most - taken)
    found = {"restricted": False, "login": False, "attempts": shown}
    return found | {"open": open_, "left": left}


def head(row: Mapping[str, Any], locale: str, now: Any) -> dict[str, Any]:
    """An attempt in a list, in words."""
    over = row["status"] != "open" or (row["ends_at"] is not None and now >= moment(row["ends_at"]))
    return {
        "id": row["id"],
        "number": row["number"],
        "over": over,
        "share": percent(row["score"], locale),
        "when": _full(row["finished_at"] or row["started_at"], locale),
    }


def _full(when: Any, locale: str) -> str:
    return in_full(moment(when).astimezone(UTC).isoformat(), locale)


def percent(share: float, locale: str) -> str:
    """A share from 0 to 1 in per cent."""
    return format_percent(whole_percent(share) / 100, locale=locale)


@dataclass
class Formulas:
    """How many formulas of a page are typeset yet."""

    left: int = MOST_FORMULAS

    def line(self, words: str, most: int = 0) -> Line:
        """Plain words in a line; those longer than ``most`` characters end in an ellipsis."""
        return Line(self, words, most)


@dataclass(frozen=True, slots=True)
class Line:
    """Words whose formulas become MathML where, and only where, a template shows them.

    Those that are beyond what a page typesets stay as they were written.
    """

    formulas: Formulas
    words: str
    most: int

    def __bool__(self) -> bool:
        return bool(self.words)

    def __html__(self) -> Markup:
        text, most = self.words, self.most
        if most and len(text) > most:
            text = _shortened(text, most)
        count = text.count("\\(") + text.count("\\[")
        html = escape(text)
        if not count or count > self.formulas.left:
            return html
        self.formulas.left -= count
        # It stays in the line, whatever it was in the text.
        inline = str(html).replace("\\[", "\\(").replace("\\]", "\\)")
        return Markup(with_mathml(inline))  # noqa: S704  # nosec B704 - escaped, and MathML


def _shortened(words: str, most: int) -> str:
    """The begin of a text, never half a formula."""
    cut = words[:most]
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]")):
        at = cut.rfind(opening)
        if at > cut.rfind(closing):
            end = words.find(closing, at)
            whole = words[: end + 2] if 0 <= end < most + _LONGER else words[:at]
            return whole if whole == words else f"{whole.rstrip()} …"
    return f"{cut.rpartition(' ')[0] or cut}…"


class Words:
    """The words around an attempt, in one language."""

    def __init__(self, request: Request) -> None:
        self.locale = locale_of(request)
        self._translations: NullTranslations = translations_of(self.locale)
        self._formulas = Formulas()

    def attempt(self, attempt: Mapping[str, Any]) -> dict[str, Any]:
        """An attempt as its page has it; its questions as :meth:`question`."""
        questions = [self.question(one) for one in attempt["questions"]]
        asked = [one for one in questions if one["manner"] != Manner.LEFT_OUT]
        return {
            **attempt,
            "questions": questions,
            "share": percent(attempt["score"], self.locale),
            "passed": reaches(attempt["score"], attempt["pass_mark"] or 0.0),
            "pass_share": percent(attempt["pass_mark"] or 0.0, self.locale),
            "points_reached": self.number(attempt["score"] * attempt["points"]),
            "points_all": self.number(attempt["points"]),
            "done": sum(one["answered"] is not None for one in asked),
            "all": len(asked),
            "waiting": sum(
                bool(one["answered"]) and one["answered"]["score"] is None for one in asked
            ),
            "ends": _full(attempt["ends_at"], self.locale) if attempt["ends_at"] else "",
        }

    def question(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """A question with its words; ``rich`` where a frame shows it as it is.

        ``asked`` are the words with their formulas, ``line`` the begin of that for a list.
        """
        options = question["choices"] + question["rights"]
        options = options + [one for blank in question["blanks"] for one in blank["choices"]]
        texts = [question["html"], *(one["html"] for one in [*options, *question["lefts"]])]
        answered, words = question["answered"], words_of(question["html"])
        return {
            **question,
            "words": words,
            "line": self._formulas.line(words, LINE),
            "asked": self._formulas.line(words),
            "rich": any(map(is_rich, texts)),
            "choices": [self._option(one, n) for n, one in enumerate(question["choices"], 1)],
            "lefts": [self._option(one, n) for n, one in enumerate(question["lefts"], 1)],
            "rights": [_option(one, n) for n, one in enumerate(question["rights"], 1)],
            "blanks": [
                {**blank, "choices": [_option(one, n) for n, one in enumerate(blank["choices"], 1)]}
                for blank in question["blanks"]
            ],
            "worth_words": self.number(question["worth"]),
            "answered": answered and self._answered(question, answered),
        }

    def _option(self, one: Mapping[str, Any], number: int) -> dict[str, Any]:
        found = _option(one, number)
        return found | {"shown": self._formulas.line(found["words"])}

    def line(self, words: str, most: int = 0) -> Line:
        """Words in a line, with their formulas."""
        return self._formulas.line(words, most)

    def _answered(self, question: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
        told = [*one["feedback"], one["comment"], *(right["html"] for right in one["right"])]
        return {
            **one,
            "given": [self.line(words) for words in given_words(question, one["response"])],
            "reached": self.number((one["score"] or 0.0) * question["worth"]),
            "rich": one.get("framed", True) and any(map(is_rich, told)),
            "said": [self.line(words_of(html)) for html in one["feedback"]],
            "comment_words": self.line(words_of(one["comment"])),
            "right": [
                {"of": self.line(words_of(r["of"])), "words": self.line(words_of(r["html"]))}
                for r in one["right"]
            ],
        }

    def percent(self, share: float) -> str:
        """A share from 0 to 1 in per cent."""
        return percent(share, self.locale)

    def number(self, value: float) -> str:
        """A number of points."""
        return format_decimal(round(value, 2), locale=self.locale)


def is_rich(html: str) -> bool:
    """Whether words alone would not say what this HTML does."""
    return bool(_RICH.search(html))


def words_of(html: str) -> str:
    """The words of HTML in one line."""
    return " ".join(text_of_html(html).split())


def letter_of(number: int) -> str:
    """A, B, C for the first choices; numbers where letters are used up."""
    return chr(64 + number) if number <= 26 else str(number)


def _option(one: Mapping[str, Any], number: int) -> dict[str, Any]:
    return {**one, "letter": letter_of(number), "words": words_of(one["html"])}


def given_words(question: Mapping[str, Any], response: Any) -> list[str]:
    """What somebody answered, in words, a line each."""

    def named(options: list[Any], id_: str) -> str:
        for number, one in enumerate(options, 1):
            if one["id"] == id_:
                return words_of(one["html"]) or letter_of(number)
        return id_

    if isinstance(response, list):
        return [named(question["choices"], one) for one in response]
    if isinstance(response, str):
        return [named(question["choices"], response)]
    menus = {one["name"]: one["choices"] for one in question["blanks"]}
    if menus:
        return [f"{words_of(name)}: {named(menus[name], id_)}" for name, id_ in response.items()]
    return [
        f"{named(question['lefts'], left)}: {named(question['rights'], right)}"
        for left, right in response.items()
    ]


def response_of(question: Mapping[str, Any], form: Form) -> Any:
    """What a question's form says, as :mod:`bloop.learning.quizzes.responses` takes it.

    Its fields are ``answer``, or ``a1``, ``a2`` and so on for the choices, blanks or left sides.
    """
    kind = question["kind"]
    if kind == "multiple":
        return [one["id"] for n, one in enumerate(question["choices"], 1) if form[f"a{n}"]]
    if kind == "blanks":
        return {one["name"]: form[f"a{n}"] for n, one in enumerate(question["blanks"], 1)}
    if kind == "matching":
        return {one["id"]: form[f"a{n}"] for n, one in enumerate(question["lefts"], 1)}
    return form["answer"].replace("\r\n", "\n")


def question_html(question: Mapping[str, Any], shown: Shown) -> Markup:
    """A question with the letters of its choices, for its frame."""
    lists = [question["choices"], question["lefts"], question["rights"]]
    lists += [one["choices"] for one in question["blanks"]]
    parts = [shown(question["html"])]
    for options in lists:
        if options:
            items = Markup("").join(
                Markup("<li>{} </li>").format(shown(one["html"])) for one in options
            )
            parts.append(Markup('<ol type="A">{}</ol>').format(items))
    return Markup("").join(parts)


def feedback_html(answered: Mapping[str, Any], shown: Shown) -> Markup:
    """What is said to an answer, and what was right, for their frame."""
    parts = [shown(html) for html in [*answered["feedback"], answered["comment"]] if html]
    for one in answered["right"]:
        of = Markup("{}: ").format(escape(words_of(one["of"]))) if one["of"] else Markup("")
        parts.append(Markup("<div>{}{}</div>").format(of, shown(one["html"])))
    return Markup("").join(parts)
