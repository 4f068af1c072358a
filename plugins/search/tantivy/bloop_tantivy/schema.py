"""The fields of an index, how their words are made, and the queries that fit them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from tantivy import Document as Row
from tantivy import (
    Filter,
    Occur,
    Query,
    Schema,
    SchemaBuilder,
    TextAnalyzer,
    TextAnalyzerBuilder,
    Tokenizer,
)

from bloop_sdk.providers.search import Document, Match, SearchQuery
from bloop_tantivy.letters import asked, indexed

VERSION = 2
"""Raise it when fields or words change: indexes of other versions are made anew."""

MARK_ID = "mark"
"""The id of the one row that is no document: it holds the mark of its commit."""
LONGEST_WORD = 80
TITLE_BOOST = 3.0
"""A word of a title counts so much more: titles are short, which counts already."""
MOST_BEGUN = 200
"""So many words may begin with what was typed; the most frequent are looked for."""

ANALYSER = "bloop"


@cache
def analyser() -> TextAnalyzer:
    """Words of letters and digits, without case and diacritics, of :func:`indexed` texts."""
    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(LONGEST_WORD))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .build()
    )


@cache
def schema() -> Schema:
    """Only the id is stored: the hub shows what is found."""
    made = SchemaBuilder()
    for name in ("id", "kind", "container", "language", "published"):
        made.add_text_field(name, stored=name == "id", tokenizer_name="raw", index_option="basic")
    made.add_text_field("mark", stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("title", "text"):
        made.add_text_field(name, tokenizer_name=ANALYSER, index_option="freq")
    return made.build()


def row_of(document: Document) -> Row:
    """A document as it is indexed."""
    language = (document.language or "").lower()
    parts = language.split("-")
    return Row(
        id=[document.id],
        kind=[document.kind],
        container=[document.container],
        # Of de-AT also what asks for de.
        language=["-".join(parts[: end + 1]) for end in range(len(parts))] if language else [],
        published=["yes" if document.published else "no"],
        title=[indexed(document.title)],
        text=[indexed(document.text)],
    )


def mark_row(mark: str) -> Row:
    """The row of a mark; without words, no query finds it."""
    return Row(id=[MARK_ID], mark=[mark])


def words_of(word: str) -> list[str]:
    """The words of an index that a word of a query stands for."""
    return [found for part in asked(word) for found in analyser().analyze(part)]


def query_of(query: SearchQuery, begun: Sequence[str]) -> Query | None:
    """What tantivy looks for; None for what nothing can fit.

    ``begun`` are the index's words that begin with the query's last one.
    """
    words = [word for one in query.words for word in words_of(one)]
    if not words:
        return None
    parts: list[tuple[Occur, Query]] = []
    for number, word in enumerate(words):
        if query.match is Match.PREFIX and number == len(words) - 1:
            parts.append((Occur.Must, _any_of(_term(each) for each in [word, *begun])))
        elif query.match is Match.FUZZY:
            parts.append((Occur.Must, _fuzzy(word)))
        else:
            parts.append((Occur.Must, _term(word)))
    filters = {"kind": query.kind, "container": query.container, "language": query.language}
    filters["published"] = "yes" if query.published else ""
    for field, value in filters.items():
        if value:
            exact = Query.term_query(
                schema(), field, value.lower() if field == "language" else value, "basic"
            )
            parts.append((Occur.Must, Query.const_score_query(exact, 0.0)))
    return parts[0][1] if len(parts) == 1 else Query.boolean_query(parts)


def _term(word: str) -> Query:
    title = Query.term_query(schema(), "title", word, "freq")
    text = Query.term_query(schema(), "text", word, "freq")
    return Query.boolean_query(
        [(Occur.Should, Query.boost_query(title, TITLE_BOOST)), (Occur.Should, text)]
    )


def _fuzzy(word: str) -> Query:
    wrong = 0 if len(word) < 4 else 1 if len(word) < 8 else 2
    if not wrong:
        return _term(word)
    made = [
        Query.fuzzy_term_query(schema(), field, word, distance=wrong, transposition_cost_one=True)
        for field in ("title", "text")
    ]
    return _any_of([_term(word), *made])


def _any_of(queries: Iterable[Query] | Iterator[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, one) for one in queries])
