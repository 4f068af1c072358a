"""Why a chance is what it is: what it would be, had some of the answers not been given."""

from __future__ import annotations

from datetime import datetime, timedelta

from bloop_sdk.providers.ai import Answer, Evidence, Explanation, History
from bloop_tracing.loaded import Model

RECENT = 8
"""How many answers about a concept are told of."""


def explain(model: Model, history: History, concept: str, at: datetime) -> Explanation:
    """The chance with its reasons; an effect is what a reason adds to it.

    The concept's own effect is against what an unknown concept starts with, that of answers
    against the same learner without them, and that of time against being asked at once.
    """
    own = [one for one in history if concept in one.concepts]
    others = [one for one in history if concept not in one.concepts]

    def chance(answers: History, when: datetime = at) -> float:
        return model.predict(answers, [concept], when)[0]

    now = chance(history)
    start, usual = model.predict([], [concept, ""], at)
    known = concept in model.vocabulary.names
    evidence = [
        Evidence(kind="concept", effect=start - usual, facts={"share": round(100 * start)})
        if known
        else Evidence(kind="unknown", effect=start - usual)
    ]
    if own:
        evidence.append(_of_own(own, now - chance(others)))
        waited = at - own[-1].at
        if waited >= timedelta(days=1):
            effect = now - chance(history, history[-1].at)
            facts = {"days": waited.days}
            evidence.append(Evidence(kind="forgotten", effect=effect, facts=facts))
    else:
        evidence.append(Evidence(kind="none", effect=0.0))
    if others:
        facts = {"answers": len(others), "right": sum(one.correct for one in others)}
        evidence.append(Evidence(kind="others", effect=now - chance(own), facts=facts))
    evidence.sort(key=lambda one: (-abs(one.effect), one.kind))
    return Explanation(chance=now, evidence=tuple(evidence))


def _of_own(own: list[Answer], effect: float) -> Evidence:
    last = own[-RECENT:]
    facts = {"answers": len(last), "right": sum(one.correct for one in last)}
    kind = "answers" if len(own) <= RECENT else "recent"
    return Evidence(kind=kind, effect=effect, facts=facts)
