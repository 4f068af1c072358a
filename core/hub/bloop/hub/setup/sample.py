"""The sample course, which comes with the hub: something to look at before one has a course.

It is what ``python examples/build_course.py`` makes of ``examples/course``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from bloop.content.uploads import Upload, accept
from bloop_sdk import Call

if TYPE_CHECKING:
    from bloop.hub import Hub

SAMPLE = Path(__file__).with_name("waves.imscc")


async def bring_sample(hub: Hub, call: Call, *, key: str | None = None) -> str:
    """The id of the job that imports the sample course; where it is already, that writes nothing.

    The same ``key`` asks only once. Raises InvalidError with the cure where no plugin reads it.
    """
    ref = await asyncio.to_thread(lambda: hub.blobs.put([SAMPLE.read_bytes()]))
    return await accept(hub, call, Upload(SAMPLE.name, ref), key=key)
