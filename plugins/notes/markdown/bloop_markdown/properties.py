"""A note's bytes as text, and the YAML or TOML at its head."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import yaml

from bloop_sdk.errors import MalformedRecordError

MAX_FRONT_MATTER = 64 * 1024
MAX_TITLE = 300
MAX_TAGS = 100
FENCES = ("---", TOML := "+++")
_FENCED = re.compile(
    r"---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
    r"|\+\+\+[ \t]*\n(.*?\n)??\+\+\+[ \t]*(?:\n|\Z)",
    re.DOTALL,
)
_LINE = re.compile(
    r"^(id|draft|publish|published)[ \t]*[:=][ \t]*(.+)$", re.MULTILINE | re.IGNORECASE
)
_BEFORE_ZONE = re.compile(r"\s+(?=[+-]\d\d:?\d\d\Z)")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")


@dataclass
class Properties:
    """What the head of a note says of it. ``yaml`` is the head as it came, also one in TOML."""

    yaml: str = ""
    id: str | None = None
    title: str | None = None
    summary: str | None = None
    tags: list[str] = field(default_factory=list)
    created: datetime | None = None
    updated: datetime | None = None
    language: str | None = None
    draft: bool = False
    lost: list[str] = field(default_factory=list)


def decode(data: bytes) -> tuple[str, list[str]]:
    """The text of a note, and what was lost; raises MalformedRecordError for what is no text."""
    lost: list[str] = []
    try:
        wide = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        if b"\0" in data:
            raise MalformedRecordError(
                "it is no text: neither UTF-8 nor UTF-16", cure="save the note as UTF-8"
            ) from None
        text = data.decode("cp1252", "replace")
        lost.append("the note is no UTF-8; it was read as Windows-1252")
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
        lost.append("NUL characters, which no text holds")
    return text.replace("\r\n", "\n").replace("\r", "\n"), lost


def split(text: str) -> tuple[Properties, str]:
    """The properties of a note, and its body. Broken ones stay in the body, as code.

    TOML between ``+++`` is what Hugo and Zola write.
    """
    found = _FENCED.match(text[: MAX_FRONT_MATTER + 8])
    if found is None:
        return Properties(), text
    head, body = found[1] or found[2] or "", text[found.end() :]
    try:
        values = tomllib.loads(head) if text.startswith(TOML) else yaml.safe_load(head)
        if values is not None and not isinstance(values, dict):
            return _broken(head, body, "it holds no names and values")
        return _properties(head, values or {}), body
    # Besides its own errors, PyYAML lets through what numbers, dates and deep nesting raise.
    except (yaml.YAMLError, ValueError, TypeError, ArithmeticError, RecursionError) as err:
        reason = str(getattr(err, "problem", None) or str(err) or type(err).__name__)
        return _broken(head, body, reason)


def _broken(head: str, body: str, reason: str) -> tuple[Properties, str]:
    lost = [f"the front matter cannot be read ({reason[:200]}); it stands in the text"]
    fence = "`" * (3 + max((len(ticks) for ticks in re.findall("`+", head)), default=0))
    made = Properties(lost=lost)
    # One wrong colon makes it no other note, and shows nobody what was to be hidden.
    lines = {key.lower(): _value(text) for key, text in _LINE.findall(head)}
    made.id, made.draft = _text(lines.get("id")), _is_hidden(lines)
    return made, f"{fence}yaml\n{head}{fence}\n\n{body}"


def _value(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None


def _properties(head: str, values: dict[Any, Any]) -> Properties:
    named = {str(key).lower(): value for key, value in values.items() if isinstance(key, str)}
    made = Properties(yaml=head, id=_text(named.get("id")))
    made.title = _text(_as_written(head, named.get("title")))
    made.summary = _text(named.get("description") or named.get("summary"))
    made.tags = _tags(named.get("tags", named.get("tag")))
    made.created = _time(named, ("created", "date"), made.lost)
    made.updated = _time(named, ("updated", "modified"), made.lost)
    made.language = _language(named, made.lost)
    made.draft = _is_hidden(named)
    return made


def _is_hidden(named: dict[str, Any]) -> bool:
    hidden = any(_word(named.get(key)) == "false" for key in ("publish", "published"))
    return hidden or _word(named.get("draft")) == "true"


def _as_written(head: str, title: Any) -> Any:
    """A title like ``12:30`` or ``007``, which YAML 1.1 takes for the numbers 750 and 7."""
    if isinstance(title, int | float) and not isinstance(title, bool):
        found = re.search(
            r"^title[ \t]*[:=][ \t]*([\w.:+-]{1,40})[ \t]*$", head, re.MULTILINE | re.IGNORECASE
        )
        return found[1] if found else title
    return title


def _word(value: Any) -> str:
    """A single value in lower case, ``true`` and ``false`` as they are written."""
    return str(value).lower() if isinstance(value, bool) else (_text(value) or "").lower()


def _text(value: Any) -> str | None:
    """A single value as one line of text; None for what is none."""
    if isinstance(value, str | int | float | date) and not isinstance(value, bool):
        return " ".join(str(value).split())[:MAX_TITLE] or None
    return None


def _tags(value: Any) -> list[str]:
    many = value if isinstance(value, list) else re.split(r"[,\s]+", _text(value) or "")
    texts = (_text(one) for one in many[:MAX_TAGS])
    return [text.lstrip("#") for text in texts if text and text.strip("#")]


def _time(named: dict[str, Any], keys: tuple[str, ...], lost: list[str]) -> datetime | None:
    """The first of the keys that is a time; one without a zone is taken for UTC."""
    for key in keys:
        value = named.get(key)
        if value is None:
            continue
        try:
            text = _BEFORE_ZONE.sub("", _text(value) or "")  # As Jekyll writes it.
            when = value if isinstance(value, date) else datetime.fromisoformat(text)
            if not isinstance(when, datetime):
                when = datetime(when.year, when.month, when.day, tzinfo=UTC)
            return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        except (ValueError, OverflowError):
            lost.append(f"{key}: {_text(value) or 'a list'!r} is no date")
    return None


def _language(named: dict[str, Any], lost: list[str]) -> str | None:
    value = named.get("language", named.get("lang"))
    if value is None:
        return None
    text = _text(value) or ""
    if _LANGUAGE.fullmatch(text):
        return text.replace("_", "-")
    lost.append(f"language: {text!r} is no language tag, like en or pt-BR")
    return None
