"""What a lesson's page says besides its text: facts in words, and the questions of a quiz."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from markupsafe import Markup

from bloop.content.links import resolve_html
from bloop.web.mathml import with_mathml
from bloop.web.render import Gettext

_BULLETED = frozenset({"choice", "multiple", "true_false"})


def readable(html: str, container: str) -> Markup:
    """Sanitised HTML with its links resolved and its formulas as MathML."""
    return Markup(with_mathml(resolve_html(html, container)))  # noqa: S704 - nh3 sanitised it


def facts(kind: str, data: Mapping[str, Any], locale: str, _: Gettext) -> list[str]:
    """Points, dates and counts, each as a few words."""
    words = []
    if data.get("points"):
        words.append(_("{points} points").format(points=f"{data['points']:g}"))
    if kind == "quiz" and data.get("questions"):
        words.append(_("{count} questions").format(count=len(data["questions"])))
    if data.get("time_limit"):
        words.append(_("{minutes} minutes").format(minutes=f"{data['time_limit']:g}"))
    if data.get("due_at"):
        words.append(_("due {date}").format(date=_date(data["due_at"], locale)))
    return words


def _date(moment: str, locale: str) -> str:
    from babel.dates import format_datetime

    when = datetime.fromisoformat(moment)
    text: str = format_datetime(when, "d MMMM y, HH:mm 'UTC'", locale=locale)
    return text


def questions(data: Mapping[str, Any], container: str, _: Gettext) -> list[dict[str, Any]]:
    """The questions as the template wants them; right answers are marked where known."""
    return [_question(question, container, _) for question in data.get("questions", ())]


def _question(question: Mapping[str, Any], container: str, _: Gettext) -> dict[str, Any]:
    kind = question["kind"]
    return {
        "html": readable(question["html"], container),
        "points": f"{question['points']:g}" if question.get("points") else "",
        "kind_name": _kind_names(_).get(kind, _("Question")),
        "choices": [
            {
                "html": readable(choice["html"], container),
                "mark": choice.get("group") or (chr(65 + index) if index < 26 else "·"),
                "right": choice.get("weight", 0) > 0 and kind in _BULLETED,
            }
            for index, choice in enumerate(question.get("choices", ()))
        ],
    }


def _kind_names(_: Gettext) -> dict[str, str]:
    return {
        "choice": _("Choose one"),
        "multiple": _("Choose all that apply"),
        "true_false": _("True or false"),
        "blank": _("Fill in the blank"),
        "blanks": _("Fill in the blanks"),
        "matching": _("Match"),
        "numeric": _("Give a number"),
        "formula": _("Calculate"),
        "essay": _("Write an answer"),
        "upload": _("Hand in a file"),
        "text": _("To read"),
    }
