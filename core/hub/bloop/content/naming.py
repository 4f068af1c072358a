"""Short texts that authors give: what a title, a code, a language may be. Pure."""

from __future__ import annotations

import re
from typing import Any

from bloop.content.models import TITLE_LENGTH
from bloop.store.errors import InvalidError

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,4}")
LANGUAGE_LENGTH = 35


def title_of(title: Any) -> str:
    """A title without blanks around it; raises :class:`InvalidError` for none or a long one."""
    text = str(title or "").strip()
    if not text:
        raise InvalidError("title: it may not be empty", field="title")
    if len(text) > TITLE_LENGTH:
        raise InvalidError(f"title: {len(text)} characters; at most {TITLE_LENGTH}", field="title")
    if "\x00" in text:
        raise InvalidError("title: it holds a NUL character", field="title")
    return text


def code_of(code: str | None) -> str | None:
    """A course's code without blanks around it, None for none; raises :class:`InvalidError`."""
    text = (code or "").strip()
    if len(text) > TITLE_LENGTH or "\x00" in text:
        raise InvalidError(
            f"code: at most {TITLE_LENGTH} characters, none of them NUL", field="code"
        )
    return text or None


def language_of(language: str | None) -> str | None:
    """A language's tag, None for none; raises :class:`InvalidError` for what cannot be one."""
    text = (language or "").strip()
    if text and (len(text) > LANGUAGE_LENGTH or not _LANGUAGE.fullmatch(text)):
        raise InvalidError(
            f"language: {text[:40]!r} is no tag of a language", field="language", cure="en, de-CH"
        )
    return text or None


def summary_of(html: str) -> str:
    """HTML that a database can store; raises :class:`InvalidError`."""
    if "\x00" in html:
        raise InvalidError("summary_html: it holds a NUL character", field="summary_html")
    return html
