"""The declarative plan of a video: scenes with narration, one visual each, and cues.

A storyboard says what is shown and said, never how it is drawn. It is JSON, checked whole when it
is read; :func:`storyboard_schema` is its JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from bloop_sdk.errors import MalformedRecordError
from bloop_sdk.storyboard.visuals import Image, Model, Name, Visual

VERSION: Final = 1
MOST_NARRATION: Final = 60_000
"""Characters that a whole storyboard says at most: about an hour."""

Concept = Annotated[str, Field(min_length=1, max_length=80)]


class Line(Model):
    """What is said, in one breath or a few; ``$...$`` within is LaTeX, read aloud as words."""

    id: Name
    text: Annotated[str, Field(min_length=1, max_length=1000)]


class Cue(Model):
    """When ``word`` of a line is said (the ``nth`` of that spelling), do ``action`` to a part.

    A part that some cue shows is hidden until then; all others are there from the beginning.
    """

    line: Name
    word: Annotated[str, Field(min_length=1, max_length=60)]
    nth: Annotated[int, Field(ge=1, le=50)] = 1
    action: Literal["show", "highlight", "hide"] = "show"
    target: Annotated[str, Field(min_length=1, max_length=48)]


class Scene(Model):
    """One picture and what is said to it."""

    id: Name
    title: Annotated[str, Field(max_length=80)] = ""
    concepts: Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=12)] = Field(
        default_factory=list
    )
    narration: Annotated[list[Line], Field(max_length=12)] = Field(default_factory=list)
    visual: Visual
    cues: Annotated[list[Cue], Field(max_length=40)] = Field(default_factory=list)
    seconds: Annotated[float, Field(gt=0, le=120)] | None = Field(
        default=None, description="how long it stays at least; without narration, how long"
    )

    @model_validator(mode="after")
    def _cues_meet(self) -> Scene:
        lines = [line.id for line in self.narration]
        if len(set(lines)) < len(lines):
            raise ValueError("two lines have the same id")
        parts = self.visual.parts()
        for cue in self.cues:
            if cue.line not in lines:
                raise ValueError(f"a cue names line {cue.line!r}; there are: {', '.join(lines)}")
            if cue.target not in parts:
                known = ", ".join(parts)
                raise ValueError(
                    f"a cue names part {cue.target!r}; the {self.visual.kind} has {known}"
                )
        return self


class Asset(Model):
    """A picture that scenes show; ``source`` is how the lesson names it."""

    id: Name
    source: Annotated[str, Field(max_length=2000)]
    alt: Annotated[str, Field(max_length=400)] = ""


class Storyboard(Model):
    """A whole video, before anything is spoken or drawn."""

    version: Literal[1] = VERSION
    title: Annotated[str, Field(min_length=1, max_length=160)]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en"
    presenter: Literal["none", "voice", "avatar"] = "voice"
    made_by: Literal["author", "extraction", "model"] = "author"
    scenes: Annotated[list[Scene], Field(min_length=1, max_length=80)]
    assets: Annotated[list[Asset], Field(max_length=80)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _whole(self) -> Storyboard:
        for what in (self.scenes, self.assets):
            ids = [one.id for one in what]
            twice = {id_ for id_ in ids if ids.count(id_) > 1}
            if twice:
                raise ValueError(f"used twice as an id: {', '.join(sorted(twice))}")
        said = sum(len(line.text) for scene in self.scenes for line in scene.narration)
        if said > MOST_NARRATION:
            raise ValueError(f"{said} characters are said, at most {MOST_NARRATION}: make it two")
        known = {asset.id for asset in self.assets}
        for scene in self.scenes:
            if isinstance(scene.visual, Image) and scene.visual.asset not in known:
                raise ValueError(
                    f"scene {scene.id} shows {scene.visual.asset!r}, which is no asset"
                )
        return self


def read_storyboard(value: Any) -> Storyboard:
    """A storyboard from JSON text or what JSON gives.

    Raises :class:`MalformedRecordError` with every fault and its place.
    """
    try:
        if isinstance(value, str | bytes):
            return Storyboard.model_validate_json(value)
        return Storyboard.model_validate(value)
    except ValidationError as err:
        faults = "; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in err.errors()[:20])
        raise MalformedRecordError(f"not a storyboard: {faults}") from None


def _place(where: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in where) or "storyboard"


def storyboard_schema() -> dict[str, Any]:
    """JSON Schema of a storyboard; unions are ``anyOf``, which every vendor's strict mode takes."""
    schema: dict[str, Any] = _plain(Storyboard.model_json_schema())
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        names = {"oneOf": "anyOf"}
        return {names.get(k, k): _plain(v) for k, v in node.items() if k != "discriminator"}
    return [_plain(one) for one in node] if isinstance(node, list) else node
