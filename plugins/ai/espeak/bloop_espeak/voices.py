"""eSpeak NG's voices as the contract's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from bloop_sdk.providers.ai import Voice

REVISION = 1
"""Raise it when the same text of the same eSpeak NG sounds or is timed otherwise."""

VARIANT = "+f3"
"""The second voice of each language: a higher one. eSpeak NG has many more, after a ``+``."""

TAGS = {
    "cmn": "zh",
    "cmn-latn-pinyin": "zh",
    "en-us-nyc": "en-US-x-nyc",
    "piqd": "tlh-Piqd",
    "py": "art-x-pyash",
    "yue-latn-jyutping": "yue-Latn-jyutping",
}
"""Where eSpeak NG's names of languages are no BCP 47 tags, or not those that lessons have."""

PREFERRED = ("en-us", "en-gb", "es", "fr-fr", "pt-br", "cmn-latn-pinyin")
"""``cmn`` names the tones in English, and the voice for Pinyin reads Han as well."""


def of_library(told: Mapping[str, Any]) -> dict[str, tuple[str, Voice]]:
    """What the library calls each voice, by its id: English first, the best of a language first."""
    names = Counter(one["languages"][0][1] for one in told["voices"])
    found = []
    for one in told["voices"]:
        id_ = one["languages"][0][1].lower()
        if names[id_] > 1:
            id_ = one["identifier"].rpartition("/")[2].lower()
        found.append((_rank(id_, one["languages"]), id_, one))
    version = f"{told['version']}.{REVISION}"
    voices: dict[str, tuple[str, Voice]] = {}
    for variant in ("", VARIANT):
        for _, id_, one in sorted(found, key=lambda each: each[:2]):
            voice = Voice(
                id=id_ + variant,
                name=one["name"] + (f" {variant}" if variant else ""),
                language=tag(id_),
                version=version,
            )
            voices[voice.id] = one["identifier"] + variant, voice
    return dict(sorted(voices.items(), key=lambda each: _group(each[1][1].language)))


def _rank(id_: str, languages: Iterable[tuple[int, str]]) -> tuple[bool, int]:
    primary = id_.partition("-")[0]
    priority = min((number for number, name in languages if name == primary), default=99)
    return id_ not in PREFERRED, 0 if id_ == "en-us" else priority


def _group(language: str) -> tuple[bool, str]:
    primary = language.partition("-")[0]
    return primary != "en", primary


def tag(name: str) -> str:
    """A BCP 47 tag in its usual case, such as ``en-GB-x-rp``."""
    if name in TAGS:
        return TAGS[name]
    first, *rest = name.split("-")
    parts, private = [first], False
    for part in rest:
        private = private or part == "x"
        if not private and re.fullmatch(r"[a-z]{2}", part):
            parts.append(part.upper())
        elif not private and re.fullmatch(r"[a-z]{4}", part):
            parts.append(part.title())
        else:
            parts.append(part)
    return "-".join(parts)
