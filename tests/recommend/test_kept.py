"""What a process keeps of that which lists are made of is as if it were all read anew."""

from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bloop.content.enrolling.service import enrol, set_audience
from bloop.graph.live import Graphs
from bloop.graph.service import cover, link, merge_concepts, uncover, unlink
from bloop.learning import following
from bloop.learning.recommend import rules
from bloop.learning.recommend.facts import Asked, gather
from bloop.learning.recommend.kept import Goal, Kept
from bloop.learning.recommend.queries import VERSIONS, Versions
from bloop.store.ids import new_id
from bloop_sdk import BloopError
from tests.recommend.conftest import BEGAN

NAMES = ("Ion", "Atom", "Bond", "Acid")
LATER = BEGAN + timedelta(days=20)
NUMBER = st.integers(0, len(NAMES) - 1)


def _step(name, *more):
    return st.tuples(st.just(name), *more)


STEPS = st.one_of(
    _step("answer", NUMBER, st.integers(-50, 50), st.sampled_from([0.0, 1.0])),
    _step("know", NUMBER, st.integers(-50, 50)),
    *(_step(name, NUMBER, NUMBER) for name in ("link", "unlink", "cover", "uncover", "merge")),
    _step("rule", NUMBER, st.sampled_from(["pin", "hide", "order"]), NUMBER),
    _step("unrule", NUMBER),
    _step("audience", st.sampled_from(["open", "enrolled"])),
    _step("enrol"),
    _step("renew"),
)


class World:
    """What may happen to a learner, four concepts and their lessons; each act by its name."""

    def __init__(self, command, answer, course, call, items, concepts):
        self._run, self._answer, self._course, self.call = command, answer, course, call
        self._items, self.concepts = items, concepts

    def answer(self, at, hours, score):
        self._answer(self.call, (self._items[at], score, hours))

    def know(self, at, hours):
        self._answer(self.call, *[(self._items[at], 1.0, hours + more) for more in range(4)])

    def link(self, at, other):
        self._run(link, self.concepts[at], self.concepts[other])

    def unlink(self, at, other):
        self._run(unlink, self.concepts[at], self.concepts[other])

    def merge(self, at, other):
        self._run(merge_concepts, self.concepts[at], self.concepts[other])

    def cover(self, at, other):
        self._run(cover, self._items[at], self.concepts[other], "assesses")

    def uncover(self, at, other):
        self._run(uncover, self._items[at], self.concepts[other])

    def rule(self, at, act, other):
        scope = self.concepts[other] if other else ""
        self._run(rules.rule, self._items[at], act, concept=scope, position=other)

    def unrule(self, at):
        self._run(rules.unrule, self._items[at])

    def audience(self, audience):
        self._run(set_audience, self._course, None, audience)

    def enrol(self):
        self._run(enrol, self._course, user=self.call.principal.id)

    def renew(self):
        self._run(following.renew, self.call.principal.id)


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
@settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@example(
    # Of a concept that is left nothing is known after the renewal, which deletes the row.
    steps=[("cover", 1, 0), ("answer", 0, 0, 0.0), ("uncover", 0, 0), ("renew",)],
    goal=None,
)
@given(steps=st.lists(STEPS, min_size=3, max_size=10), goal=st.one_of(st.none(), NUMBER))
async def test_what_is_kept_is_what_would_be_read_anew(
    steps, goal, database, command, answer, course, learner, lesson, concepts
):
    names = [f"{name} {new_id()}" for name in NAMES]
    items = [lesson(name, name) for name in names]
    ids = [concepts[name] for name in names]
    world = World(command, answer, course, learner(), items, ids)
    world.link(0, 2)
    world.link(1, 3)
    graphs, kept = Graphs(database), Kept(database)

    async def found(graphs, kept):
        versions = Versions(*await database.read_one(VERSIONS, world.call))
        graph = await graphs.of(world.call, versions.graph)
        wanted = None if goal is None else Goal({ids[goal]: "it"})
        return await gather(database, kept, Asked(world.call, graph, wanted, versions, LATER))

    await found(graphs, kept)
    for name, *given_ in steps:
        with contextlib.suppress(BloopError):  # A cycle, or something that is not there.
            getattr(world, name)(*given_)
        assert await found(graphs, kept) == await found(Graphs(database), Kept(database))
