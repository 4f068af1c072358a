"""Changes of a storyboard, scene by scene; one made from an older version meets what came since."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bloop_sdk import NotFoundError, PreconditionFailedError, UnsupportedError, gettext_noop
from bloop_sdk.storyboard import Scene, Storyboard
from bloop_studio.faults import MOST, FaultsError, fault_of

MOST_SCENES = 80
_NUMBERED = re.compile(r"-\d+$")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: ``scene`` is whose content it replaces or removes, empty for none.

    ``head`` says that it changes what is not of any scene. ``done`` says of the storyboard that it
    was made from and of the newest that the same was done already, as by a form sent twice.
    """

    apply: Callable[[Storyboard], Storyboard]
    scene: str = ""
    head: bool = False
    done: Callable[[Storyboard, Storyboard], bool] = lambda _base, _newest: False


def onto(change: Change, base: Storyboard, newest: Storyboard) -> Storyboard:
    """The newest storyboard with a change that was made from ``base``.

    What others have changed elsewhere meanwhile stays. Raises :class:`PreconditionFailedError`
    where they have changed the same scene, or the same head.
    """
    if base != newest and change.done(base, newest):
        return newest
    meanwhile = _scene(base, change.scene) != _scene(newest, change.scene)
    if change.head:
        meanwhile = meanwhile or _head(base) != _head(newest)
    if meanwhile and base != newest:
        raise PreconditionFailedError(
            gettext_noop("somebody has changed this meanwhile"),
            cure=gettext_noop("look at the newest version, then say which of both is to stay"),
        )
    return change.apply(newest)


def put(scene: Scene) -> Change:
    """Replace a scene's content; its id says which."""

    def apply(board: Storyboard) -> Storyboard:
        at = place(board, scene.id)
        return _with(board, [*board.scenes[:at], scene, *board.scenes[at + 1 :]])

    return Change(apply, scene.id, done=lambda _, now: _scene(now, scene.id) == scene)


def add(scene: Scene, after: str | None) -> Change:
    """Add a scene after another, or at the end (None); it gets an id of its own."""

    def apply(board: Storyboard) -> Storyboard:
        ids = [one.id for one in board.scenes]
        at = ids.index(after) + 1 if after in ids else len(ids)
        made = scene.model_copy(update={"id": fresh(scene.id, ids)})
        return _with(board, [*board.scenes[:at], made, *board.scenes[at:]])

    return Change(apply, done=lambda base, now: _has_come(scene, after, base, now))


def _has_come(scene: Scene, after: str | None, base: Storyboard, now: Storyboard) -> bool:
    """Whether such a scene stands in that place, and did not before."""
    ids = [one.id for one in now.scenes]
    at = ids.index(after) + 1 if after in ids else len(ids) - 1
    found = now.scenes[at] if at < len(ids) else None
    new = found is not None and _scene(base, found.id) is None
    return new and found == scene.model_copy(update={"id": found.id if found else ""})


def duplicate(id_: str) -> Change:
    """Add a copy of a scene behind it."""

    def copied(board: Storyboard) -> Change:
        return add(board.scenes[place(board, id_)], id_)

    return Change(
        lambda board: copied(board).apply(board),
        done=lambda base, now: _scene(base, id_) is not None and copied(base).done(base, now),
    )


def move(id_: str, to: int) -> Change:
    """Move a scene to a place, counted from 1; beyond the ends is at the ends."""

    def apply(board: Storyboard) -> Storyboard:
        found = board.scenes[place(board, id_)]
        rest = [one for one in board.scenes if one.id != id_]
        at = max(0, min(len(rest), to - 1))
        return _with(board, [*rest[:at], found, *rest[at:]])

    return Change(apply)


def remove(id_: str) -> Change:
    """Remove a scene; the last one stays."""

    def apply(board: Storyboard) -> Storyboard:
        place(board, id_)
        if len(board.scenes) == 1:
            raise UnsupportedError(
                gettext_noop("a storyboard has at least one scene"),
                cure=gettext_noop("add another one first"),
            )
        return _with(board, [one for one in board.scenes if one.id != id_])

    return Change(apply, id_, done=lambda _, now: _scene(now, id_) is None)


def about(**values: Any) -> Change:
    """Change title, language or presenter."""

    def apply(board: Storyboard) -> Storyboard:
        return _checked(board.model_dump() | values)

    return Change(
        apply, head=True, done=lambda _, now: now.model_dump() == now.model_dump() | values
    )


def place(board: Storyboard, id_: str) -> int:
    """Where a scene stands, from 0; raises :class:`NotFoundError`."""
    for at, one in enumerate(board.scenes):
        if one.id == id_:
            return at
    raise NotFoundError(
        gettext_noop("this storyboard has no scene {id}").format(id=repr(id_[:40])),
        cure=gettext_noop("somebody may have removed it: go back"),
    )


def fresh(id_: str, taken: Sequence[str]) -> str:
    """An id like this one that is not taken."""
    stem = _NUMBERED.sub("", id_)[:36]
    known = {*taken}
    if id_ not in known:
        return id_
    return next(
        one for one in (f"{stem}-{n}" for n in range(2, len(known) + 3)) if one not in known
    )


def _with(board: Storyboard, scenes: Sequence[Scene]) -> Storyboard:
    if len(scenes) > MOST_SCENES:
        raise UnsupportedError(
            gettext_noop("a storyboard has at most {n} scenes").format(n=MOST_SCENES),
            cure=gettext_noop("make two videos of it"),
        )
    return _checked({**board.model_dump(), "scenes": [one.model_dump() for one in scenes]})


def _checked(value: Any) -> Storyboard:
    """Raises :class:`FaultsError` for what is no storyboard."""
    try:
        return Storyboard.model_validate(value)
    except ValidationError as err:
        faults = [fault_of(one, part=".".join(map(str, one["loc"]))) for one in err.errors()[:MOST]]
        raise FaultsError(faults) from None


def _scene(board: Storyboard, id_: str) -> Scene | None:
    return next((one for one in board.scenes if one.id == id_), None)


def _head(board: Storyboard) -> dict[str, Any]:
    return board.model_dump(exclude={"scenes", "made_by"})
