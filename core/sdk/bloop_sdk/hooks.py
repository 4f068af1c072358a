"""Hooks: moments with many listeners. Providers, not hooks, talk to one system.

A plugin's class implements a hook by a method of its name marked ``@hookimpl``; it may take fewer
arguments than the spec names. ``tryfirst`` and ``trylast`` work as in pluggy; wrappers are refused.

=========== ==========================================================================
kind        what the hub does with the answers
=========== ==========================================================================
collect     gathers every answer that is not None
first       asks in order and stops at the first answer that is not None
filter      hands each answer to the next implementation as its first argument
event       delivers as a consumer: later, at least once, never inside the caller
=========== ==========================================================================

``fail`` says what an exception means: ``open`` goes on without that plugin, ``closed`` refuses
the operation. Hooks of the first three kinds are called inline and must not do I/O.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pluggy

from bloop_sdk.principals import Principal
from bloop_sdk.records import JSONObject

PROJECT = "bloop"
hookimpl = pluggy.HookimplMarker(PROJECT)
_mark = pluggy.HookspecMarker(PROJECT)
_F = TypeVar("_F", bound=Callable[..., Any])


class HookKind(enum.StrEnum):
    """What happens with the answers."""

    COLLECT = "collect"
    FIRST = "first"
    FILTER = "filter"
    EVENT = "event"


class Fail(enum.StrEnum):
    """What an exception in one implementation means for the operation."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class HookTraits:
    """What a spec promises; kept on the spec's function as ``bloop_hook``."""

    kind: HookKind
    fail: Fail
    since: str
    provisional: bool


def hookspec(
    kind: HookKind, *, fail: Fail = Fail.OPEN, since: str = "1.0", provisional: bool = False
) -> Callable[[_F], _F]:
    """Mark a function as a hook spec of the hub."""

    def mark(function: _F) -> _F:
        function.bloop_hook = HookTraits(kind, fail, since, provisional)  # type: ignore[attr-defined]
        return _mark(function, firstresult=kind is HookKind.FIRST)

    return mark


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentEvent:
    """Something of the content tree changed; ``change`` is ``created updated deleted``."""

    event_id: str
    institution: str
    kind: str
    id: str
    container: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonView:
    """What a learner is about to read."""

    id: str
    institution: str
    kind: str
    title: str
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One line of ``/readyz`` and of the plugins page. ``ok`` None means unknown."""

    name: str
    ok: bool | None
    detail: str = ""
    cure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NavItem:
    """A link in the hub's navigation; ``path`` is below ``/x/<plugin>/``.

    Where the package has a translation of ``title``, that is shown.
    """

    title: str
    path: str
    action: str


class ContentHooks:
    """Moments of content."""

    @hookspec(HookKind.EVENT)
    def content_changed(self, event: ContentEvent) -> None:
        """A container, node or item was created, updated or deleted."""

    @hookspec(HookKind.FIRST, fail=Fail.CLOSED)
    def refuse_publish(self, item: LessonView, principal: Principal) -> str | None:
        """Give a reason why ``item`` may not be published; None lets it pass."""

    @hookspec(HookKind.FILTER)
    def filter_lesson_html(self, html: str, lesson: LessonView) -> str | None:
        """Change the sanitised HTML of a lesson before it is shown; None leaves it."""


class HubHooks:
    """Moments of the hub itself."""

    @hookspec(HookKind.COLLECT)
    def health_checks(self) -> Sequence[Health] | None:
        """What the plugin knows of its own health, from memory."""

    @hookspec(HookKind.COLLECT)
    def navigation(self, principal: Principal) -> Sequence[NavItem] | None:
        """Links to the plugin's pages for this person."""


class LearningHooks:
    """Moments of learning."""

    @hookspec(HookKind.EVENT)
    def learner_enrolled(self, institution: str, learner: str, container: str) -> None:
        """A learner joined a course."""

    @hookspec(HookKind.FILTER)
    def filter_recommendations(
        self, recommendations: Sequence[JSONObject], learner: str
    ) -> Sequence[JSONObject] | None:
        """Reorder or drop recommendations; what is added is left out.

        Each names its ``item`` and ``concept``, its ``kind`` (``next weak due pinned course``), its
        ``score``, and the ``facts`` behind it. ``learner`` is the id of a user.
        """


class MediaHooks:
    """Moments of media."""

    @hookspec(HookKind.FILTER)
    def filter_storyboard(self, storyboard: JSONObject, lesson: LessonView) -> JSONObject | None:
        """Change a storyboard before it is spoken and drawn; the answer is validated again."""

    @hookspec(HookKind.EVENT)
    def video_ready(self, institution: str, lesson: str, video: str) -> None:
        """A video of a lesson can be watched."""


HOOK_GROUPS: dict[str, type] = {
    "content": ContentHooks,
    "hub": HubHooks,
    "learning": LearningHooks,
    "media": MediaHooks,
}


def hook_traits() -> dict[str, HookTraits]:
    """Every hook of the contract by name."""
    return {
        name: member.bloop_hook
        for group in HOOK_GROUPS.values()
        for name, member in vars(group).items()
        if hasattr(member, "bloop_hook")
    }
