"""Events of the indexes alone: what has them made anew, and what plugins say of items.

They are taken in their order among all others.
"""

from __future__ import annotations

from bloop.store.topics import Payload, Topic, declare

BEGUN = "content.index.begun"
RANGE = "content.index.range"
DONE = "content.index.done"
DESCRIBED = "content.index.described"
FOLLOWED = ("content.item.*", "content.container.*", "content.index.*")
"""What every index follows."""


class Rebuild(Payload):
    """The job that has the indexes made anew."""

    rebuild: str


class RebuildRange(Rebuild):
    """Its next part: all items and containers with ids behind ``after``, up to ``upto``."""

    after: str
    upto: str


class Described(Payload):
    """The item; ``owner`` is the user whose alone it is: nobody else is told of it."""

    id: str
    owner: str | None = None


_JOB = {"rebuild": "019a21c7-2d40-7e39-a0f6-1b8c5a3e9d77"}
_IDS = {
    "after": "019a21c7-0b12-7f0e-8d9a-4c6e2b1f5a33",
    "upto": "019a21c8-91f0-7c55-b1de-0a4f7c2e6b90",
}

declare(
    Topic(
        name=BEGUN,
        when="the making anew of the search indexes has begun",
        aggregate="index",
        payload=Rebuild,
        action="content:write",
        example=_JOB,
    ),
    Topic(
        name=RANGE,
        when="a part of all content is to be indexed anew",
        aggregate="index",
        payload=RebuildRange,
        action="content:write",
        example={**_JOB, **_IDS},
    ),
    Topic(
        name=DONE,
        when="all content has been named to be indexed anew",
        aggregate="index",
        payload=Rebuild,
        action="content:write",
        example=_JOB,
    ),
    Topic(
        name=DESCRIBED,
        when="a plugin says another text of an item, such as what is said in its video",
        aggregate="index",
        payload=Described,
        action="content:write",
        example={"id": "019a21c7-2d40-7e39-a0f6-1b8c5a3e9d77"},
    ),
)
