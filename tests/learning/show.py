"""Shows the learning graph of a course, made offline, and what three learners are told to do next.

``python tests/learning/show.py [COURSE.imscc ...]`` makes a hub in a folder of its own, imports the
sample course and the cartridges that are named, reads them for concepts, lets three simulated
learners answer the quizzes by what they know, and prints five recommendations for each, with the
reasons and the facts behind them. What it shows is asserted in tests/learning.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

import bloop.learning.following  # noqa: F401 - hears of answers
from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.content.models import Container, Item
from bloop.graph.models import Concept, Coverage
from bloop.graph.questions import parts_of
from bloop.hub import Hub
from bloop.hub.inferring import make_graph
from bloop.learning.answers import Given, record
from bloop.learning.recommend.reasons import sentence
from bloop.store.types import utcnow
from bloop.telemetry import logs
from bloop_sdk import Call, Principal, PrincipalKind, Role

ROOT = Path(__file__).parents[2]
BLOOP = Path(sys.executable).with_name("bloop")
LEARNERS = {"Nora, who is new": None, "Ali, who knows the first half": 0.5, "Mia, who guesses": 0.0}
say = print


def main(cartridges: list[str]) -> None:
    """Show it."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("hub.toml").write_text(
            '[hub]\nname = "Shown"\ndata_dir = "var"\n[log]\nlevel = "error"\n'
            "[plugins.cartridge]\nenabled = true\n[plugins.minilm]\nenabled = true\n"
        )
        quietly(BLOOP, "init")
        quietly(sys.executable, ROOT / "examples" / "build_course.py", "-o", "sample.imscc")
        for path in ("sample.imscc", *cartridges):
            quietly(BLOOP, "import", path)
        asyncio.run(shown())


def quietly(*command: object) -> None:
    """Run a command whose output says nothing here."""
    subprocess.run([str(one) for one in command], check=True, capture_output=True)


async def shown() -> None:
    """Each course of the hub in turn."""
    logs.configure("error", "text")
    hub = Hub.open(None, "cli")
    await asyncio.to_thread(hub.load_plugins)
    call = system_call(hub.institution)
    with hub.database.unit(call) as unit:
        for row in unit.session.scalars(select(Container)):
            row.published = True
        courses = [(row.id, row.title) for row in unit.session.scalars(select(Container))]
    for course, title in courses:
        made = await make_graph(hub, call, course, lambda *_: None)
        say(f"\n# {title}\n\nMade offline: {made}")
        graph_of(hub, call, course)
        await learners_of(hub, call, course)
    await hub.recommending.stop()
    await hub.database.close()


def graph_of(hub: Hub, call: Call, course: str) -> None:
    """Print the prerequisites of a course's concepts."""
    with hub.database.unit(call) as unit:
        rows = unit.session.execute(
            select(Concept.name, Concept.confidence)
            .join(Coverage, Coverage.concept_id == Concept.id)
            .join(Item, Item.id == Coverage.item_id)
            .where(Item.container_id == course)
            .group_by(Concept.id)
            .order_by(Concept.confidence.desc())
        ).all()
    say("The surest concepts: " + ", ".join(name for name, _ in rows[:30]))


async def learners_of(hub: Hub, call: Call, course: str) -> None:
    """Have each learner answer, and print what they are told."""
    graph = await hub.graphs.of(call)
    edges = [
        (graph.names[one.source], graph.names[one.target])
        for one in graph.snapshot.edges()
        if one.kind == "prerequisite"
    ]
    say("Some of what comes before what: " + "; ".join(f"{a} < {b}" for a, b in edges[:12]))
    for name, share in LEARNERS.items():
        with hub.database.unit(call) as unit:
            user = User(institution_id=call.institution, name=name, role="learner")
            unit.session.add(user)
            unit.session.flush()
            user_id = user.id
            answers = [] if share is None else answers_of(unit, call, course, share)
            record(unit, user_id, answers)
        own = Call(
            Principal(PrincipalKind.USER, user_id, Role.LEARNER), call.institution, call.trace
        )
        found: dict[str, Any] = await hub.recommending.next(own, course, 5)
        right = sum(one.score for one in answers)
        say(f"\n{name} ({len(answers)} answers, {right:.0f} right):")
        for place, one in enumerate(found["items"], 1):
            say(f"  {place}. {one['title']}: {sentence(one['kind'], one['facts'])}")
            say(f"     {facts_of(one['facts'])}")


def answers_of(unit: Any, call: Call, course: str, share: float) -> list[Given]:
    """Answers to all quizzes: mostly right in the first ``share`` of them, then by chance."""
    quizzes = unit.session.scalars(
        select(Item).where(
            Item.institution_id == call.institution,
            Item.container_id == course,
            Item.kind == "quiz",
        )
    ).all()
    chance, given = random.Random(7), []
    places = [(quiz, part) for quiz in quizzes for part in parts_of(quiz.data.get("questions", ()))]
    for number, (quiz, part) in enumerate(places):
        knows = number < share * len(places)
        score = float(chance.random() < (0.95 if knows else 0.3))
        at = utcnow() - timedelta(days=3, minutes=len(places) - number)
        given.append(
            Given(item=quiz.id, part=part, key=f"shown:{quiz.id}:{part}", score=score, at=at)
        )
    return given


def facts_of(facts: dict[str, Any]) -> str:
    """The facts in one line."""
    return ", ".join(
        f"{key} {value}" for key, value in facts.items() if value not in (None, [], "")
    )


if __name__ == "__main__":
    main(sys.argv[1:])
