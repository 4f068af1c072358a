"""Where a course says what something is: marked terms, lists of terms, sentences that define."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bloop.graph.inference.corpus import Corpus, Key, Sentence, surface_of
from bloop.graph.inference.course import Evidence
from bloop.graph.inference.naming import Named, is_general, may_be_noun, passage_of, term
from bloop.graph.inference.words import Word

_ABBREVIATION = re.compile(r"\(([A-Z][A-Za-z]{0,2}[A-Z][A-Za-z0-9]{0,4}|[A-Z]{2,6})s?\)")
_LATER = 60
"""Characters between a term and the verb that defines it."""


def of_definitions(corpus: Corpus) -> Iterator[Named]:
    """What is marked, defined or listed as a term in the text."""
    listed: list[Named] = []
    for sentence in corpus.sentences:
        if sentence.level:
            continue
        if sentence.item == "dt":
            listed = list(_listed(corpus, sentence))
            continue
        if listed and sentence.item == "dd":
            for one in listed:
                yield replace(one, description=passage_of(sentence))
        else:
            yield from listed
        listed = []
        defined = list(_marked(corpus, sentence))
        if not sentence.marked or sentence.item == "":
            defined += _plainly(corpus, sentence)
        yield from defined
        yield from _abbreviated(corpus, sentence)
        yield from _also_called(corpus, sentence, defined)


def _listed(corpus: Corpus, sentence: Sentence) -> Iterator[Named]:
    found = term(corpus, sentence.text)
    if found is None:
        return
    uses = corpus.uses.get(found[0])
    again = uses is not None and uses.count > 2
    sure = 0.3 if is_general(corpus, found[0]) else 0.62 if again else 0.45
    yield _named(corpus, found, sure, "A list of terms has it.", sentence)


def _marked(corpus: Corpus, sentence: Sentence) -> Iterator[Named]:
    """Terms in bold or italics; surer where the sentence says what they are."""
    language = corpus.language
    for mark, text in sentence.marked:
        if text.endswith(":") or len(text) > 60 or len(text) >= 0.9 * len(sentence.text):
            continue
        found = term(corpus, text)
        if found is None or language.skip.match(text):
            continue
        at = sentence.text.find(text)
        after = sentence.text[at + len(text) : at + len(text) + _LATER]
        before = sentence.text[max(0, at - _LATER) : at]
        defined = _defines_next(corpus, after) or bool(
            list(language.called.finditer(before)) and mark != "em"
        )
        defined = defined or bool(language.called.search(before[-30:]))
        sure = {"dfn": 0.8, "strong": 0.72, "em": 0.6}.get(mark, 0.7) if defined else 0.0
        uses = corpus.uses.get(found[0])
        if not defined:
            again = uses is not None and uses.count >= 3
            sure = {"dfn": 0.75, "strong": 0.42 if again else 0.2}.get(mark, 0.16 if again else 0)
        if mark != "dfn" and not may_be_noun(corpus, found[0]):
            sure *= 0.6  # "An *open* end": what kind of thing, and no thing.
        if is_general(corpus, found[0]):
            again = uses is not None and uses.count >= 4 and (defined or mark == "dfn")
            sure = sure * 0.6 if again else 0.0
        if sure:
            note = "A sentence says what it is." if defined else "It is marked as a term."
            yield _named(corpus, found, sure, note, sentence, told=defined or mark == "dfn")


def _defines_next(corpus: Corpus, after: str) -> bool:
    """Whether what follows a term tells what it is."""
    found = corpus.language.defines.search(" " + after.lstrip())
    other = corpus.language.also.match(after.lstrip())
    return other is not None or (found is not None and found.start() <= 12)


def _plainly(corpus: Corpus, sentence: Sentence) -> Iterator[Named]:
    """``A wave is a ...``, ``... is called a wave``."""
    language = corpus.language
    text = sentence.text
    found = language.defines.search(text, 0, 80)
    if found is not None and found.start() > 2:
        follows = re.match(r"\W*(\w+)", text[found.end() :])
        subject = term(corpus, text[: found.start()])
        bare = subject is not None and _is_bare(corpus, text[: found.start()], subject[1])
        if bare and subject and follows and _is_definite(corpus, follows[1], found[0]):
            yield from _unmarked(corpus, subject, 0.4, sentence)
    called = language.called.search(text)
    if called is not None:
        words = corpus.folder.words(text[called.end() : called.end() + 80])
        for start, end in corpus.runs(words):
            if start <= 2 and not any(one.gap.strip() for one in words[:start]):
                name = surface_of(words[start:end])
                if (subject := term(corpus, name)) is not None:
                    yield from _unmarked(corpus, subject, 0.45, sentence)
            break


def _unmarked(
    corpus: Corpus, found: tuple[Key, str], sure: float, sentence: Sentence
) -> Iterator[Named]:
    uses = corpus.uses.get(found[0])
    if uses is None or uses.count < 2 or not may_be_noun(corpus, found[0]):
        return
    if uses.verb > uses.noun or is_general(corpus, found[0]):
        return
    yield _named(corpus, found, sure, "A sentence says what it is.", sentence, told=True)


def _is_bare(corpus: Corpus, before: str, surface: str) -> bool:
    """Whether a subject stands alone, or with an article: ``your voice`` is none to be defined."""
    head, _, tail = before.partition(surface)
    word = head.strip().casefold()
    return not tail.strip() and (not word or word in _ARTICLES.get(corpus.language.code, ()))


def _is_definite(corpus: Corpus, word: str, verb: str) -> bool:
    """``is a`` and ``means that`` define; ``is hot`` does not."""
    short = len(verb.split()) == 1 and len(verb.strip()) <= 4
    return not short or word.casefold() in _ARTICLES.get(corpus.language.code, ())


_ARTICLES = {
    "en": ("a", "an", "the", "any", "when", "how"),
    "de": ("ein", "eine", "der", "die", "das", "jede", "jeder"),
    "fr": ("un", "une", "le", "la", "l"),
    "es": ("un", "una", "el", "la"),
    "it": ("un", "uno", "una", "il", "la", "lo", "l"),
    "pt": ("um", "uma", "o", "a"),
    "nl": ("een", "de", "het"),
}


def _abbreviated(corpus: Corpus, sentence: Sentence) -> Iterator[Named]:
    """``discrete cosine transform (DCT)``: the letters begin the words before the bracket.

    Schwartz and Hearst, "A simple algorithm for identifying abbreviation definitions", 2003,
    for those whose letters begin words.
    """
    for found in _ABBREVIATION.finditer(sentence.text):
        letters = found[1].lower()
        words = corpus.folder.words(sentence.text[max(0, found.start() - 120) : found.start()])
        tail = words[-len(letters) :]
        if len(tail) != len(letters) or not _begin(tail, letters):
            continue
        named = term(corpus, surface_of(tail))
        if named is not None:
            evidence = Evidence(
                kind="definition",
                note=f"The course shortens it to {found[1]}.",
                document=corpus.documents[sentence.document].id,
                passage=passage_of(sentence),
            )
            yield Named(*named, 0.55, evidence, sentence.place, sentence.section, alias=found[1])


def _also_called(corpus: Corpus, sentence: Sentence, defined: Sequence[Named]) -> Iterator[Named]:
    """``a node, also called a nodal point, is ...``: another name of what is defined first."""
    told = corpus.language.also.search(sentence.text)
    if told is None or not any(one.description for one in defined):
        return
    first = min(
        (one for one in defined if one.description),
        key=lambda one: sentence.text.casefold().find(one.surface.casefold()),
    )
    words = corpus.folder.words(sentence.text[told.end() : told.end() + 80])
    for start, end in corpus.runs(words):
        if start > 1 or any(one.gap.strip() for one in words[:start]):
            return
        alias = term(corpus, surface_of(words[start:end]))
        if alias is not None and alias[0] != first.key:
            yield replace(first, alias=alias[1])
        return


def _begin(words: Sequence[Word], letters: str) -> bool:
    return all(
        word.text.lower().startswith(letter) for word, letter in zip(words, letters, strict=True)
    )


def _named(
    corpus: Corpus,
    found: tuple[Key, str],
    sure: float,
    note: str,
    sentence: Sentence,
    *,
    told: bool = False,
) -> Named:
    passage = passage_of(sentence)
    evidence = Evidence(
        kind="definition",
        note=note,
        document=corpus.documents[sentence.document].id,
        passage=passage,
    )
    return Named(
        *found,
        sure,
        evidence,
        sentence.place,
        sentence.section,
        description=passage if told else "",
    )
