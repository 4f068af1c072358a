"""The ``search`` provider: an index an institution, written by one process, read by all."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from tantivy import Index, IndexWriter, Query, Searcher

from bloop_sdk import PluginContext, UnavailableError
from bloop_sdk.providers.search import Changes, Hit, Match, SearchQuery
from bloop_tantivy import schema
from bloop_tantivy.config import TantivyConfig

META = "meta.json"
"""The file that a commit replaces last of all."""

_LACKING = re.compile(r"\b(?:code:|os error) (?:12|13|23|24)\b")
"""Memory, rights or file handles that the process lacks, in the words of Rust's errors."""


class TantivyIndex:
    """Each institution has a folder of its own, so that none can find another's.

    The mark of a commit is a row of it. tantivy writes its files first and then replaces
    ``meta.json``, so that whoever opens an index finds it as a commit has left it.
    """

    def __init__(self, ctx: PluginContext) -> None:
        assert isinstance(ctx.config, TantivyConfig)
        self._bytes = ctx.config.writer_bytes
        self._folder = ctx.data_dir
        self._log = ctx.log
        self._run_sync = ctx.run_sync
        self._open: dict[str, _Opened] = {}
        self._torn: set[str] = set()
        """Institutions of whose index a part can't be read."""
        self._turn = threading.Lock()

    async def mark(self, institution: str) -> str | None:
        """The mark that stands in the index; None where there is no index that can be used."""
        return await self._run_sync(self._mark, institution)

    async def index(self, changes: Changes) -> None:
        """Write in one commit."""
        await self._run_sync(self._index, changes)

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """Search in a thread: a long query must not hold up others."""
        return await self._run_sync(self._search, query)

    async def close(self) -> None:
        """Close all indexes."""
        with self._turn:
            self._open.clear()

    def _mark(self, institution: str) -> str | None:
        searcher = self._searcher(institution)
        if searcher is None:
            return None
        query = Query.term_query(schema.schema(), "id", schema.MARK_ID, "basic")
        try:
            for _, address in searcher.search(query, 1, count=False).hits:
                return str(searcher.doc(address)["mark"][0])
        except ValueError as err:
            # A file that is opened only now; the hub has all indexed anew.
            self._unreadable(self._path(institution), err)
            self._torn.add(institution)
        return None

    def _search(self, query: SearchQuery) -> list[Hit]:
        searcher = self._searcher(query.institution)
        if searcher is None:
            return []
        begun: list[str] = []
        if query.match is Match.PREFIX and query.words:
            begun = _begun(searcher, query.words[-1])
        wanted = schema.query_of(query, begun)
        if wanted is None:
            return []
        found = searcher.search(wanted, query.limit, count=False, offset=query.offset)
        return [
            Hit(id=str(searcher.doc(address)["id"][0]), score=float(score))
            for score, address in found.hits
        ]

    def _index(self, changes: Changes) -> None:
        institution = changes.institution
        path = self._path(institution)
        if institution in self._torn or self._opened(institution) is None:
            self._made(institution)
        try:
            writer = self._writer(path)
        except (ValueError, FileNotFoundError) as err:
            raise UnavailableError(
                f"{path}: it can't be written now: {err}",
                cure="another process may be at it: it is tried again",
            ) from err
        try:
            self._write(writer, changes)
        except ValueError as err:
            with self._turn:
                self._open.pop(institution, None)
            raise UnavailableError(
                f"{path}: it could not be written: {err}", cure="see that its disk has room"
            ) from err
        finally:
            with contextlib.suppress(ValueError):
                writer.wait_merging_threads()

    def _writer(self, path: Path) -> IndexWriter:
        """A writer that knows all files that are there, so that it removes those of no use.

        tantivy reads their list as it opens an index, and writes it with a commit: one that was
        opened before another process wrote would leave that one's files behind for good. Raises
        ValueError, also where somebody else was first.
        """
        meta = path / META
        before = _state(meta.stat())
        writer = _index_at(path).writer(self._bytes, 1)
        if _state(meta.stat()) != before:
            writer.wait_merging_threads()
            raise ValueError("another process has just written")
        return writer

    def _write(self, writer: IndexWriter, changes: Changes) -> None:
        if changes.reset:
            writer.delete_all_documents()
        for id_ in (schema.MARK_ID, *changes.removed, *(one.id for one in changes.documents)):
            writer.delete_documents_by_term("id", id_)
        for document in changes.documents:
            writer.add_document(schema.row_of(document))
        writer.add_document(schema.mark_row(changes.mark))
        writer.commit()

    def _searcher(self, institution: str) -> Searcher | None:
        opened = self._opened(institution)
        return None if opened is None else opened.searcher()

    def _opened(self, institution: str) -> _Opened | None:
        """The index of an institution, should there be one that can be opened."""
        path = self._path(institution)
        with self._turn:
            if not (path / META).is_file():
                self._open.pop(institution, None)
                return None
            known = self._open.get(institution)
            if known is None:
                try:
                    known = _Opened(path)
                except ValueError as err:
                    self._unreadable(path, err)
                    return None
                self._open[institution] = known
            return known

    def _unreadable(self, path: Path, err: ValueError) -> None:
        """Tell of an index that counts as none; raises where it is the process that lacks."""
        if _LACKING.search(str(err)):
            raise UnavailableError(f"{path}: it can't be read now: {err}") from err
        self._log.warning("an index can't be opened", path=str(path), error=err)

    def _made(self, institution: str) -> _Opened:
        """A new index, in place of one of another version or one that can't be opened."""
        path = self._path(institution)
        with self._turn:
            shutil.rmtree(path.parent, ignore_errors=True)
            path.mkdir(parents=True)
            made = self._open[institution] = _Opened(path)
            self._torn.discard(institution)
            return made

    def _path(self, institution: str) -> Path:
        return self._folder / institution / f"v{schema.VERSION}"


class _Opened:
    """An index that is open; what other processes have committed is seen by the next searcher."""

    def __init__(self, path: Path) -> None:
        self.index = _index_at(path)
        self.index.config_reader("manual")
        self._meta = path / META
        self._seen: tuple[int, int] | None = None
        self._turn = threading.Lock()

    def searcher(self) -> Searcher:
        """The newest commit."""
        state = _state(self._meta.stat())
        with self._turn:
            if state != self._seen:
                self.index.reload()
                self._seen = state
            return self.index.searcher()


def _index_at(path: Path) -> Index:
    index = Index(schema.schema(), path=str(path))
    index.register_tokenizer(schema.ANALYSER, schema.analyser())
    return index


def _state(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_ino, stat.st_mtime_ns


def _begun(searcher: Searcher, word: str) -> list[str]:
    """The most frequent words of the index that begin with a word."""
    terms = schema.words_of(word)
    if not terms:
        return []
    counts: dict[str, int] = {}
    for field in ("title", "text"):
        for term, documents in searcher.terms_with_prefix(
            field, terms[-1], limit=schema.MOST_BEGUN
        ):
            counts[term] = counts.get(term, 0) + documents
    return sorted(counts, key=lambda term: (-counts[term], term))[: schema.MOST_BEGUN]
