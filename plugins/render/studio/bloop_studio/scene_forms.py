"""A scene as the fields of a form, and back; nothing that a form can't hold is lost in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bloop_sdk import MalformedRecordError, UnsupportedError, Words, gettext_noop, words_of
from bloop_sdk.storyboard import Cue, Line, Scene, Storyboard, Visual
from bloop_studio.faults import Fault, fault_of
from bloop_studio.fields import FIELDS, Field, UnreadableError
from bloop_studio.languages import primary
from bloop_studio.marked import mark_fault, marked, unmarked
from bloop_studio.parsing import ScriptError, read_yaml
from bloop_studio.script import yaml_of

_VISUAL: TypeAdapter[Any] = TypeAdapter(Visual)
AS_TEXT = "v"
"""The field of a picture that its fields can't hold: YAML."""
LONGEST = 20_000
"""Characters of a field."""


class SceneFaultsError(MalformedRecordError):
    """A form is no scene; ``faults`` are by the names of their fields."""

    def __init__(self, faults: Mapping[str, Fault]) -> None:
        self.faults = dict(faults)
        super().__init__("; ".join(f"{name}: {what}" for name, what in faults.items()))


@dataclass(slots=True)
class SceneForm:
    """What the form shows; ``values`` are texts by the names of fields."""

    kind: str
    values: dict[str, str] = field(default_factory=dict)

    @property
    def as_text(self) -> bool:
        """Whether the picture is written as YAML."""
        return AS_TEXT in self.values

    @property
    def fields(self) -> tuple[Field, ...]:
        """The picture's fields."""
        return () if self.as_text else FIELDS[self.kind]


def form_of(scene: Scene) -> SceneForm:
    """The form that shows a scene."""
    told, _ = narration_of(scene)
    values = {
        "title": scene.title,
        "narration": told,
        "seconds": "" if scene.seconds is None else f"{scene.seconds:g}",
        "concepts": ", ".join(scene.concepts),
    }
    body = scene.visual.model_dump(mode="json")
    return SceneForm(scene.visual.kind, values | _visual_values(body))


def _visual_values(body: Mapping[str, Any]) -> dict[str, str]:
    values = {}
    for one in FIELDS[body["kind"]]:
        value: Any = body
        for key in one.key.split("."):
            value = value[key]
        values[one.name] = one.write(value)
    try:
        same = _visual_of(body["kind"], values).model_dump(mode="json") == body
    except (UnreadableError, SceneFaultsError):
        same = False
    if same:
        return values
    rest = {name: value for name, value in body.items() if name != "kind"}
    return {AS_TEXT: yaml_of(rest)}


def narration_of(scene: Scene) -> tuple[str, list[Cue]]:
    """The lines with their marks, one a line of text; and the cues that can't be marks."""
    rows, rest = [], []
    for line in scene.narration:
        text, left = marked(line, [one for one in scene.cues if one.line == line.id])
        rows.append(" ".join(text.split("\n")))
        rest += left
    return "\n".join(rows), rest


def given(fields: Mapping[str, str], kind: str = "") -> SceneForm:
    """A form as it was sent; line breaks are the ones that people mean."""
    texts = {name: text[:LONGEST].replace("\r\n", "\n") for name, text in fields.items()}
    kind = kind or texts.get("kind", "")
    wanted = {"title", "narration", "seconds", "concepts"}
    own = {one.name for one in FIELDS.get(kind, ())}
    values = {name: texts.get(name, "") for name in wanted}
    if AS_TEXT in texts:
        values[AS_TEXT] = texts[AS_TEXT]
    else:
        values |= {name: texts.get(name, "") for name in own}
    return SceneForm(kind if kind in FIELDS else "title", values)


def scene_of(form: SceneForm, before: Scene) -> Scene:
    """The scene that a form describes, which was ``before``. Raises :class:`SceneFaultsError`."""
    faults: dict[str, Fault] = {}
    visual = None
    try:
        visual = _visual_of(form.kind, form.values)
    except SceneFaultsError as err:
        faults |= err.faults
    lines, cues = _told(form, before, faults)
    if visual is not None and visual.kind != before.visual.kind:
        # Marks for parts of another picture go with it.
        cues = [one for one in cues if one.target in visual.parts()]
    scene = {
        "id": before.id,
        "title": form.values["title"].strip(),
        "concepts": [one.strip() for one in form.values["concepts"].split(",") if one.strip()],
        "narration": lines,
        "cues": cues,
        "seconds": form.values["seconds"].replace(",", ".").strip() or None,
        "visual": visual or before.visual,
    }
    found = None
    try:
        found = Scene.model_validate({name: _plain(value) for name, value in scene.items()})
    except ValidationError as err:
        for one in err.errors()[:20]:
            where = str(one["loc"][0]) if one["loc"] else "narration"
            if visual is None and not one["loc"]:
                continue  # Marks are held to the picture once there is one.
            name = {"cues": "narration", "visual": ""}.get(where, where)
            faults.setdefault(name, _message(one))
    if found is None or faults:
        raise SceneFaultsError(faults)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.model_dump() if hasattr(value, "model_dump") else value


def _told(form: SceneForm, before: Scene, faults: dict[str, Fault]) -> tuple[list[Any], list[Cue]]:
    """Lines of narration with the ids that they had, and what is marked in them."""
    rows = [row.strip() for row in form.values["narration"].split("\n") if row.strip()]
    old, rest = narration_of(before)
    ids = _ids(old.split("\n") if before.narration else [], rows, before.narration)
    lines: list[Any] = []
    cues: list[Cue] = []
    for number, (id_, row) in enumerate(zip(ids, rows, strict=True), 1):
        try:
            text, found = unmarked(row, id_)
        except ValueError as err:
            faults["narration"] = replace(mark_fault(err), line=number)
            continue
        lines.append({"id": id_, "text": text})
        cues += found
    kept = [one for one in rest if one.line in ids]
    return lines, _in_order(before, [*cues, *kept])


def _in_order(before: Scene, cues: list[Cue]) -> list[Cue]:
    """The same cues in the order that they had, so that nothing has changed where nothing did."""
    left, known = list(cues), []
    for one in before.cues:
        if one in left:
            left.remove(one)
            known.append(one)
    return cues if left else known


def _ids(old: Sequence[str], new: Sequence[str], narration: Sequence[Line]) -> list[str]:
    """A line that stays has its id, one that is changed in its place as well."""
    names = [line.id for line in narration]
    ids: list[str | None] = [None] * len(new)
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in {"equal", "replace"}:
            for at, name in zip(range(c, d), names[a:b], strict=False):
                ids[at] = name
    taken = {*names}
    fresh = (f"line-{n}" for n in range(1, 1000) if f"line-{n}" not in taken)
    return [one or next(fresh) for one in ids]


def _visual_of(kind: str, values: Mapping[str, str]) -> Any:
    """The picture that fields describe. Raises :class:`SceneFaultsError`."""
    body: dict[str, Any] = {"kind": kind}
    faults: dict[str, Fault] = {}
    if AS_TEXT in values:
        try:
            found = read_yaml(values[AS_TEXT], 0)
        except ScriptError as err:
            raise SceneFaultsError({AS_TEXT: err.faults[0]}) from None
        body |= found if isinstance(found, dict) else {}
        body["kind"] = kind
    for one in FIELDS[kind] if AS_TEXT not in values else ():
        try:
            _put(body, one.key, one.read(values.get(one.name, "")))
        except UnreadableError as err:
            faults[one.name] = err.fault
    if faults:
        raise SceneFaultsError(faults)
    try:
        return _VISUAL.validate_python(body)
    except ValidationError as err:
        for fault in err.errors()[:20]:
            faults.setdefault(_field_of(kind, fault["loc"], values), _message(fault))
        raise SceneFaultsError(faults) from None


def _put(body: dict[str, Any], key: str, value: Any) -> None:
    *outer, last = key.split(".")
    for name in outer:
        body = body.setdefault(name, {})
    body[last] = value


def _field_of(kind: str, where: Sequence[Any], values: Mapping[str, str]) -> str:
    """The field that a fault is about; the picture as a whole where it is about none."""
    if AS_TEXT in values:
        return AS_TEXT
    inner = [str(one) for one in where[1:]]
    for one in FIELDS[kind]:
        parts = one.key.split(".")
        if all(a == b for a, b in zip_longest(parts, inner[: len(parts)])):
            return one.name
    return ""


def _message(error: Any) -> Fault:
    numbers = [one + 1 for one in error["loc"] if isinstance(one, int)]
    return fault_of(error, line=numbers[0] if numbers else 0)


def told_faults(faults: Mapping[str, Fault], words: Words) -> dict[str, str]:
    """Faults in a language, by the names of their fields."""
    return {name: fault.told(words) for name, fault in faults.items()}


def carried(form: SceneForm, kind: str, language: str = "en") -> SceneForm:
    """The form for another kind of picture: with what both can hold, and examples of the rest.

    They are in the ``language`` of the video, where they are known in it.
    """
    values = {name: text for name, text in form.values.items() if not name.startswith("v")}
    old = {one.name: one for one in form.fields}
    texts = [form.values[n] for n, f in old.items() if f.widget == "lines" and form.values[n]]
    for one in FIELDS[kind]:
        values[one.name] = form.values.get(one.name, "") if one.name in old else ""
        if one.widget == "lines" and not values[one.name] and texts and one.help == "one a line":
            values[one.name] = texts.pop(0)
    if kind == "title" and not values["v.title"]:
        values["v.title"] = values["title"]
    if kind in EXAMPLES:
        shown = {"kind": kind, **_example(kind, language)}
        body = _VISUAL.validate_python(shown).model_dump(mode="json")
        usual = _visual_values(body)
        values |= {name: text for name, text in usual.items() if not values[name]}
        try:
            _visual_of(kind, values)
        except SceneFaultsError as err:
            values |= {name: text for name, text in usual.items() if name in err.faults}
    return SceneForm(kind, values)


def blank(kind: str, board: Storyboard) -> Scene:
    """A new scene that can be drawn at once; raises UnsupportedError where it has no picture."""
    visual = _example(kind, board.language)
    if not visual:
        if not board.assets:
            raise UnsupportedError(
                gettext_noop("this lesson has no picture to show"),
                cure=gettext_noop("add one to the lesson, then draft anew"),
            )
        visual = {"asset": board.assets[0].id}
    title = _in(board.language, NEW)
    body = {"id": "scene", "title": title, "visual": {"kind": kind, **visual}}
    return Scene.model_validate(body)


def _example(kind: str, language: str) -> dict[str, Any]:
    """What a new picture of a kind shows in a language; empty for one that has to be chosen."""
    found: dict[str, Any] = _in(language, EXAMPLES.get(kind, {}))
    return found


def _in(language: str, value: Any) -> Any:
    """Texts in the language of a video, within what JSON holds."""
    if isinstance(value, str):
        return words_of("bloop_studio", primary(language)).gettext(value)
    if isinstance(value, list):
        return [_in(language, one) for one in value]
    if isinstance(value, dict):
        return {name: _in(language, one) for name, one in value.items()}
    return value


NEW = gettext_noop("New scene")
EXAMPLES: Mapping[str, dict[str, Any]] = {
    "title": {"title": NEW},
    "bullets": {"items": [gettext_noop("First point")]},
    "formula": {"steps": ["a^2 + b^2 = c^2"]},
    "plot": {"x": {"minimum": 0, "maximum": 10}, "curves": [{"expression": "sin(x)"}]},
    "array": {"values": ["1", "2", "3"]},
    "graph": {
        "nodes": [{"id": "a", "label": "A"}, {"id": "b", "label": "B"}],
        "edges": [{"source": "a", "target": "b"}],
    },
    "table": {
        "header": [gettext_noop("What"), gettext_noop("How much")],
        "rows": [[gettext_noop("an apple"), "1"]],
    },
    "code": {"text": "print('Hello')", "language": "python"},
    "compare": {
        "left": {"title": gettext_noop("The one"), "items": [gettext_noop("a point")]},
        "right": {"title": gettext_noop("The other"), "items": [gettext_noop("a point")]},
    },
    "timeline": {
        "moments": [
            {"when": gettext_noop("first"), "what": gettext_noop("it begins")},
            {"when": gettext_noop("then"), "what": gettext_noop("it ends")},
        ]
    },
    "geometry": {
        "shapes": [{"id": "a", "shape": "circle", "vertices": [{"x": 0, "y": 0}], "radius": 1}]
    },
    "quiz": {
        "question": gettext_noop("What is it?"),
        "choices": [gettext_noop("This"), gettext_noop("That")],
        "answer": 1,
    },
}
"""What a new picture of each kind shows; one of the lesson's pictures has to be chosen."""


def pictures(board: Storyboard) -> list[tuple[str, str]]:
    """The pictures that a scene can show, and what is on them."""
    return [(one.id, one.alt or one.source.rpartition("/")[2] or one.id) for one in board.assets]
