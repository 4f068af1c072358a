"""Typed access to TOML tables, with errors that name the file and the key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from course_builder.errors import CourseError

FENCE = "+++"


class Table:
    """A TOML table that remembers which file (and which part of it) it came from."""

    def __init__(self, source: Path, data: Mapping[str, object], where: str = "") -> None:
        self.source = source
        self.where = where
        self._data = data

    def fail(self, problem: str, remedy: str) -> CourseError:
        """An error about this table, ready to raise."""
        return CourseError(self.source, f"{self.where}{problem}", remedy)

    def text(self, key: str, default: str | None = None) -> str:
        """The string under *key*, stripped; required unless a default is given."""
        value = self._data.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.fail(f"'{key}' is missing or is not text", f'add: {key} = "..."')
        return value.strip()

    def number(self, key: str, default: int) -> int:
        """The whole number under *key*."""
        value = self._data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fail(f"'{key}' is not a whole number", f"write: {key} = {default}")
        return value

    def flag(self, key: str, *, default: bool | None = None) -> bool:
        """The true/false value under *key*; required unless a default is given."""
        value = self._data.get(key, default)
        if not isinstance(value, bool):
            raise self.fail(f"'{key}' must be true or false", f"write: {key} = true")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of strings under *key*; empty when absent."""
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(f"'{key}' is not a list of texts", f'write: {key} = ["...", "..."]')
        return tuple(str(v) for v in value)

    def tables(self, key: str) -> tuple[Table, ...]:
        """The array of tables under *key*; empty when absent."""
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise self.fail(f"'{key}' is not a list of tables", f"write: [[{key}]] before each one")
        named = (f"{self.where}{key} {n}: " for n in range(1, len(value) + 1))
        return tuple(Table(self.source, v, w) for v, w in zip(value, named, strict=True))

    def table(self, key: str) -> Table:
        """The single table under *key*."""
        value = self._data.get(key)
        if not isinstance(value, dict):
            raise self.fail(f"the [{key}] table is missing", f"add a line: [{key}]")
        return Table(self.source, value, f"{self.where}[{key}] ")


def read_text(source: Path) -> str:
    """The file's text, with line endings made uniform."""
    try:
        return source.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CourseError(source, "there is no such file", "create it or fix its name") from None
    except UnicodeDecodeError as error:
        raise CourseError(source, f"not UTF-8 ({error.reason})", "save it as UTF-8") from error


def parse_toml(source: Path, text: str) -> Table:
    """Parse TOML text that came from *source*."""
    try:
        return Table(source, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CourseError(source, f"not valid TOML: {error}", "fix the line it names") from error


def read_toml(source: Path) -> Table:
    """Read a TOML file."""
    return parse_toml(source, read_text(source))


def read_front_matter(source: Path) -> tuple[Table, str]:
    """Split a Markdown file into its ``+++`` TOML front matter (may be absent) and its body."""
    text = read_text(source)
    if not text.startswith(FENCE + "\n"):
        return Table(source, {}), text
    head, fence, body = text[len(FENCE) + 1 :].partition(f"\n{FENCE}\n")
    if not fence:
        raise CourseError(source, "the front matter is not closed", f"add a line: {FENCE}")
    return parse_toml(source, head), body
