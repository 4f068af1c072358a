"""A note's text changed in place: front matter by lines, so that the others stay as they are.

note = Written.of(data)
note.set("title", "Waves")
note.body = "They carry energy."
data = note.encoded()
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from bloop_markdown.properties import MAX_TAGS, TOML, decode, split

_HEAD, _TOML_HEAD = (
    re.compile(
        rf"({opening}[ \t]*(?:\r\n|\r|\n))(.*?(?:\r\n|\r|\n))??"
        rf"({closing}[ \t]*(?:\r\n|\r|\n|\Z))",
        re.DOTALL,
    )
    for opening, closing in (("---", r"(?:---|\.\.\.)"), (r"\+\+\+", r"\+\+\+"))
)
_MARKS = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
_PLAIN = re.compile(r"[^\W\d_][\w/ -]*")
_ERRORS = (yaml.YAMLError, ValueError, TypeError, ArithmeticError, RecursionError)


@dataclass
class Written:
    """A note as it is written. ``head`` are the lines of its front matter; None: it has none.

    A body that nobody gives another one stays as it is, also where it mixes line ends.

    ``opening`` and ``closing`` are the lines around them; ``lost`` names what could not be set.
    """

    body: str
    head: str | None = None
    opening: str = ""
    closing: str = ""
    codec: str = "utf-8"
    newline: str = "\n"
    lost: list[str] = field(default_factory=list)
    _broken: str = ""
    _read: tuple[str, str] = ("", "")

    @classmethod
    def of(cls, data: bytes) -> Written:
        """The note that a file holds."""
        codec = _codec(data)
        text = data[len(_MARKS.get(codec, b"")) :].decode(codec, "replace")
        newline = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
        whole = decode(data)[0]
        about, body = split(whole)
        found = (_TOML_HEAD if text.startswith(TOML) else _HEAD).match(text)
        note = cls(body, codec=codec, newline=newline)
        if found is None or body == whole:
            note._read = (body, text)
            return note
        note.head = found[2] or ""
        note.opening, note.closing = found[1], found[3]
        if about.lost and not about.yaml:
            note._broken = body.removesuffix(_lines(text[found.end() :]))
        note._read = (body, text[found.end() :])
        return note

    @property
    def is_whole(self) -> bool:
        """Whether its bytes were all text: what was read of others is not what stands there."""
        return "\ufffd" not in self._read[1] + (self.head or "") or self.codec != "cp1252"

    def set(self, key: str, value: str | list[str] | None) -> None:
        """Give the front matter one value, or take it away; ``lost`` says where that fails."""
        head = self.head or ""
        before = _loaded(head)
        wanted = {name: one for name, one in (before or {}).items() if name != key}
        if value is not None:
            wanted[key] = value
        made = _with(head, key, value, self.newline)
        fixed = self._broken or self.opening.startswith(TOML) or _holds_more(before, key)
        if fixed or before is None or _loaded(made) != wanted:
            self.lost.append(f"its {key}: the front matter cannot be changed by lines")
        elif made != head:
            self.head = made
            self.opening = self.opening or f"---{self.newline}"
            self.closing = self.closing or f"---{self.newline}"

    def encoded(self) -> bytes:
        """The bytes of the file."""
        body, head = self.body, f"{self.opening}{self.head or ''}{self.closing}"
        if self._broken:
            if body.startswith(self._broken):
                body = body[len(self._broken) :]
            else:
                head = ""  # Somebody has mended or removed what stood in the text.
        elif not head and split(body)[1] != body:
            head = f"---{self.newline}---{self.newline}"
        if head and not head.endswith(("\n", "\r")) and body:
            head += self.newline
        kept = self.body == self._read[0] and not self._broken
        text = head + (self._read[1] if kept else body.replace("\n", self.newline))
        try:
            return _MARKS.get(self.codec, b"") + text.encode(self.codec)
        except UnicodeEncodeError:
            return text.encode()


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


def _codec(data: bytes) -> str:
    """How a note is encoded, as :func:`bloop_markdown.properties.decode` reads it."""
    if wide := next((name for name, mark in _MARKS.items() if data.startswith(mark)), None):
        return wide
    try:
        data.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8"


def _loaded(head: str) -> dict[Any, Any] | None:
    try:
        values = yaml.safe_load(head)
    except _ERRORS:
        return None
    if values is None:
        return {}
    return values if isinstance(values, dict) else None


def _holds_more(head: dict[Any, Any] | None, key: str) -> bool:
    """Whether a key has what was not read of it, and would be lost with it."""
    held = (head or {}).get(key)
    many = held if isinstance(held, list) else []
    return len(many) > MAX_TAGS or any(isinstance(one, list | dict) for one in many)


def _with(head: str, key: str, value: str | list[str] | None, newline: str) -> str:
    """The lines of ``head`` with another value of ``key``, which is put at the end if it is new."""
    lines = head.splitlines(keepends=True)
    begin = next((n for n, line in enumerate(lines) if re.match(rf"{key}[ \t]*:", line)), None)
    new = [] if value is None else [f"{key}: {_yaml(value)}{newline}"]
    if begin is None:
        return "".join([*lines, *new])
    end = begin + 1
    while end < len(lines) and re.match(r"[ \t]|-(?:[ \t]|$)|[\r\n]", lines[end]):
        end += 1
    while end > begin + 1 and not lines[end - 1].strip():
        end -= 1  # Blank lines belong to what follows.
    return "".join([*lines[:begin], *new, *lines[end:]])


def _yaml(value: str | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    try:
        plain = _PLAIN.fullmatch(value) and yaml.safe_load(value) == value
    except _ERRORS:
        plain = False
    return value if plain else json.dumps(value, ensure_ascii=False)
