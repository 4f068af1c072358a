"""The events of videos: of the hub's own domain, and said by the plugins that make them.

Which plugins those are, the contract says (:data:`bloop_sdk.events.TOPICS_OF_FAMILIES`).
"""

from __future__ import annotations

from bloop.store.topics import Payload, Topic, declare

_VIDEO = "019a21c9-4d1f-7a02-9b6e-2f8c7d3e5a10"
_LESSON = "019a21c7-6f50-7c4e-8a2b-1d9e0f3b7c21"
_ACTION = "content:write"


class Ready(Payload):
    """A video, the item that it is of, and how long it lasts."""

    id: str
    lesson: str
    seconds: float


class Failed(Payload):
    """A video, the item that it is of, and the code of the error that ended it."""

    id: str
    lesson: str
    code: str


declare(
    Topic(
        name="video.ready",
        when="a video of a lesson can be watched",
        aggregate="video",
        payload=Ready,
        action=_ACTION,
        example={"id": _VIDEO, "lesson": _LESSON, "seconds": 97.4},
    ),
    Topic(
        name="video.failed",
        when="a video has failed for good",
        aggregate="video",
        payload=Failed,
        action=_ACTION,
        example={"id": _VIDEO, "lesson": _LESSON, "code": "store_full"},
    ),
)
