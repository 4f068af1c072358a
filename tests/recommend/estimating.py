"""A model that is in use, without a plugin: what it says is a pure function of the answers."""

from __future__ import annotations

from bloop.learning.training import estimates
from bloop.learning.training.models import ModelStanding, TrainedModel
from bloop.store.ids import new_id


def put_in_use(unit, *, plugin="tracing", kind="counts", data=b"x", id_=None):
    """Have a model answer, as a training does that it has won; its id."""
    id_ = id_ or new_id()
    unit.session.add(
        TrainedModel(
            institution_id=unit.institution,
            id=id_,
            plugin_id=plugin,
            kind=kind,
            version="1",
            standing=ModelStanding.IN_USE,
            against="core",
            learners=1,
            answers=1,
            data=data,
        )
    )
    unit.session.flush()
    estimates.look_soon(unit)
    return id_


def said(question):
    """Of each concept: a share of all answers, where the last one counts most, and of its own."""
    chances = []
    for concept in question.concepts:
        p = 0.5
        for answer in question.history:
            weight = 0.4 if concept in answer.concepts else 0.1
            p += weight * (answer.correct - p)
        chances.append(p)
    return chances


def say_by_model(unit, model, after=""):
    """What the job does, in one unit, of those behind ``after``; how many it was."""
    if estimates.name_in_use(unit) == "":
        kind, _, id_ = model.partition("-")
        put_in_use(unit, kind=kind, id_=id_)
    done = 0
    while asked := estimates.next_of(unit, model, after):
        found = estimates.checked(asked, [said(one.question) for one in asked])
        done += estimates.write(unit, model, asked, found)
        after = asked[-1].user
    return done


def give_all_back(unit, after=""):
    """Have the rows of all learners behind ``after`` be the core's."""
    while users := estimates.give_back(unit, after):
        after = users[-1]
