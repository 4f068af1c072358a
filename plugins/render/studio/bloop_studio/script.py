"""A storyboard as Markdown that an educator reads and edits, and back, without loss.

::

    ---
    title: Binary search
    language: en
    ---

    ## The idea {#idea seconds=8}

    concepts: [search, halving]

    - We look at [the middle]{show=item-1} first. {#l1}

    ```visual
    kind: bullets
    items: [The middle, The half]
    ```

A mark may do several things: ``[word]{show=item-1 highlight=item-2}``. What can't be written so
(a title or line with line breaks at its ends, a cue whose word is not in its line) is written as a
JSON string, or in a block ``cues``.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from bloop_sdk.storyboard import Cue, Scene, Storyboard
from bloop_studio.marked import marked, unmarked
from bloop_studio.parsing import from_markdown

__all__ = ["from_markdown", "to_markdown"]


def to_markdown(storyboard: Storyboard) -> str:
    """Markdown that :func:`from_markdown` turns into the same storyboard."""
    head = storyboard.model_dump(exclude={"scenes"}, exclude_defaults=True)
    head = {"title": head.pop("title"), "language": storyboard.language, **head}
    scenes = "\n".join(_scene(one) for one in storyboard.scenes)
    return f"---\n{yaml_of(head)}---\n\n{scenes}"


def _scene(scene: Scene) -> str:
    seconds = "" if scene.seconds is None else f" seconds={scene.seconds!r}"
    parts = [f"## {_quoted(scene.title)} {{#{scene.id}{seconds}}}\n".replace("##  {", "## {")]
    if scene.concepts:
        parts.append(f"concepts: {yaml_of(scene.concepts, flow=True)}")
    lines, rest = _narration(scene)
    if lines:
        parts.append("\n".join(lines) + "\n")
    visual = scene.visual.model_dump(exclude_defaults=True)
    parts.append(_block("visual", {"kind": visual.pop("kind"), **visual}))
    if rest:
        parts.append(_block("cues", [one.model_dump(exclude_defaults=True) for one in rest]))
    return "\n".join(parts)


def _narration(scene: Scene) -> tuple[list[str], list[Cue]]:
    """The lines with their marks, and the cues that are none; all are, if order would be lost."""
    lines, rest = _marked_lines(scene)
    found = [
        cue
        for line, text in zip(scene.narration, lines, strict=True)
        for cue in unmarked(text, line.id)[1]
    ]
    if [*found, *rest] != scene.cues:
        lines, rest = [marked(line, [])[0] for line in scene.narration], scene.cues
    return [
        f"- {_quoted(t)} {{#{n.id}}}" for n, t in zip(scene.narration, lines, strict=True)
    ], rest


def _marked_lines(scene: Scene) -> tuple[list[str], list[Cue]]:
    lines: list[str] = []
    rest: list[Cue] = []
    for line in scene.narration:
        text, left = marked(line, [one for one in scene.cues if one.line == line.id])
        lines.append(text)
        rest += left
    return lines, [one for one in scene.cues if one in rest]


def _quoted(text: str) -> str:
    """As it stands, unless it would be read otherwise."""
    odd = text != text.strip() or text.startswith('"') or text.endswith("}") or "\n" in text
    return json.dumps(text, ensure_ascii=False) if odd or not text.isprintable() else text


def _block(name: str, value: Any) -> str:
    return f"```{name}\n{yaml_of(value)}```\n"


class _Dumper(yaml.SafeDumper):
    """Source text as a block that keeps its lines."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if not text.replace("\n", "").isprintable():
        style = '"'  # YAML knows more line breaks than one, and tells them apart nowhere else.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def yaml_of(value: Any, *, flow: bool = False) -> str:
    """YAML that :func:`bloop_studio.parsing.read_yaml` reads as the same value."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        default_flow_style=flow,
        allow_unicode=True,
        sort_keys=False,
        width=10**6,
    )
