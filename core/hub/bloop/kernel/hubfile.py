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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bloop.kernel.config_errors import toml
from bloop.kernel.toml_spans import Entry, scan
from bloop_sdk.errors import ConfigError, RetriableError

LOCK_SECONDS = 10.0
WIDE = 80
"""A longer list is written with one entry a line."""

Key = tuple[str, ...]
Keep = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit did: a unified diff, empty where the file already said so."""

    path: Path
    diff: str

    @property
    def changed(self) -> bool:
        """Whether the file was written."""
        return bool(self.diff)


def enable(
    path: Path, plugin_id: str, granted: Sequence[str] | None = None, *, keep: Keep | None = None
) -> Edit:
    """Switch a plugin on, and grant it these rights; adds its table where there is none."""
    return set_keys(path, switch_keys(plugin_id, granted, enabled=True), keep=keep)


def disable(path: Path, plugin_id: str, *, keep: Keep | None = None) -> Edit:
    """Switch a plugin off; its settings stay."""
    return set_keys(path, switch_keys(plugin_id, None, enabled=False), keep=keep)


def switch_keys(plugin_id: str, granted: Sequence[str] | None, *, enabled: bool) -> dict[Key, Any]:
    """What is written to switch a plugin; the rights of one that is switched off stay."""
    keys: dict[Key, Any] = {("plugins", plugin_id, "enabled"): enabled}
    if granted is not None:
        keys["plugins", plugin_id, "granted"] = list(granted)
    return keys


def set_keys(path: Path, keys: Mapping[Key, Any], *, keep: Keep | None = None) -> Edit:
    """Set ``("plugins", "canvas", "order")`` and the like at once; two writers take turns.

    ``keep`` is given the text before and after, before the file is replaced. Raises
    :class:`ConfigError` where the file is missing, no TOML, or so written that a key cannot be set
    without a rewrite, and :class:`RetriableError` where another writer holds it.
    """
    return _edited(path, lambda text: with_values(path, text, keys), keep)


def forget(path: Path, plugin_id: str) -> Edit:
    """Take a plugin's section out, with the comments that touch it; raises as :func:`set_keys`."""

    def change(text: str) -> str:
        with _told(path, f"take [plugins.{plugin_id}] out by hand"):
            return without_plugin(text, plugin_id)

    return _edited(path, change)


def _edited(path: Path, change: Callable[[str], str], keep: Keep | None = None) -> Edit:
    with locked(path) as target:
        before = read_text(path)
        after = change(before)
        if after != before:
            if keep is not None:
                keep(before, after)
            replace(target, after)
    return Edit(path, diff(path, before, after))


def read_text(path: Path) -> str:
    """The file as it is, byte for byte; raises :class:`ConfigError` where it is no text."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as err:
        raise ConfigError(f"{path}: cannot be read: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise ConfigError(f"{path}: not TOML: {err}", cure="mend it by hand first") from err


def with_values(path: Path, text: str, keys: Mapping[Key, Any]) -> str:
    """The text of ``path`` with keys set; raises :class:`ConfigError` as :func:`set_keys` does."""
    for key, value in keys.items():
        by_hand = f"write by hand: [{'.'.join(key[:-1])}] {key[-1]} = {toml(value)}"
        with _told(path, by_hand):
            text = with_value(text, key, value)
    return text


@contextlib.contextmanager
def _told(path: Path, by_hand: str) -> Iterator[None]:
    """What keeps a text from being edited, as a :class:`ConfigError`."""
    try:
        yield
    except tomllib.TOMLDecodeError as err:
        raise ConfigError(f"{path}: not TOML: {err}", cure="mend it by hand first") from err
    except ValueError as err:
        raise ConfigError(f"{path}: cannot be edited safely", cure=by_hand) from err


def diff(path: Path, before: str, after: str) -> str:
    """A unified diff of two texts of the file; empty where they are the same."""
    old, new = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(difflib.unified_diff(old, new, str(path), str(path)))


def with_value(text: str, key: Key, value: Any) -> str:
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

    item = tomlkit.item(value)
    rendered: str = item.as_string()
    if isinstance(value, list) and len(rendered) > WIDE:
        rendered = item.multiline(multiline=True).as_string()
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
def locked(path: Path) -> Iterator[Path]:
    """Keep other writers of the file away; gives the file itself, where ``path`` is a link.

    Raises :class:`RetriableError` where another one holds it for too long.
    """
    target = Path(os.path.realpath(path))
    folder = target.parent
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
        yield target
    finally:
        os.close(handle)


def replace(path: Path, text: str) -> None:
    """Write beside the file and rename, so that a reader sees the old or the new, whole."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
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
