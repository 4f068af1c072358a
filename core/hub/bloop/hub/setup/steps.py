"""The steps of setting up, as all faces show them.

    found = await survey(hub, call)
    found.done, found.total          # 2 of 5
    found.steps[0].state             # done, open, waiting (somebody else has to act) or blocked

Every state is read from what is there. The words are English, for a face to translate; the steps
of plugins come with their plugin's words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from bloop.accounts.actions import may
from bloop.hub.connection_views import connectable
from bloop.hub.setup.contributed import plugin_steps
from bloop.hub.setup.queries import CONNECTED, DISMISSED, FACTS
from bloop.hub.setup.step import OFF, Dismissed, Step, Way
from bloop.kernel.states import PluginState
from bloop.store.errors import NotFoundError
from bloop.store.types import utcnow
from bloop_sdk import Call, PrincipalKind
from bloop_sdk.manifest import FAMILIES

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.registry import PluginRecord


@dataclass(frozen=True, slots=True)
class Missing:
    """A plugin that is there and does nothing yet: what it would add, and what is lacking.

    ``lack`` is ``off`` (for the whole hub), ``off_here`` (for the institution), ``trouble`` or
    ``unconnected``.
    """

    id: str
    name: str
    family: str
    adds: str
    lack: Literal["off", "off_here", "trouble", "unconnected"]
    href: str


@dataclass(frozen=True, slots=True)
class Setup:
    """How far an institution is; ``done`` and ``total`` count the steps that are not put away."""

    steps: tuple[Step, ...]
    put_away: tuple[Step, ...]
    plugins: tuple[Missing, ...]

    @property
    def done(self) -> int:
        """How many of the shown steps are done."""
        return sum(step.state == "done" for step in self.steps)

    @property
    def total(self) -> int:
        """How many are shown."""
        return len(self.steps)


def same(text: str) -> str:
    """The English words themselves."""
    return text


async def survey(hub: Hub, call: Call, _: Callable[[str], str] = same) -> Setup:
    """How far the call's institution is, in the words of a language."""
    found = await all_steps(hub, call, _)
    return Setup(
        steps=tuple(step for step in found if not step.dismissed),
        put_away=tuple(step for step in found if step.dismissed),
        plugins=tuple(await missing(hub, call)),
    )


async def all_steps(hub: Hub, call: Call, _: Callable[[str], str] = same) -> list[Step]:
    """Every step, those as well that are put away."""
    row = await hub.database.read_one(FACTS, call, now=utcnow())
    assert row is not None
    facts = FACTS.as_dict(row)
    put_away: dict[str, Dismissed] = {}
    for name, for_all in await hub.database.read(DISMISSED, call):
        put_away[name] = "all" if for_all or put_away.get(name) == "all" else "own"
    person = call.principal.kind is PrincipalKind.USER
    facts["comes_back"] = facts["caller_comes_back" if person else "somebody_comes_back"]
    found = [*core_steps(facts, _), *await plugin_steps(hub, call, facts, _)]
    return [replace(step, dismissed=put_away.get(step.name, "")) for step in found]


async def landing(hub: Hub, call: Call) -> str | None:
    """Where whoever sets an empty hub up begins; None for others, and beside a course."""
    if not may(call, "institutions:configure"):
        return None
    row = await hub.database.read_one(FACTS, call, now=utcnow())
    return "/setup" if row is not None and FACTS.as_dict(row)["course"] is None else None


async def check_step(hub: Hub, call: Call, name: str) -> None:
    """Raise NotFoundError unless there is a step of this name."""
    known = [step.name for step in await all_steps(hub, call)]
    if name not in known:
        raise NotFoundError(
            f"no step {name[:80]!r} of setting up", cure=f"there are {', '.join(known)}"
        )


def core_steps(facts: Mapping[str, Any], _: Callable[[str], str]) -> list[Step]:
    """The hub's own steps, from what :data:`FACTS` found."""
    course = facts["course"]
    people = f"/courses/{course}/people"
    return [
        Step(
            "login",
            _("Keep a way back in"),
            _("You came by a link that works once. With a password or a passkey you need none."),
            "done" if facts["comes_back"] else "open",
            (
                Way(_("Choose a password"), "/account/password?first=true"),
                Way(_("Set up a passkey"), "/account/security"),
            ),
        ),
        Step(
            "course",
            _("Bring a first course"),
            _("Import what another system exported, write your own, or look at a sample first."),
            "done" if course else "open",
            (
                Way(_("Import a file"), "/imports/new"),
                Way(_("Take the sample course"), "/setup/sample", posts=True),
                Way(_("Write one"), "/courses/new"),
                Way(_("Connect a system"), "/connections"),
            ),
        ),
        Step(
            "access",
            _("Let learners see it"),
            _("A course that is published is seen by whoever is in it, or by all if you say so."),
            "done" if facts["seen"] else "open" if course else "blocked",
            (Way(_("Say who it is for"), people),) if course else (),
        ),
        Step(
            "learner",
            _("Invite a first learner"),
            _("You make a link and pass it on; whoever opens it gets an account here."),
            "done" if facts["learners"] else "waiting" if facts["invited"] else "open",
            (Way(_("Invite somebody"), "/people/invite"),),
        ),
    ]


async def missing(hub: Hub, call: Call) -> list[Missing]:
    """The plugins that are there and do nothing for the institution yet, by family and name."""
    off = await hub.choices.off(call)
    connected = {row[0] for row in await hub.database.read(CONNECTED, call)}
    idle = {one.id for one in await connectable(hub, call)} - connected
    found = [
        one
        for record in hub.kernel.plugins.values()
        if (one := _missing(record, off, idle)) is not None
    ]
    return sorted(found, key=lambda one: (FAMILIES.index(one.family), one.name.casefold()))


def _missing(record: PluginRecord, off: Collection[str], idle: Collection[str]) -> Missing | None:
    manifest, id_, state = record.manifest, record.id, record.status.state
    if manifest is None:
        return None
    told = (id_, manifest.name, manifest.family, manifest.summary)
    if state in OFF:
        return Missing(*told, "off", f"/plugins/{id_}/enable")
    if state is not PluginState.READY:
        return Missing(*told, "trouble", f"/plugins#{id_}")
    if id_ in off:
        return Missing(*told, "off_here", f"/plugins/{id_}/institution")
    if id_ in idle:
        return Missing(*told, "unconnected", f"/connections/new?plugin={id_}")
    return None
