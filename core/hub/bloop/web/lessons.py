"""What a lesson's page says besides its text: facts in words, questions, rubrics, files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from gettext import NullTranslations
from typing import Any
from urllib.parse import quote, urlsplit

from markupsafe import Markup

from bloop.store.types import utcnow
from bloop.web import amounts
from bloop.web.moments import in_full
from bloop_sdk.words import listed

_ONE = frozenset({"choice", "true_false"})
_ANSWERS_TYPED = frozenset({"blank", "numeric", "formula"})


Shown = Callable[[str], Markup]
"""Makes HTML that people wrote ready for the frame it is shown in."""


class Words:
    """The words around a lesson, in one language."""

    def __init__(self, locale: str, translations: NullTranslations) -> None:
        self._locale = locale
        self._ = translations.gettext
        self.ngettext = translations.ngettext

    def facts(self, kind: str, data: Mapping[str, Any]) -> list[str]:
        """Points, dates and counts, each as a few words."""
        _, ngettext = self._, self.ngettext
        words = []
        if data.get("points"):
            words.append(self.points(data["points"]))
        asked = [one for one in data.get("questions", ()) if one["kind"] != "text"]
        if kind == "quiz" and asked:
            text = ngettext("{count} question", "{count} questions", len(asked))
            words.append(text.format(count=len(asked)))
        if data.get("time_limit"):
            minutes = data["time_limit"]
            text = ngettext("{minutes} minute", "{minutes} minutes", _plural(minutes))
            words.append(text.format(minutes=self._number(minutes)))
        if data.get("attempts"):
            text = ngettext("{count} attempt", "{count} attempts", data["attempts"])
            words.append(text.format(count=data["attempts"]))
        for key, text in (
            ("opens_at", _("opens {date}")),
            ("due_at", _("due {date}")),
            ("closes_at", _("closes {date}")),
        ):
            if data.get(key):
                words.append(text.format(date=in_full(data[key], self._locale)))
        return words

    def shown_later(self, data: Mapping[str, Any]) -> str:
        """From when on learners see a text that they do not see yet, or nothing."""
        since = data.get("shown_from")
        if since is None or datetime.fromisoformat(since) <= utcnow():
            return ""
        text = self._("Learners see its text from {date} on.")
        return text.format(date=in_full(since, self._locale))

    def points(self, points: float) -> str:
        """A number of points."""
        text = self.ngettext("{points} point", "{points} points", _plural(points))
        return text.format(points=self._number(points))

    def handed_in(self, data: Mapping[str, Any]) -> str:
        """How an assignment is handed in, or nothing."""
        _ = self._
        names = {
            "text": _("a text"),
            "file": _("a file"),
            "url": _("a link"),
            "external": _("in another system"),
        }
        found = [names[one] for one in data.get("submission_types", ()) if one in names]
        return _("Hand in: {ways}").format(ways=listed(found, self._locale)) if found else ""

    def rubric(self, data: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of an assignment's rubric."""
        return [
            {
                "title": row["title"],
                "description": row["description"],
                "points": self.points(row["points"]),
                "ratings": [
                    {**rating, "points": self.points(rating["points"])} for rating in row["ratings"]
                ],
            }
            for row in data.get("rubric", ())
        ]

    def file(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """A file's name, size and type in words, and how a browser shows it."""
        media_type = (data.get("media_type") or "").split(";")[0]
        family = media_type.partition("/")[0]
        known = family in {"image", "audio", "video"}
        size = data.get("size")
        return {
            "name": data.get("name") or "",
            "shown_as": family if known else "pdf" if media_type == "application/pdf" else "",
            "size": "" if size is None else self._size(size),
            "media_type": media_type,
        }

    def questions(self, data: Mapping[str, Any], shown: Shown) -> list[dict[str, Any]]:
        """The questions as the template wants them; right answers are marked where known."""
        numbered: list[dict[str, Any]] = []
        number = 0
        for question in data.get("questions", ()):
            number += question["kind"] != "text"
            numbered.append(self._question(question, shown, number))
        return numbered

    def _question(self, question: Mapping[str, Any], shown: Shown, number: int) -> dict[str, Any]:
        kind = question["kind"]
        return {
            "kind": kind,
            "number": None if kind == "text" else number,
            "html": shown(question["html"]),
            "points": self.points(question["points"]) if question.get("points") else "",
            "kind_name": self.kind_names().get(kind, self._("Question")),
            **_answers(question, shown),
        }

    def kind_names(self) -> dict[str, str]:
        """What is asked for by each kind of question."""
        _ = self._
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

    def _number(self, value: float) -> str:
        return amounts.number(value, self._locale)

    def _size(self, size: int) -> str:
        return amounts.size(size, self._locale)


def _answers(question: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    """What there is to choose, to match or to fill in; educators' data says what is right."""
    kind = question["kind"]
    choices = question.get("choices", ())
    found: dict[str, Any] = {"choices": [], "accepted": [], "pairs": [], "pool": [], "blanks": []}
    if kind in _ANSWERS_TYPED:
        # A formula's variables stand among them, with their bounds and no weight.
        found["accepted"] = [_accepted(one, shown) for one in choices if one.get("weight", 0) > 0]
    elif kind == "matching":
        groups = question.get("groups")
        if groups is None:
            found["pairs"] = [
                (choice["group"], _choice(choice, shown)["html"])
                for choice in choices
                if choice.get("weight", 0) > 0 and choice.get("group")
            ]
        else:
            found["pairs"] = [(group, None) for group in groups]
            found["pool"] = [_choice(choice, shown)["html"] for choice in choices]
    elif kind == "blanks":
        groups = question.get("groups")
        if groups is None:
            groups = dict.fromkeys(choice["group"] for choice in choices if choice["group"])
        found["blanks"] = [
            (group, [_choice(one, shown) for one in choices if one.get("group") == group])
            for group in groups
        ]
    else:
        found["choices"] = [_choice(choice, shown) for choice in choices]
    found["box"] = "one" if kind in _ONE else "many"
    return found


def _choice(choice: Mapping[str, Any], shown: Shown) -> dict[str, Any]:
    return {"html": shown(choice["html"]), "right": choice.get("weight", 0) > 0}


def _accepted(choice: Mapping[str, Any], shown: Shown) -> Markup:
    """An answer that counts as right: a text, or the bounds of a number."""
    low, high = choice.get("low"), choice.get("high")
    if low is None or high is None:
        return shown(choice["html"])
    return Markup("{}").format(f"{low:g}" if low == high else f"{low:g} – {high:g}")


def web_address(url: str) -> str | None:
    """An address that a page may link to; None for what is none of the web, like a script."""
    return url if urlsplit(url).scheme in {"http", "https"} else None


def attachments(data: Mapping[str, Any], container: str) -> list[dict[str, str]]:
    """The files of a discussion: name and address."""
    found = []
    for ref in data.get("attachments", ()):
        remote_id = ref["remote_id"] if isinstance(ref, Mapping) else str(ref)
        address = f"/files/{container}/{quote(remote_id, safe='/~')}"
        found.append({"name": remote_id.rpartition("/")[2], "href": address})
    return found


def _plural(amount: float) -> int:
    """The number that decides the form of a noun; halves take the plural."""
    return int(amount) if amount == int(amount) else 2
