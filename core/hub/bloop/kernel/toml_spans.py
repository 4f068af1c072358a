"""Where each key of a TOML document stands; `tomllib` and tomlkit don't tell.

The scanner trusts that `tomllib` has accepted the text: it finds keys and the ends of values and
checks nothing. Grammar: https://toml.io/en/v1.0.0.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys from the root down; the elements of an array are numbered from 0."""

_BLANK = re.compile(r"[ \t]*")
_SKIP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}'
    r"|'''(?:[^']|'{1,2}(?!'))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\r\n]*[^,\]}#\r\n \t]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A header, a key with its value, or an element of an array.

    ``start`` and ``end`` are offsets of the whole entry, ``value`` the offset at which the value
    starts (``end`` for a header), ``table`` the path of the header or inline table it stands in.
    """

    path: Path
    table: Path
    start: int
    value: int
    end: int
    line: int
    header: bool = False


def scan(text: str) -> list[Entry]:
    """Every entry of the text, which has to be valid TOML, in the order of their starts."""
    scanner = _Scanner(text)
    scanner.document()
    return sorted(scanner.entries, key=lambda entry: (entry.start, -entry.end))


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.entries: list[Entry] = []
        self.array_tables: dict[Path, int] = {}
        self._line = 1
        self._counted = 0

    def document(self) -> None:
        table: Path = ()
        position = self._skip(_SKIP, 0)
        while position < len(self.text):
            if self.text[position] == "[":
                table, position = self._header(position)
            else:
                position = self._pair(position, table)
            position = self._skip(_SKIP, position)

    def _skip(self, pattern: re.Pattern[str], position: int) -> int:
        match = pattern.match(self.text, position)
        if match is None:
            raise ValueError(f"not TOML at offset {position}")
        return match.end()

    def _line_of(self, position: int) -> int:
        # Entries start one after the other, so each newline is counted once.
        self._line += self.text.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def _header(self, start: int) -> tuple[Path, int]:
        brackets = 2 if self.text.startswith("[[", start) else 1
        names, position = self._dotted(start + brackets)
        end = position + brackets
        path: Path = ()
        for index, name in enumerate(names, 1):
            path = (*path, name)
            if brackets == 2 and index == len(names):
                self.array_tables[path] = self.array_tables.get(path, -1) + 1
            if path in self.array_tables:
                path = (*path, self.array_tables[path])
        self.entries.append(Entry(path, path, start, end, end, self._line_of(start), header=True))
        return path, end

    def _dotted(self, position: int) -> tuple[list[str], int]:
        names: list[str] = []
        while True:
            position = self._skip(_BLANK, position)
            end = self._skip(_KEY, position)
            raw = self.text[position:end]
            names.append(tomllib.loads(f"k={raw}")["k"] if raw[0] in "\"'" else raw)
            position = self._skip(_BLANK, end)
            if self.text[position] != ".":
                return names, position
            position += 1

    def _pair(self, start: int, table: Path) -> int:
        line = self._line_of(start)
        names, position = self._dotted(start)
        value = self._skip(_BLANK, position + 1)
        path = (*table, *names)
        end = self._value(value, path)
        self.entries.append(Entry(path, table, start, value, end, line))
        return end

    def _value(self, position: int, path: Path) -> int:
        character = self.text[position]
        if character in "\"'":
            return self._skip(_STRING, position)
        if character == "[":
            return self._array(position, path)
        if character == "{":
            return self._inline_table(position, path)
        return self._skip(_BARE, position)

    def _array(self, position: int, path: Path) -> int:
        index = 0
        position = self._skip(_SKIP, position + 1)
        while self.text[position] != "]":
            line = self._line_of(position)
            element = (*path, index)
            end = self._value(position, element)
            self.entries.append(Entry(element, path, position, position, end, line))
            index += 1
            position = self._skip(_SKIP, end)
            if self.text[position] == ",":
                position = self._skip(_SKIP, position + 1)
        return position + 1

    def _inline_table(self, position: int, path: Path) -> int:
        position = self._skip(_SKIP, position + 1)
        while self.text[position] != "}":
            position = self._skip(_SKIP, self._pair(position, path))
            if self.text[position] == ",":
                position = self._skip(_SKIP, position + 1)
        return position + 1
