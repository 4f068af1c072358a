"""Everything in a notebook by its path: order, identity, and what a link means."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from posixpath import basename, normpath, splitext
from urllib.parse import unquote

from bloop_markdown.source import CANVAS_SUFFIX, NOTE_SUFFIXES, is_note
from bloop_sdk.records import Kind, Ref

MAX_SAME_NAME = 1000
"""So many files of one name are looked at for the end of a path: a zip may hold any number."""

MOVED = "path:"
"""How the ``id`` of a note begins that has none of its own, and was moved by the hub."""

_INDEX_NAMES = ("index", "_index", "readme", "home")


def parent_of(path: str) -> str:
    """The folder that a path lies in, with its ``/``; empty for the root."""
    head = path.rstrip("/").rpartition("/")[0]
    return f"{head}/" if head else ""


def stem_of(path: str) -> str:
    """A note's or a folder's name as people say it."""
    name = basename(path.rstrip("/"))
    return splitext(name)[0] if is_note(path) else name


def is_index(path: str) -> bool:
    """Whether a note is the one that tells what its folder is about."""
    return is_note(path) and stem_of(path).lower() in _INDEX_NAMES


def fold(path: str) -> str:
    """A path as links compare it: letter case and Unicode's normal forms aside."""
    return unicodedata.normalize("NFC", path).casefold()


class Index:
    """The files of a notebook and the folders that hold notes (their paths end with ``/``).

    ``ids`` gives the front matter's ``id`` of notes; of those with the same one the shortest path
    keeps it, since whatever makes a copy makes its name longer.
    An ``id`` of ``path:Old/Place.md`` says that the note is still the one that lay there.
    ``order`` is the reading order: folders before what is in them. ``empty`` are folders that hold
    nothing, and are there all the same.
    """

    def __init__(
        self, paths: Iterable[str], ids: Mapping[str, str | None], empty: Iterable[str] = ()
    ) -> None:
        files = set(paths)
        folders = {above for path in files if is_note(path) for above in _above(path)}
        folders |= {above for path in empty for above in (path, *_above(path))}
        self._all = files | folders
        self.order = sorted(self._all, key=sort_key)
        self.remote_ids: dict[str, str] = {}
        self.positions: dict[str, int] = {}
        self._paths: dict[Ref, str] = {}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._folded: dict[str, str] = {}
        self._ends: dict[str, str] = {}
        self._moved: dict[str, str] = {}
        owners: dict[str, str] = {}
        for path in sorted(self.order, key=len):
            if own_id := ids.get(path):
                owners.setdefault(own_id, path)
        for own_id, path in owners.items():
            if own_id.startswith(MOVED):
                self._moved[own_id[len(MOVED) :]] = path
        counts: dict[str, int] = defaultdict(int)
        for path in self.order:
            own_id = ids.get(path)
            self._add(path, own_id if own_id and owners[own_id] == path else None)
            if path.endswith("/") or is_note(path):
                self.positions[path] = counts[parent_of(path)]
                counts[parent_of(path)] += 1
        for same in self._by_name.values():
            same.sort(key=lambda path: (path.count("/"), len(path), path))

    def _add(self, path: str, own_id: str | None) -> None:
        kind = self.kind_of(path)
        place = unicodedata.normalize("NFC", path)
        if own_id and own_id.startswith(MOVED):
            names = [own_id[len(MOVED) :]]
            self._name(path, kind, names[0])
            return
        if place in self._moved:  # Something new lies where a note was that has moved.
            self._name(path, kind, f"{place}#new")
            return
        names = [f"id:{own_id}"] if own_id else []
        names.append(place)
        free = (one for one in names if one not in self._all and Ref(kind, one) not in self._paths)
        self._name(path, kind, path if names == [path] else next(free, path))

    def _name(self, path: str, kind: Kind, remote_id: str) -> None:
        self.remote_ids[path] = remote_id
        self._paths[Ref(kind, remote_id)] = path
        if kind is not Kind.MODULE:
            self._by_name[fold(basename(path))].append(path)
            self._folded.setdefault(fold(path), path)
            self._ends[path] = f"/{fold(path)}"

    @staticmethod
    def kind_of(path: str) -> Kind:
        """What a path becomes."""
        if path.endswith("/"):
            return Kind.MODULE
        if path.lower().endswith(CANVAS_SUFFIX):
            return Kind.OPAQUE
        return Kind.NOTE if is_note(path) else Kind.FILE

    def is_own(self, path: str, own_id: str) -> bool:
        """Whether a note is known by the ``id`` in its front matter."""
        return self.remote_ids[path] in {f"id:{own_id}", own_id.removeprefix(MOVED)}

    def ref(self, path: str) -> Ref:
        """How other records point at what a path becomes."""
        return Ref(self.kind_of(path), self.remote_ids[path])

    def path_of(self, ref: Ref) -> str | None:
        """The path that a record was made of."""
        return self._paths.get(ref)

    def find(self, target: str, folder: str) -> str | None:
        """The file that a link in a note of ``folder`` means: a path, or the end of one.

        As in Obsidian the shortest path wins where several fit; the note's own folder comes first.
        """
        for spelled in dict.fromkeys((target, unquote(target))):
            for suffix in ("", *NOTE_SUFFIXES):
                found = self._find(spelled.strip() + suffix, folder)
                if found:
                    return found
        return None

    def _find(self, target: str, folder: str) -> str | None:
        target = target.replace("\\", "/")
        beside = normpath("/" + (target if target.startswith("/") else folder + target)).lstrip("/")
        if found := self._folded.get(fold(beside)):
            return beside if beside in self.remote_ids else found
        end = fold(normpath(f"/{target}"))
        same = self._by_name.get(basename(end), ())[:MAX_SAME_NAME]
        return next((path for path in same if self._ends[path].endswith(end)), None)


def _above(path: str) -> Iterable[str]:
    folder = parent_of(path)
    while folder:
        yield folder
        folder = parent_of(folder)


def sort_key(path: str) -> tuple[tuple[int, list[tuple[int, str]], str], ...]:
    """Folders with their content, then files, numbers by value; an index note comes first."""
    folders, name = path.rstrip("/").split("/"), ""
    if not path.endswith("/"):
        name = folders.pop()
    parts = [(1, _natural(folder), folder) for folder in folders]
    if name:
        parts.append((0 if is_index(path) else 2, _natural(name), name))
    return tuple(parts)


def _natural(name: str) -> list[tuple[int, str]]:
    """``2 b`` before ``10 a``: digits weigh by their number, letters without their case."""
    pieces = re.split(r"([0-9]+)", fold(name))
    return [(int(piece[:18]), "") if piece.isdecimal() else (-1, piece) for piece in pieces]
