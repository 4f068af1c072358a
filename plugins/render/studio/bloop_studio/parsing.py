"""Reads what :mod:`bloop_studio.script` describes; every fault with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from pydantic import ValidationError
from yaml.events import AliasEvent

from bloop_sdk import gettext_noop
from bloop_sdk.storyboard import Storyboard
from bloop_studio.faults import MOST, Fault, FaultsError, fault_of
from bloop_studio.marked import mark_fault, unmarked

LONGEST, LONGEST_LINE = 1_000_000, 20_000
"""Characters of a script, and of a line of narration with its marks."""
_HEADING = re.compile(r"##(?: (?P<title>.*?))? \{#(?P<id>\S+?)(?: seconds=(?P<seconds>\S+))?\}")
_LINE = re.compile(r"- (?P<text>.*) \{#(?P<id>\S+)\}", re.DOTALL)
ANCHORS = gettext_noop("anchors are not read here")
_FENCE = re.compile(r"```\s*(visual|cues)\s*")


class ScriptError(FaultsError):
    """A script that is no storyboard; each fault has its line."""


@dataclass
class _Script:
    """What was read, and on which line each part of it stands."""

    head: dict[str, Any] = field(default_factory=dict)
    scenes: list[dict[str, Any]] = field(default_factory=list)
    places: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def line_of(self, where: tuple[Any, ...]) -> int:
        """The line of the nearest part around ``where``."""
        while where and where not in self.places:
            where = where[:-1]
        return self.places.get(where, 1)


def from_markdown(text: str) -> Storyboard:
    """The storyboard that a script describes. Raises :class:`ScriptError`."""
    if len(text) > LONGEST:
        raise ScriptError(
            [Fault(gettext_noop("longer than {most} characters").format(most=LONGEST), line=1)]
        )
    script = _Script()
    rows = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    _Reader(script, rows).read()
    try:
        return Storyboard.model_validate({**script.head, "scenes": script.scenes})
    except ValidationError as err:
        faults = [
            fault_of(one, line=script.line_of(tuple(one["loc"])), part=_part(one["loc"]))
            for one in err.errors()[:MOST]
        ]
        raise ScriptError(sorted(faults, key=lambda one: (one.line, str(one)))) from None


def _part(where: tuple[int | str, ...]) -> str:
    """The part of a scene, or of the head, that a fault is about."""
    folded = {"scenes", "narration", "visual", "cues"}
    inner = [str(one) for n, one in enumerate(where, 1) if one not in folded or n == len(where)]
    named = ".".join(one for one in inner[1:] if where[0] == "scenes") or ".".join(inner[:1])
    return named if (named and where[0] != "scenes") or len(inner) > 1 else ""


class _Reader:
    def __init__(self, script: _Script, rows: Sequence[str]) -> None:
        self._script = script
        self._rows = rows
        self._at = 0

    def read(self) -> None:
        self._head()
        while self._at < len(self._rows):
            row = self._rows[self._at]
            if not row.strip():
                self._at += 1
            elif row.startswith("## "):
                self._heading()
            elif not self._script.scenes:
                raise self._fault(gettext_noop("a scene starts with: ## Title {#id}"))
            elif row.startswith("- "):
                self._line()
            elif row.startswith("concepts:"):
                self._scene["concepts"] = self._loaded(row, self._at).get("concepts")
                self._at += 1
            elif _FENCE.fullmatch(row):
                self._block()
            else:
                raise self._fault(
                    gettext_noop(
                        'not understood; narration starts with "- ", a picture with "```visual", '
                        'a scene with "## "'
                    )
                )

    @property
    def _scene(self) -> dict[str, Any]:
        return self._script.scenes[-1]

    def _fault(self, what: str, line: int | None = None, **values: object) -> ScriptError:
        return ScriptError([Fault(what, values, (self._at if line is None else line) + 1)])

    def _place(self, *where: Any) -> None:
        scene = len(self._script.scenes) - 1
        self._script.places["scenes", scene, *where] = self._at + 1

    def _head(self) -> None:
        while self._at < len(self._rows) and not self._rows[self._at].strip():
            self._at += 1
        if self._at == len(self._rows) or self._rows[self._at].rstrip() != "---":
            raise self._fault(
                gettext_noop('a script starts with "---", then title: and language:, then "---"')
            )
        start = self._at + 1
        end = self._end(start, "---")
        loaded = self._loaded("\n".join(self._rows[start:end]), start)
        self._script.head = loaded
        for number, row in enumerate(self._rows[start:end], start + 1):
            self._script.places[row.split(":")[0],] = number
        self._at = end + 1

    def _end(self, start: int, mark: str) -> int:
        for number in range(start, len(self._rows)):
            row = self._rows[number]
            if row.rstrip() == mark:
                return number
            if row.startswith(("## ", "```")):
                break
        raise self._fault(gettext_noop("%(mark)s is missing at its end"), start - 1, mark=mark)

    def _heading(self) -> None:
        found = _HEADING.fullmatch(self._rows[self._at].rstrip())
        if found is None:
            raise self._fault(
                gettext_noop("a scene starts with: ## Title {#id} or ## Title {#id seconds=8}")
            )
        scene: dict[str, Any] = {"id": found["id"], "title": self._unquoted(found["title"] or "")}
        if found["seconds"]:
            scene["seconds"] = found["seconds"]
        self._script.scenes.append(scene | {"narration": [], "cues": []})
        self._place()
        self._place("id")
        self._at += 1

    def _line(self) -> None:
        start = self._at
        rows = [self._rows[start].rstrip()]
        length = len(rows[0])
        # Long lines may go on, indented.
        while _LINE.fullmatch(" ".join(rows)) is None:
            following = self._rows[start + len(rows)] if start + len(rows) < len(self._rows) else ""
            if not following.startswith("  ") or not following.strip():
                raise self._fault(
                    gettext_noop("a line of narration ends with its id: - What is said. {#l1}")
                )
            rows.append(following.strip())
            length += len(rows[-1]) + 1
            if length > LONGEST_LINE:
                break
        if length > LONGEST_LINE:
            raise self._fault(
                gettext_noop("a line of narration has more than %(most)s characters"),
                most=LONGEST_LINE,
            )
        found = _LINE.fullmatch(" ".join(rows))
        assert found is not None
        self._place("narration", len(self._scene["narration"]))
        try:
            text, cues = unmarked(self._unquoted(found["text"]), found["id"])
        except ValueError as err:
            raise ScriptError([replace(mark_fault(err), line=start + 1)]) from None
        self._scene["narration"].append({"id": found["id"], "text": text})
        for cue in cues:
            self._place("cues", len(self._scene["cues"]))
            self._scene["cues"].append(cue.model_dump())
        self._at = start + len(rows)

    def _block(self) -> None:
        start = self._at
        kind = self._rows[start].removeprefix("```").strip()
        end = self._end(start + 1, "```")
        loaded = read_yaml("\n".join(self._rows[start + 1 : end]), start + 1)
        if kind == "visual":
            if "visual" in self._scene:
                raise self._fault(gettext_noop("the scene has a visual already"))
            self._scene["visual"] = loaded
            self._place("visual")
        elif isinstance(loaded, list):
            self._place("cues")
            self._scene["cues"] += loaded
        else:
            raise self._fault(
                gettext_noop("cues are a list: - {line: l1, word: middle, target: item-1}")
            )
        self._at = end + 1

    def _loaded(self, text: str, start: int) -> dict[str, Any]:
        loaded = read_yaml(text, start)
        if not isinstance(loaded, dict):
            raise self._fault(gettext_noop("there should be: key: value"), start)
        return dict(loaded)

    def _unquoted(self, text: str) -> str:
        if not text.startswith('"'):
            return text.strip()
        try:
            return str(json.loads(text))
        except ValueError:
            raise self._fault(
                gettext_noop(
                    'a text that starts with " is a JSON string, with its end and \\" within'
                )
            ) from None


class _Loader(yaml.SafeLoader):
    """Without anchors: a few lines of them would unfold to gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(AliasEvent):
            raise yaml.MarkedYAMLError(
                problem=ANCHORS,
                problem_mark=self.peek_event().start_mark,  # type: ignore[no-untyped-call]
            )
        return super().compose_node(parent, index)


def read_yaml(text: str, start: int) -> Any:
    """What YAML says; ``start`` is the line before the first of ``text``, counted from 1.

    Raises :class:`ScriptError`.
    """
    try:
        return _Loader(f"{text}\n").get_single_data()
    except yaml.MarkedYAMLError as err:
        line = min(err.problem_mark.line if err.problem_mark else 0, text.count("\n"))
        raise ScriptError([_no_yaml(err.problem or "", start + line + 1)]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise ScriptError([_no_yaml(str(err)[:200], start + 1)]) from None


def _no_yaml(problem: str, line: int) -> Fault:
    """What the parser says, which is English, but for what is our own."""
    if problem == ANCHORS:
        return Fault(problem, line=line)
    return Fault(gettext_noop("this is no YAML (%(problem)s)"), {"problem": problem}, line)
