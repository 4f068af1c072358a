"""What to learn next: what can be, nothing that cannot be opened, and why."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from bloop.content import placing
from bloop.content.enrolling.service import set_audience
from bloop.content.models import Item
from bloop.graph.live import Graphs
from bloop.learning.progress.models import Goal, ItemProgress
from bloop.learning.recommend import rules, service
from bloop.learning.recommend.log import note_opened
from bloop.learning.recommend.models import Recommendation
from bloop.learning.recommend.reasons import sentence
from bloop.learning.recommend.service import Recommender
from bloop.store.errors import NotFoundError
from bloop.store.types import utcnow


async def _nobody(_call, _items):
    return None


@pytest.fixture
async def recommender(database):
    made = Recommender(database, Graphs(database), _nobody)
    yield made
    await made.stop()


@pytest.fixture
def known(answer, lesson):
    """Has a learner know concepts, by their names."""

    def make(call, *names, hours=0):
        for name in names:
            item = lesson(f"Quiz of {name}", name, role="assesses")
            answer(call, *[(item, 1.0, hours + at) for at in range(4)])

    return make


async def test_what_can_be_learned_on_the_way_to_a_goal_with_its_reason(
    recommender, chain, lesson, learner, known, concepts
):
    chain("Atom", "Bond", "Acid")
    chain("Ion", "Acid")
    bond, ion, acid = (lesson(f"About {name}", name) for name in ("Bond", "Ion", "Acid"))
    lea = learner()
    first = await recommender.next(lea, concepts["Acid"], 5)
    assert [one["item"] for one in first["items"] if one["kind"] == "next"] == [ion]
    known(lea, "Atom")
    found = await recommender.next(lea, concepts["Acid"], 5)
    said = {one["item"]: sentence(one["kind"], one["facts"]) for one in found["items"]}
    assert said[bond] == "You know Atom; Bond is next on the way to Acid."
    assert said[ion] == "The way to Acid begins with Ion."
    assert acid not in said
    with pytest.raises(NotFoundError):
        await recommender.next(lea, "nothing", 5)


async def test_nothing_is_recommended_that_cannot_be_opened(
    recommender, lesson, learner, command, course, concepts
):
    seen = lesson("Open", "Acid")
    lesson("Draft", "Acid", published=False)
    lea = learner()

    async def told():
        return [one["item"] for one in (await recommender.next(lea, None, 5))["items"]]

    assert await told() == [seen]

    def close(unit):
        set_audience(unit, course, None, "enrolled")

    command(close)
    assert await told() == []  # Not even of a list that was made a moment ago.


async def test_somebody_new_without_a_graph_is_shown_the_first_steps(
    recommender, course, learner, command, lesson, answer
):
    lea = learner()
    assert (await recommender.next(lea, None, 5))["items"] == []
    items = [lesson(title) for title in ("One", "Two", "Three")]

    def hang(unit):
        for item in items:
            placing.create_node(unit, course, title="x", item=item)

    command(hang)
    recommender._lists.clear()
    found = await recommender.next(lea, None, 2)
    assert [(one["item"], one["kind"]) for one in found["items"]] == [
        (items[0], "course"),
        (items[1], "course"),
    ]
    answer(lea, (items[0], 1.0, 0))
    found = await recommender.next(lea, course, 2)
    assert items[0] not in [one["item"] for one in found["items"] if one["kind"] == "course"]


async def test_educators_pin_hide_and_order(recommender, lesson, learner, command, concepts):
    one, two, three = (lesson(title, "Acid") for title in ("One", "Two", "Three"))
    lea = learner()
    command(rules.rule, one, "hide")
    command(rules.rule, three, "pin", position=1)
    found = (await recommender.next(lea, None, 5))["items"]
    assert [item["item"] for item in found] == [three, two]
    assert found[0]["ranker"] == "educator"
    command(rules.unrule, one)
    command(rules.rule, three, "order", concept=concepts["Acid"], position=50)
    command(rules.unrule, three)
    found = (await recommender.next(lea, None, 5))["items"]
    assert {item["item"] for item in found} == {one, two, three}


async def test_each_list_is_logged_with_what_became_of_it(
    recommender, lesson, learner, command, database
):
    item = lesson("One", "Acid")
    lea, max_ = learner(), learner()
    found = await recommender.next(lea, None, 5)
    again = await recommender.next(lea, None, 5)
    assert again["list_id"] == found["list_id"]
    await recommender.log.flush()
    with pytest.raises(NotFoundError):
        command(note_opened, found["list_id"], item, as_=max_)
    command(note_opened, found["list_id"], item, as_=lea)
    rows = command(lambda unit: unit.session.scalars(select(Recommendation)).all())
    (row,) = rows
    assert (row.user_id, row.item_id, row.position) == (lea.principal.id, item, 0)
    assert row.propensity == 1.0
    assert row.opened_at is not None
    assert row.facts["kind"] == "next"


async def test_a_filter_reorders_and_drops(recommender, lesson, learner):
    items = [lesson(title, title) for title in ("Acid", "Base", "Salt")]

    async def turn(_call, given):
        return [one["item"] for one in reversed(given)][:2]

    recommender._filter = turn
    found = (await recommender.next(learner(), None, 5))["items"]
    assert len(found) == 2
    assert {one["ranker"] for one in found} == {service.CHANGED}
    assert {one["item"] for one in found} < set(items)


async def test_asked_again_it_costs_two_reads(recommender, lesson, learner, database, monkeypatch):
    for title in ("Acid", "Base"):
        lesson(title, title)
    lea = learner()
    await recommender.next(lea, None, 5)
    asked = []
    rows = database._reader.rows

    async def counted(statement, *rest):
        asked.append(statement.name)
        return await rows(statement, *rest)

    monkeypatch.setattr(database._reader, "rows", counted)
    await recommender.next(lea, None, 5)
    assert asked == ["learning.next_versions", "learning.next_open"]


async def test_goals_lead_and_what_is_done_gives_way(
    recommender, lesson, learner, command, concepts, chain
):
    chain("Ion", "Acid")
    ion, other, more = lesson("Ions", "Ion"), lesson("Words", "Word"), lesson("More", "Ion")
    lea = learner()
    own = {"institution_id": lea.institution, "user_id": lea.principal.id}
    found = (await recommender.next(lea, None, 5))["items"]
    assert {one["item"] for one in found} == {ion, other, more}

    def want(unit):
        unit.session.add(Goal(**own, kind="concept", subject_id=concepts["Acid"]))

    command(want)
    found = await recommender.next(lea, None, 5)
    assert {one["item"] for one in found["items"]} == {ion, more}
    assert found["goal"] == "Acid"
    first = found["items"][0]["item"]

    def do(unit):
        item = unit.session.get(Item, (lea.institution, first))
        at = utcnow()
        made = ItemProgress(**own, item_id=first, container_id=item.container_id, done_at=at)
        unit.session.add(made)

    command(do)
    found = (await recommender.next(lea, None, 5))["items"]
    assert [one["item"] for one in found] == [({ion, more} - {first}).pop(), first]
