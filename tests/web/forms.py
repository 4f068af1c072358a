"""The forms of pages, as a browser finds them, and what it would send of each.

Everything here is found in the HTML that a page answered with: a page that gets a form has it
tried by tests/web/test_every_form.py without a line more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from lxml import html

Pairs = list[tuple[str, str]]
TYPED = frozenset({"text", "search", "email", "url", "textarea", "tel"})
"""The kinds of fields that people write words into."""
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@dataclass(frozen=True)
class Field:
    """A field of a form; ``choices`` are the values that one may take, where it says so."""

    name: str
    kind: str
    value: str
    choices: tuple[str, ...] = ()
    on: bool = True


@dataclass(frozen=True)
class FoundForm:
    """A form of a page, with ``button`` the name and value of what it was sent by."""

    page: str
    role: str | None
    method: str
    action: str
    enctype: str
    fields: tuple[Field, ...]

    @property
    def label(self) -> str:
        """How a test names it."""
        return f"{self.page}: {self.method} {self.action.partition('?')[0]}"

    def filled(self) -> Pairs:
        """What a browser sends of the form as it stands."""
        return [(one.name, one.value) for one in self.fields if one.on]

    def with_(self, change: dict[str, str]) -> Pairs:
        """The same with other values for some names."""
        kept = [(name, change.get(name, value)) for name, value in self.filled()]
        missing = change.keys() - {name for name, _ in kept}
        return kept + [(name, change[name]) for name in sorted(missing)]

    @property
    def asks(self) -> bool:
        """Whether it takes more than a press of its button."""
        return any(one.name != "csrf" for one in self.fields)

    def typed(self) -> tuple[Field, ...]:
        """The fields that take words."""
        return tuple(one for one in self.fields if one.kind in TYPED)

    def secrets(self) -> tuple[Field, ...]:
        """The fields whose letters a browser hides."""
        return tuple(one for one in self.fields if one.kind == "password")

    @property
    def csrf(self) -> str:
        """What shows that the form is the session's own; empty where it has none."""
        query = dict(parse_qsl(urlsplit(self.action).query))
        return next((one.value for one in self.fields if one.name == "csrf"), query.get("csrf", ""))


def encoded(pairs: Pairs) -> str:
    """A body as a browser encodes it."""
    return urlencode(pairs, errors="surrogatepass")


def forms_of(page: str, role: str | None, path: str, text: str) -> Iterator[FoundForm]:
    """Every form of a page that was asked for at ``path``."""
    for form in html.document_fromstring(text).iter("form"):
        yield FoundForm(
            page,
            role,
            form.get("method", "get").upper(),
            form.get("action") or path,
            form.get("enctype", "application/x-www-form-urlencoded"),
            tuple(_fields(form)),
        )


def _fields(form: html.HtmlElement) -> Iterator[Field]:
    buttons = 0
    for element in form.iter("input", "textarea", "select", "button"):
        name, kind = element.get("name", ""), _kind(element)
        if kind in {"submit", "image"}:
            buttons += 1
        if not name or element.get("disabled") is not None:
            continue
        if kind == "select":
            yield from _select(element, name)
        elif kind == "textarea":
            yield Field(name, kind, (element.text or "").removeprefix("\n"))
        else:
            on = kind not in {"checkbox", "radio"} or element.get("checked") is not None
            # A form is sent by one button; the first, unless one says otherwise.
            on = buttons == 1 if kind in {"submit", "image"} else on
            default = "on" if kind in {"checkbox", "radio"} else ""
            value = element.get("value", default)
            choices = (value,) if kind in {"checkbox", "radio", "submit"} else ()
            yield Field(name, kind, value, choices, on)


def _kind(element: html.HtmlElement) -> str:
    if element.tag == "button":
        return str(element.get("type", "submit"))
    return str(element.get("type", "text") if element.tag == "input" else element.tag).lower()


def _select(element: html.HtmlElement, name: str) -> Iterator[Field]:
    options = list(element.iter("option"))
    values = tuple(one.get("value", one.text_content().strip()) for one in options)
    chosen = [v for v, one in zip(values, options, strict=True) if one.get("selected") is not None]
    if element.get("multiple") is None and values:
        chosen = chosen[-1:] or [values[0]]
    for value in chosen or [""]:
        yield Field(name, "select", value, values, bool(chosen))


def distinct(forms: Iterable[FoundForm]) -> list[FoundForm]:
    """Each form once: to the same place, whatever its ids, with the same fields."""
    found: dict[tuple[object, ...], FoundForm] = {}
    for form in forms:
        names = frozenset(re.sub(_ID, "", one.name) for one in form.fields)
        place = re.sub(_ID, "", re.split("[?#]", form.action)[0])
        found.setdefault((form.method, place, names), form)
    return list(found.values())
