"""Notes that name concepts: the name leads there, and the concept knows whose note names it."""

from __future__ import annotations

from bloop.content import service as content
from bloop.content.texts import html_of_markdown
from bloop.graph import mentions
from bloop.graph.mentions import MENTIONING_SHOWN, mentioned, refresh
from bloop.graph.service import add_concept, change_concept, merge_concepts
from bloop_sdk import Call, Principal, PrincipalKind, Role


def test_names_are_read_from_links_by_title():
    html = html_of_markdown(
        "[[Photosynthesis]], [[a/Säure|acids]], [[C++#History]], `[[code]]`, [x](https://a.example)"
    )
    assert mentioned(html) == ["photosynthesis", "säure", "c++"]


def test_a_mention_is_found_whichever_was_there_first(database, call, command):
    def note(unit, title, markdown):
        book = content.create_container(unit, title="Notes", kind="notebook")
        made = content.create_item(
            unit, book.id, kind="note", title=title, data={"markdown": markdown}
        )
        unit.session.flush()
        refresh(unit, [made.id])
        return made.id

    early = command(note, "Early", "On [[photosynthesis]].")
    concept = command(add_concept, "Photosynthesis")
    late = command(note, "Late", "On [[PHOTOSYNTHESIS|it]] and [[Light reaction]].")
    light = command(add_concept, "Light reaction")

    def found(of):
        rows = database.read_now(mentions.MENTIONING, call, id=of, limit=9)
        return {row[0] for row in rows}

    assert found(concept) == {early, late}
    assert found(light) == {late}
    command(merge_concepts, light, concept)
    assert found(concept) == {early, late}
    command(change_concept, concept, {"aliases": []})
    somebody = Principal(PrincipalKind.USER, "somebody", Role.LEARNER)
    learner = Call(somebody, call.institution, call.trace)
    assert not database.read_now(MENTIONING_SHOWN, learner, id=concept, limit=9)
