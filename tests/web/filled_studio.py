"""A storyboard in two versions, a video that is ready and one that has failed, in a filled hub.

The video's files are made here in some hundred milliseconds, and kept as the studio keeps its own:
nothing is drawn and nothing spoken.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

from bloop.hub import Hub
from bloop.hub.contexts import PluginCall, open_context
from bloop_sdk import Call, CallContext, Item, Unit
from bloop_sdk.storyboard import Storyboard

SAID = "A source that vibrates."
BOARD: dict[str, Any] = {
    "title": "What is sound?",
    "scenes": [
        {
            "id": "begin",
            "title": "What is sound?",
            "narration": [{"id": "l1", "text": "On the Moon, nobody could hear you."}],
            "visual": {"kind": "title", "title": "What is sound?"},
        },
        {
            "id": "needs",
            "title": "What every sound needs",
            "narration": [{"id": "l1", "text": SAID}, {"id": "l2", "text": "A medium."}],
            "visual": {"kind": "bullets", "items": ["a source", "a medium"]},
            "cues": [{"line": "l1", "word": "source", "target": "item-1"}],
        },
        {
            "id": "fast",
            "title": "How fast it is",
            "narration": [{"id": "l1", "text": "Speed is distance by time."}],
            "visual": {"kind": "formula", "steps": ["v = s / t"]},
        },
    ],
}
TIMES = ("00:00:00.000", "00:00:00.800", "00:00:01.600", "00:00:02.400", "00:00:03.000")


async def fill_studio(hub: Hub, call: Call, ids: dict[str, str]) -> None:
    """Fill the studio; adds the ids ``scene``, ``video``, ``video-failed``."""
    from bloop_studio import asking

    ctx = await open_context(hub, PluginCall, "studio", call)
    item = await ctx.content.item(ids["page"])
    first = await asking.write(ctx, item, Storyboard.model_validate(BOARD), 0)
    files = await _files(ctx)
    changed = Storyboard.model_validate_json(
        Storyboard.model_validate(BOARD).model_dump_json().replace(SAID, "Something that vibrates.")
        .replace('"source","nth"', '"vibrates","nth"')
    )  # fmt: skip
    await asking.write(ctx, item, changed, first.number)
    made = await ctx.transaction(_videos, item, first.id, files, await _transcript(ctx, files))
    ids |= {"scene": "needs", "video": made[0], "video-failed": made[1]}


async def _transcript(ctx: CallContext, files: dict[str, str]) -> dict[str, Any]:
    from bloop_studio import finding

    return await finding.transcript(ctx, files, "en")


def _videos(
    unit: Unit, item: Item, storyboard: str, files: dict[str, str], said: dict[str, Any]
) -> list[str]:
    from bloop_studio.options import Options
    from bloop_studio.tables import Video, now

    shared: dict[str, Any] = {
        "item_id": item.id,
        "title": item.title,
        "options": Options(quality="480p").model_dump(mode="json"),
        "storyboard_id": storyboard,
        "lesson_version": item.version,
        "created_by": "sample",
        "finished_at": now(),
    }
    report = {"language": "en", "drawn": 1, "reused": 2, "speech": {"voice": "espeak:en-gb"}}
    lost = {"code": "no_voice", "message": "no voice speaks 'fi'", "cure": "enable espeak"}
    rows = [
        Video(**shared, request="ready", state="ready", seconds=3.0, files=files, report=report,
              transcript=said),
        Video(**shared, request="failed", state="failed", error=lost),
    ]  # fmt: skip
    unit.session.add_all(rows)
    unit.session.flush()
    return [row.id for row in rows]


async def _files(ctx: CallContext) -> dict[str, str]:
    """Keep the files of a video of three seconds; their names by what they are."""
    from bloop_studio import pieces
    from bloop_studio.joining import FILES
    from bloop_studio.thumbnail import thumbnail

    def cues(*texts: str) -> str:
        pairs = zip(TIMES, TIMES[1:], texts, strict=False)
        return "\n\n".join(["WEBVTT", *(f"{a} --> {b}\n{text}" for a, b, text in pairs), ""])

    lines = [line["text"] for scene in BOARD["scenes"] for line in scene["narration"]]
    texts = {
        "captions.vtt": cues(*lines),
        "captions.srt": "",
        "chapters.vtt": cues(*(scene["title"] for scene in BOARD["scenes"])),
        "transcript.txt": "\n".join(lines),
        "transcript.html": "".join(f"<p>{line}</p>" for line in lines),
    }
    names = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _film(folder / "video.mp4")
        thumbnail(folder / "video.mp4", 1.0, folder / "thumbnail.jpg", 320)
        for file, text in texts.items():
            (folder / file).write_text(text)
        for file, kind in FILES.items():
            names[file] = f"video/{'0' * 64}/{file}"
            await pieces.keep(ctx, names[file], folder / file, kind)
    return names


def _film(path: Path) -> None:
    """Three seconds that change their colour each second."""
    import av

    with av.open(path, "w", options={"movflags": "faststart"}) as out:
        stream = out.add_stream("libx264", rate=2, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 2)
        for number in range(6):
            frame = av.VideoFrame(320, 180, "yuv420p")
            for plane, value in zip(frame.planes, (60 + 40 * (number // 2), 140, 110), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
