"""Where a course names its concepts: headings, definitions, glossary, outcomes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bloop.graph.inference.corpus import CONTENT_WORDS, JOINS, LONGEST_TERM, Corpus, Key, Sentence
from bloop.graph.inference.course import Evidence

_NUMBER = re.compile(r"^\W*(?:[\divxIVX]{1,4}[.):]|\d+(?:\.\d+)*|[A-Z]\d*[.:)])(?=\W)[\s.:)\-–—]*")
_PARTS = re.compile(
    r"\s*(?:[:;,/&|+]|\s[-–—]\s|—|\(|\)|\b(?:and|und|et|y|e|en|vs\.?|versus)\b)\s*", re.IGNORECASE
)
_BRACKETS = re.compile(r"\s*\(([^()]{1,60})\)")
_QUOTES = " \"'“”„«»‘’*_.…?!:"
TAUGHT = frozenset({"page", "file", "note", "link", "book"})
"""Kinds of documents whose titles say what they teach; others ask about it."""

LONGEST_HEADING = 300
OFTEN = 20
"""Uses of a heading's words elsewhere from which it is as sure as it gets."""


@dataclass(frozen=True, slots=True)
class Named:
    """That something is a concept: how sure it is, why, and where; ``place`` is a sentence's."""

    key: Key
    surface: str
    confidence: float
    evidence: Evidence
    place: int = -1
    section: int = -1
    description: str = ""
    alias: str = ""
    level: int = -1


def term(corpus: Corpus, text: str) -> tuple[Key, str] | None:
    """The key and the words of a name, without articles around it; None where it is no name."""
    words = corpus.folder.words(text.strip(_QUOTES))
    while words and not corpus.carries(words[0]):
        words = words[1:]
    while words and not corpus.carries(words[-1]):
        words = words[:-1]
    content = sum(map(corpus.carries, words))
    if not content or content > CONTENT_WORDS or len(words) > LONGEST_TERM:
        return None
    link = corpus.language.link | corpus.language.determiners if content < len(words) else ()
    if any(not corpus.carries(one) and one.key not in link for one in words):
        return None
    if any(one.gap.strip(JOINS) for one in words[1:]):
        return None
    low = [one.text.casefold() for one in words]
    if content == 1 and (len(words[0].text) < 3 and words[0].text.islower()):
        return None
    if any(one in corpus.language.verbal for one in low):
        return None
    if corpus.language.capitals and words[-1].text.islower():
        return None  # A verb: nouns are written large.
    stripped = text.strip(_QUOTES)
    surface = stripped[words[0].start : words[-1].start + len(words[-1].text)]
    return tuple(one.key for one in words), surface


def is_general(corpus: Corpus, key: Key) -> bool:
    """Whether all its words are those of any course."""
    general, stop = corpus.language.general, corpus.language.stop
    return all(one in general or one in stop or _surface_general(corpus, one) for one in key)


def _surface_general(corpus: Corpus, word: str) -> bool:
    uses = corpus.uses.get((word,))
    general = corpus.language.general
    return uses is not None and any(one.casefold() in general for one in uses.surfaces)


def may_be_noun(corpus: Corpus, key: Key) -> bool:
    """Whether nothing speaks against a word's being one: articles before it, or a capital."""
    uses = corpus.uses.get(key)
    if len(key) > 1 or uses is None or not corpus.language.determiners:
        return True
    return bool(uses.noun or uses.capital)


def of_headings(corpus: Corpus) -> Iterator[Named]:
    """Titles and headings, and the parts of those that name several things."""
    for at, text, level, section, place in corpus.headings:
        document = corpus.documents[at]
        taught = document.kind in TAUGHT
        if level == 0 and not taught:
            continue
        for part, whole in heading_parts(corpus, text):
            found = term(corpus, part)
            if found is None:
                continue
            key, surface = found
            uses = corpus.uses.get(key)
            elsewhere = max(0, (uses.count if uses else 0) - 1)
            sure = 0.3 + 0.36 * min(1.0, math.log1p(elsewhere) / math.log1p(OFTEN))
            sure += 0.08 if level == 0 else 0.0
            if not whole and level and len(key) == 1:
                sure *= 0.6  # "Water, air and steel" names what is compared, and no concept.
            if elsewhere and not may_be_noun(corpus, key):
                sure *= 0.6
            if is_general(corpus, key):
                if elsewhere < 4 or not whole:
                    continue
                sure *= 0.5
            what = "title" if level == 0 else "heading"
            evidence = Evidence(
                kind="heading", note=f"It is a {what}.", document=document.id, passage=text[:200]
            )
            yield Named(
                key, surface, sure * (1 if taught else 0.4), evidence, place, section, level=level
            )


def heading_parts(corpus: Corpus, text: str) -> Iterator[tuple[str, bool]]:
    """What a heading may name, and whether that is all of it; nothing where it names a task."""
    language = corpus.language
    text = _BRACKETS.sub(r", \1", text[:LONGEST_HEADING])
    for _ in range(3):
        text = _NUMBER.sub("", text).strip(_QUOTES)
        short = language.titles.sub("", text, count=1).strip(_QUOTES)
        if short == text or not short:
            break
        text = short
    if not text or language.skip.match(text):
        return
    parts = [one for one in _PARTS.split(text) if one.strip()]
    if term(corpus, text) is not None and len(parts) == 1:
        yield text, True
        return
    for part in parts:
        if not language.skip.match(part):
            yield language.titles.sub("", part, count=1), len(parts) == 1


def of_glossary(corpus: Corpus) -> Iterator[Named]:
    """Entries of the glossary, with what they say."""
    for entry in corpus.course.glossary:
        found = term(corpus, _BRACKETS.sub("", entry.term)) or _as_it_is(corpus, entry.term)
        if found is None:
            continue
        key, surface = found
        evidence = Evidence(
            kind="glossary",
            note="It is in the glossary.",
            document=entry.document,
            passage=(entry.definition or entry.term)[:300],
        )
        for alias in entry.aliases or ("",):
            yield Named(key, surface, 0.93, evidence, description=entry.definition, alias=alias)


def _as_it_is(corpus: Corpus, text: str) -> tuple[Key, str] | None:
    """What an author calls a term is one, also where it has the form of none."""
    text = " ".join(text.split()).strip(_QUOTES)[:120]
    key = corpus.folder.keys(text)
    return (key, text) if key else None


def of_outcomes(corpus: Corpus) -> Iterator[Named]:
    """Outcomes with a name of few words; of others the terms that the course uses too."""
    for outcome in corpus.course.outcomes:
        evidence = Evidence(
            kind="outcome", note="An outcome of the course names it.", passage=outcome.title[:200]
        )
        found = term(corpus, outcome.title)
        if found is not None and not is_general(corpus, found[0]):
            yield Named(*found, 0.7, evidence, description=outcome.description)
            continue
        for key, surface in terms_within(corpus, f"{outcome.title}. {outcome.description}"):
            uses = corpus.uses.get(key)
            if uses and uses.count >= 2 and not is_general(corpus, key):
                yield Named(key, surface, 0.3, evidence)


def terms_within(corpus: Corpus, text: str) -> Iterator[tuple[Key, str]]:
    """The runs of a sentence that have the form of a term."""
    words = corpus.folder.words(text)
    for start, end in corpus.runs(words):
        last = words[end - 1]
        found = term(corpus, text[words[start].start : last.start + len(last.text)])
        if found is not None:
            yield found


def passage_of(sentence: Sentence) -> str:
    """What is shown of a sentence."""
    text = sentence.text
    return text if len(text) <= 300 else f"{text[:299].rsplit(' ', 1)[0]}…"
