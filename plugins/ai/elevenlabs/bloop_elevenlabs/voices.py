"""ElevenLabs' voices as the contract's: a voice for each language that it speaks well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bloop_sdk.providers.ai import Voice

if TYPE_CHECKING:
    from elevenlabs import Voice as Theirs

ID = re.compile(r"(?P<id>[A-Za-z0-9]{1,64})(@(?P<language>[a-z]{2,3}))?")
"""Theirs, and in another language than its own ``@`` and that."""

_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*")


def listed(found: Iterable[Theirs], model: str, version: str) -> list[Voice]:
    """Voices in their own language first, in the account's order; then in others."""
    own: dict[str, Voice] = {}
    others: dict[str, Voice] = {}
    for one in found:
        if not one.voice_id or not ID.fullmatch(one.voice_id):
            continue
        first, *more = _languages(one, model) or ["und"]
        for id_, language, where in (
            (one.voice_id, first, own),
            *((f"{one.voice_id}@{_base(tag)}", tag, others) for tag in more),
        ):
            name = " ".join((one.name or "").split()) or one.voice_id
            where.setdefault(id_, _voice(id_, name, language, version))
    return [*own.values(), *others.values()]


def _voice(id_: str, name: str, language: str, version: str) -> Voice:
    return Voice(id=id_, name=name, language=language, version=version, natural=True, metered=True)


def _languages(voice: Theirs, model: str) -> list[str]:
    """Tags, its own first: one for each language that this model is verified to speak with it."""
    labels = voice.labels or {}
    known: dict[str, str] = {}
    verified = [one for one in voice.verified_languages or [] if one.model_id == model]
    named = [(one.language, one.locale) for one in verified]
    own = labels.get("language")
    wide = [locale for language, locale in named if language == own]
    for tag in _tags([(own, next(iter(wide), None)), *named]):
        known.setdefault(_base(tag), tag)
    return list(known.values())


def _tags(named: Iterable[tuple[str | None, str | None]]) -> Iterator[str]:
    for language, locale in named:
        tags = (one for one in (locale, language) if one and _TAG.fullmatch(one))
        if tag := next(tags, None):
            yield tag


def _base(tag: str) -> str:
    return tag.split("-", maxsplit=1)[0]
