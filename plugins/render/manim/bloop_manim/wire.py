"""What the hub's process and a worker say to each other: JSON after its length in four bytes.

A request is ``{"do": ..., "plan": ..., ...}``; answers are any number of ``{"done", "of"}`` and in
the end one ``{"ok": ...}`` or ``{"error": {"code", "message", "cure", "retry"}}``. While a request
is under way ``{"do": "cancel"}`` may follow. Nothing is pickled.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, BinaryIO

from bloop_sdk.providers.render import Fault, Layout, Look, ScenePlan, TimedCue
from bloop_sdk.storyboard import Scene

HEAD = struct.Struct(">I")
LONGEST = 64_000_000

Message = dict[str, Any]


def packed(message: Message) -> bytes:
    """As it is written."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEAD.pack(len(body)) + body


def read(stream: BinaryIO) -> Message | None:
    """The next message; None where the other side has ended."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (length,) = HEAD.unpack(head)
    body = stream.read(length)
    return unpacked(body) if len(body) == length else None


def unpacked(body: bytes) -> Message:
    """What was written; raises ValueError where that is no object."""
    message = json.loads(body)
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")  # noqa: TRY004 - the value is wrong
    return message


def place(path: Path) -> str:
    """A path that means the same in a worker, which has a folder of its own."""
    return str(path.absolute())


def plan_out(plan: ScenePlan) -> Message:
    """A plan as JSON."""
    look = plan.look
    return {
        "scene": plan.scene.model_dump(mode="json"),
        "seconds": plan.seconds,
        "cues": [[cue.at, cue.action, cue.target] for cue in plan.cues],
        "look": {
            "width": look.width,
            "height": look.height,
            "fps": look.fps,
            "theme": look.theme,
            "primary": look.primary,
            "accent": look.accent,
            "logo": place(look.logo) if look.logo else None,
        },
        "language": plan.language,
        "assets": {name: place(path) for name, path in plan.assets.items()},
    }


def plan_in(message: Message) -> ScenePlan:
    """A plan from JSON."""
    look = dict(message["look"])
    look["logo"] = Path(look["logo"]) if look["logo"] else None
    return ScenePlan(
        scene=Scene.model_validate(message["scene"]),
        seconds=message["seconds"],
        cues=tuple(TimedCue(at=at, action=do, target=to) for at, do, to in message["cues"]),
        look=Look(**look),
        language=message["language"],
        assets={name: Path(path) for name, path in message["assets"].items()},
    )


def layout_out(layout: Layout) -> Message:
    """A layout as JSON."""
    return {
        "scenes": [scene.model_dump(mode="json") for scene in layout.scenes],
        "faults": [[one.code, one.target, one.message, one.mended] for one in layout.faults],
        "refused": layout.refused,
    }


def layout_in(message: Message) -> Layout:
    """A layout from JSON."""
    return Layout(
        scenes=tuple(Scene.model_validate(scene) for scene in message["scenes"]),
        faults=tuple(
            Fault(code=code, target=target, message=text, mended=mended)
            for code, target, text, mended in message["faults"]
        ),
        refused=message["refused"],
    )
