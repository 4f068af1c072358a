"""What is sent in place of what a form asks for: nothing, too much, the wrong kind, and malice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.web.forms import Field, FoundForm, Pairs, encoded

MARK = "zqmark"
SCRIPT = f"<script>{MARK}()</script>\"'><b onclick={MARK}>'); DROP TABLE account_user; --"
LINES = f"{MARK}\r\nset-cookie: {MARK}=1\r\n\r\n<b>{MARK}</b> \u202egpj.exe \u2066\u200b\ufeff"
NUL = f"{MARK}\x00\x08{MARK}\ud800\udfff"
"""With half of a surrogate pair, which no text in UTF-8 has."""
HUGE, LONG = 1024 * 1024, 300 * 1024
MANY_FIELDS = "&f=x" * 10_000
OURS = {"sec-fetch-site": "same-origin"}
ELSEWHERE = "01900000-0000-7000-8000-000000000000"
NO_NUMBERS = ("ten", "-1", "1e400", "9" * 30, "٣", "nan")
NO_DATES = ("2026-02-31", "yesterday", "99999-01-01", "0", "-1", "nan")


@dataclass(frozen=True)
class Attack:
    """A body for a form: its name, and the headers that go with it; ``typed`` are words
    that come back where they are not taken."""

    name: str
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    typed: str = ""


def attacks(form: FoundForm) -> Iterator[Attack]:
    """Everything that a form is tried with, its token in place."""
    token = {"x-csrf-token": form.csrf}
    yield Attack("nothing", '{"csrf": [1]}', token | {"content-type": "application/json"})
    if form.role is not None and any(one.name == "csrf" for one in form.fields):
        wrong = form.with_({one.name: LINES for one in form.typed()} | {"csrf": "0" * 64})
        yield Attack("wrong token", encoded(wrong), OURS, typed=LINES if _areas(form) else "")
    if not form.asks:
        yield Attack("other", encoded([*form.filled(), ("other", SCRIPT)]))
        return
    yield Attack("empty", encoded(_each(form, "")))
    for name, words in {"script": SCRIPT, "lines": LINES}.items():
        if form.typed():
            yield Attack(name, encoded(_typed(form, words)), typed=words if _areas(form) else "")
    yield Attack("nul", encoded(_each(form, NUL)))
    if any(one.choices or _is_mark(one) for one in form.fields):
        yield Attack("unknown", encoded(_chosen(form)))
    for number, day in zip(NO_NUMBERS, NO_DATES, strict=True):
        if pairs := _of_kind(form, {"number": number, "date": day}):
            yield Attack(f"no number {number}", encoded(pairs))
    if form.method == "POST":
        yield from _bodies(form)


def _bodies(form: FoundForm) -> Iterator[Attack]:
    name = next((one.name for one in form.typed()), "other")
    token = {"x-csrf-token": form.csrf}
    kept = encoded([("csrf", form.csrf), *_other(form), (name, MARK)])
    yield Attack("long", kept + "x" * LONG)
    yield Attack("huge", kept + "x" * HUGE)
    yield Attack("many", encoded(form.filled()) + MANY_FIELDS)
    yield Attack("twice", encoded([*form.filled(), *_each(form, MARK)]))
    parts = token | {"content-type": "multipart/form-data; boundary=x"}
    yield Attack("multipart", encoded(form.filled()), parts)


def _areas(form: FoundForm) -> bool:
    return any(one.kind == "textarea" for one in form.fields)


def _is_mark(one: Field) -> bool:
    return one.kind == "hidden" and one.name != "csrf"


def _other(form: FoundForm) -> Pairs:
    return [(name, value) for name, value in form.filled() if name != "csrf"]


def _each(form: FoundForm, value: str) -> Pairs:
    return [("csrf", form.csrf), *((name, value) for name, _ in _other(form))]


def _typed(form: FoundForm, words: str) -> Pairs:
    return form.with_({one.name: words for one in form.typed()})


def _chosen(form: FoundForm) -> Pairs:
    """Choices and marks that are none: an id of nobody where one is asked for."""
    free = {one.name for one in form.typed()} | {"csrf"}
    change = {}
    for one in form.fields:
        if one.name not in free:
            is_id = any(len(value) == len(ELSEWHERE) for value in (one.value, *one.choices))
            change[one.name] = ELSEWHERE if is_id else f"{MARK}-unknown"
    return form.with_(change)


def _of_kind(form: FoundForm, values: dict[str, str]) -> Pairs:
    change = {one.name: values[one.kind] for one in form.fields if one.kind in values}
    return form.with_(change) if change else []
