"""Edit ``hub.toml`` in place: comments, order and the rest of the text stay as they are."""

from __future__ import annotations

import contextlib
import copy
import difflib
import fcntl
import os
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bloop.kernel.config_errors import toml
from bloop.kernel.toml_spans import Entry, scan
from bloop_sdk.errors import ConfigError, RetriableError

LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit did: a unified diff, empty where the file already said so."""

    path: Path
    diff: str

    @property
    def changed(self) -> bool:
        """Whether the file was written."""
        return bool(self.diff)


def enable(path: Path, plugin_id: str) -> Edit:
    """Switch a plugin on; adds its table where there is none."""
    return set_key(path, ("plugins", plugin_id, "enabled"), value=True)


def disable(path: Path, plugin_id: str) -> Edit:
    """Switch a plugin off; its settings stay."""
    return set_key(path, ("plugins", plugin_id, "enabled"), value=False)


def set_key(path: Path, key: tuple[str, ...], *, value: Any) -> Edit:
    """Set ``("plugins", "canvas", "order")`` and the like; two writers take turns.

    Raises :class:`ConfigError` where the file is missing, no TOML, or so written that the key
    cannot be set without a rewrite, and :class:`RetriableError` where another writer holds it.
    """
    table, name = ".".join(key[:-1]), key[-1]
    by_hand = f"write by hand: [{table}] {name} = {toml(value)}"
    return _edited(path, lambda text: with_value(text, key, value), by_hand)


def forget(path: Path, plugin_id: str) -> Edit:
    """Take a plugin's section out, with the comments that touch it; raises as :func:`set_key`."""
    by_hand = f"take [plugins.{plugin_id}] out by hand"
    return _edited(path, lambda text: without_plugin(text, plugin_id), by_hand)


def _edited(path: Path, change: Callable[[str], str], by_hand: str) -> Edit:
    target = Path(os.path.realpath(path))
    with _locked(target.parent):
        try:
            data = target.read_bytes()
        except OSError as err:
            raise ConfigError(f"{path}: cannot be read: {err.strerror}") from err
        try:
            before = data.decode("utf-8")
            after = change(before)
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
            raise ConfigError(f"{path}: not TOML: {err}", cure="mend it by hand first") from err
        except ValueError as err:
            raise ConfigError(f"{path}: cannot be edited safely", cure=by_hand) from err
        if after != before:
            _replace(target, after.encode("utf-8"))
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    return Edit(path, "".join(difflib.unified_diff(old, new, str(path), str(path))))


def with_value(text: str, key: tuple[str, ...], value: Any) -> str:
    """The text with a key set. Raises ValueError where that needs a rewrite of the document."""
    body = text.removeprefix("\ufeff")
    data = tomllib.loads(body)
    wanted = copy.deepcopy(data)
    table: Any = wanted
    for name in key[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ValueError(f"{name} is no table")  # noqa: TRY004 - of the document, not the call
    if key[-1] in table and table[key[-1]] == value and type(table[key[-1]]) is type(value):
        return text
    table[key[-1]] = value
    newline = "\r\n" if "\r\n" in body else "\n"
    edited = _edit(body, scan(body), key, _render(value), newline)
    if tomllib.loads(edited) != wanted:
        raise ValueError("the edit would change something else")
    return text[: len(text) - len(body)] + edited


def without_plugin(text: str, plugin_id: str) -> str:
    """The text without ``[plugins.<id>]``, however it is written; raises as :func:`with_value`."""
    body = text.removeprefix("\ufeff")
    wanted = tomllib.loads(body)
    key = ("plugins", plugin_id)
    if plugin_id not in wanted.get("plugins", {}):
        return text
    del wanted["plugins"][plugin_id]
    edited = body
    for start, end in reversed(_stretches(body, key)):
        edited = edited[:start] + edited[end:]
    left = tomllib.loads(edited)
    if {"plugins": {}, **left} != {"plugins": {}, **wanted}:
        raise ValueError("the edit would change something else")
    return text[: len(text) - len(body)] + edited


def _stretches(body: str, key: tuple[str, ...]) -> list[tuple[int, int]]:
    """Where the entries below a key stand: whole lines, with the comments that touch them."""
    found: list[tuple[int, int]] = []
    inside = False
    for entry in scan(body):
        if found and entry.start < found[-1][1]:
            continue  # An element of what goes.
        if entry.path[: len(key)] != key:
            inside = False
            continue
        start = body.rfind("\n", 0, entry.start) + 1
        if entry.header:
            start = _above(body, start)
        end = body.find("\n", entry.end) + 1 or len(body)
        if len(entry.table) >= len(key):
            end = _below(body, end)
        # Between two entries of the section everything is the section's.
        found.append((found.pop()[0] if inside else start, end))
        inside = True
    return found


def _above(body: str, start: int) -> int:
    """Where the comments directly over a line begin."""
    while start:
        before = body.rfind("\n", 0, start - 1) + 1
        if not body[before:start].lstrip(" \t").startswith("#"):
            return start
        start = before
    return start


def _below(body: str, end: int) -> int:
    """Where the comments directly below a line end; those that lead on to a header stay.

    One blank line goes with them.
    """
    at = end
    while body[at:].lstrip(" \t").startswith("#"):
        at = body.find("\n", at) + 1 or len(body)
    if body[at : at + 1] != "[":
        end = at
    blank = body.find("\n", end) + 1
    return blank if blank and not body[end:blank].strip() else end


def _render(value: Any) -> str:
    import tomlkit

    rendered: str = tomlkit.item(value).as_string()
    return rendered


def _render_key(keys: tuple[str | int, ...]) -> str:
    import tomlkit

    return ".".join(tomlkit.key(str(name)).as_string() for name in keys)


def _edit(body: str, entries: list[Entry], key: tuple[str, ...], value: str, newline: str) -> str:
    """Replace the value, else add the key to its table, else add the table."""
    parent = key[:-1]
    for entry in entries:
        if entry.path == key and not entry.header:
            return body[: entry.value] + value + body[entry.end :]
    for length in range(len(parent), 0, -1):
        prefix = key[:length]
        for entry in entries:
            if entry.path == prefix and not entry.header and body[entry.value] == "{":
                return _into_inline_table(body, entry, _render_key(key[length:]), value)
    if not parent:
        raise ValueError("a key outside of every table")
    # Keys written with dots below another header forbid a header of their own.
    dotted = [e for e in entries if e.path[: len(parent)] == parent and len(e.table) < len(parent)]
    if not dotted and any(entry.path == parent and entry.header for entry in entries):
        dotted = [entry for entry in entries if entry.table == parent]
    if dotted:
        last = dotted[-1]
        return _after(body, last, f"{_render_key(key[len(last.table) :])} = {value}", newline)
    return _with_table(body, entries, key, value, newline)


def _into_inline_table(body: str, entry: Entry, name: str, value: str) -> str:
    inside = body[entry.value + 1 : entry.end - 1].rstrip()
    pair = f"{name} = {value}"
    filled = f"{inside}, {pair} }}" if inside.strip() else f" {pair} }}"
    return body[: entry.value + 1] + filled + body[entry.end :]


def _after(body: str, entry: Entry, line: str, newline: str) -> str:
    start = body.rfind("\n", 0, entry.start) + 1
    indent = "" if entry.header else body[start : entry.start]
    end = body.find("\n", entry.end)
    if end == -1:
        return f"{body}{newline}{indent}{line}{newline}"
    return f"{body[: end + 1]}{indent}{line}{newline}{body[end + 1 :]}"


def _with_table(
    body: str, entries: list[Entry], key: tuple[str, ...], value: str, newline: str
) -> str:
    """Add ``[a.b]`` behind the last table that starts with ``a``, else at the end."""
    table = f"[{_render_key(key[:-1])}]{newline}{_render_key(key[-1:])} = {value}{newline}"
    kin = [entry for entry in entries if entry.table[:1] == key[:1]]
    others = [entry for entry in entries if entry.header and kin and entry.start > kin[-1].start]
    if not others:
        gap = newline * (2 - (body.endswith("\n") or not body)) if body.strip() else ""
        return f"{body}{gap}{table}"
    # Comments that touch the last key belong to it; those behind a blank line to what follows.
    position = body.find("\n", kin[-1].end) + 1
    while body[position:].lstrip(" \t").startswith("#"):
        position = body.find("\n", position) + 1
    return f"{body[:position]}{newline}{table}{body[position:]}"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # The folder is locked, since a rename gives the file a new inode, and a lock file of its
    # own would litter.
    handle = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RetriableError(
                        f"{folder}: another process is editing hub.toml",
                        cure="try again when it is done",
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, data: bytes) -> None:
    """Write beside the file and rename, so that a reader sees the old or the new, whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        status = path.stat()
        fresh.chmod(status.st_mode)
        with contextlib.suppress(PermissionError):
            os.chown(fresh, status.st_uid, status.st_gid)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
