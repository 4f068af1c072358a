"""Scenes of formulas and of the functions that can be drawn."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from bloop_outline.inline import tidy
from bloop_outline.prose import Telling
from bloop_outline.script import Draft, Script, heading, seconds_of
from bloop_outline.sentences import Sentence, fit, is_spoken
from bloop_sdk.storyboard import Axis, Curve, Expression, Formula, Plot

_RELATION = re.compile(
    r"=|\\(?:le|ge|leq|geq|approx|to|rightarrow|Rightarrow|propto|sim|equiv)\b|[<>]"
)
_INLINE = re.compile(r"\$([^$]+)\$")
_FUNCTION = re.compile(
    r"^(?:(?P<name>[a-zA-Z])\s*(?:\\left)?\(\s*x\s*(?:\\right)?\)|(?P<y>y))\s*=\s*(?P<body>[^=<>]+)$"
)
MOST_STEPS = 4


def formulas(telling: Telling) -> list[Draft]:
    """A scene for each formula, or run of formulas, that stands in a line of its own."""
    made: list[Draft] = []
    number = 0
    while number < len(telling.sentences):
        if not telling.sentences[number].formulas:
            number += 1
            continue
        run = [number]
        steps = len(telling.sentences[number].formulas)
        follower = number + 1
        while follower < len(telling.sentences) and follower - run[-1] <= 2:
            more = telling.sentences[follower].formulas
            if more and steps + len(more) <= MOST_STEPS:
                run.append(follower)
                steps += len(more)
            follower += 1
        draft = _shown(telling, run)
        if draft is not None:
            made.append(draft)
        number = run[-1] + 1
    return made


def inline_formulas(telling: Telling) -> list[Draft]:
    """Scenes of the weightiest formulas within sentences, for parts that have no others."""
    made: list[Draft] = []
    for number, sentence in enumerate(telling.sentences):
        found = [one for one in _INLINE.findall(sentence.text) if _is_statement(one)]
        if not found or not sentence.is_speakable or telling.before(number) != [number]:
            continue
        script = Script(telling.language)
        script.say(telling.said(number))
        title = heading(telling.title)
        steps = found[:MOST_STEPS]
        visual = Formula(kind="formula", title=title, steps=steps)
        made.append(
            Draft(
                "formula",
                title,
                visual,
                script,
                0.85 if len(found[0]) > 12 else 0.6,
                telling.place(number),
                frozenset({number}),
            )
        )
    return made


def _is_statement(latex: str) -> bool:
    return len(latex) >= 8 and bool(_RELATION.search(latex)) and bool(re.search(r"[A-Za-z]", latex))


def _shown(telling: Telling, run: list[int]) -> Draft | None:
    script = Script(telling.language)
    steps: list[str] = []
    uses: set[int] = set()
    for number in run:
        sentence = telling.sentences[number]
        added = [one for whole in sentence.formulas for one in rows(whole)]
        line = _lead(telling, script, number, uses)
        for latex in added[: MOST_STEPS + 1 - len(steps)]:
            steps.append(latex)
            before, found, _ = sentence.text.partition(f"${latex}$")
            if line is not None and len(steps) > 1 and (found or latex == added[0]):
                script.at(line, before[-40:], f"step-{len(steps)}")
    if not steps or not script.lines:
        return None
    _follow(telling, run[-1], script, uses, only=len(steps) == 1)
    title = heading(telling.title)
    caption = next((telling.sentences[n].term for n in run if telling.sentences[n].term), "")
    visual = Formula(kind="formula", title=title, steps=steps, caption=fit(caption, 160))
    place = telling.place(run[0])
    return Draft("formula", title, visual, script, 1.2, place, frozenset(uses))


def rows(latex: str) -> list[str]:
    """The lines of an aligned formula, one by one."""
    inner = re.sub(
        r"\\(?:begin|end)\{(?:aligned|align|gathered|gather|split|eqnarray)\*?\}", "", latex
    )
    if "\\begin" in inner:
        return [latex] if len(latex) <= 600 else []
    lines = [tidy(one.replace("&", "")) for one in re.split(r"\\\\(?:\[[^\]]*\])?", inner)]
    return [one for one in lines if one]


def _lead(telling: Telling, script: Script, number: int, uses: set[int]) -> int | None:
    """Say the sentence of a formula; where it can't be said, what stands before it."""
    sentence = telling.sentences[number]
    uses.add(number)
    if not sentence.is_speakable:
        number -= 1
        while number >= 0 and number in uses:
            return None
        plain = number >= 0 and telling.sentences[number].is_speakable
        if not plain or telling.sentences[number].is_question:
            return None
        uses.add(number)
        return script.say(telling.said(number))
    first = number - 1
    needs = sentence.is_formula or (telling.before(number) or [number])[0] != number
    if needs and first >= 0 and first not in uses and telling.sentences[first].is_speakable:
        uses.add(first)
        script.say(telling.said(first))
    return script.say(telling.said(number))


def _follow(telling: Telling, last: int, script: Script, uses: set[int], *, only: bool) -> None:
    """What the next sentences of the same paragraph, or the next one, say of it."""
    for follower in range(last + 1, min(last + 3, len(telling.sentences))):
        sentence = telling.sentences[follower]
        near = sentence.paragraph - telling.sentences[last].paragraph <= 2
        fits = script.seconds + seconds_of(sentence.text) <= 18
        if not near or not fits or sentence.is_question or not _plain(sentence):
            return
        line = script.say(telling.said(follower))
        uses.add(follower)
        if only and _INLINE.search(sentence.text):
            script.at(line, sentence.text, "step-1", "highlight")


def _plain(sentence: Sentence) -> bool:
    return not sentence.formulas and sentence.is_speakable and not sentence.text.endswith(":")


@dataclass(frozen=True, slots=True)
class _Drawn:
    latex: str
    expression: str


def plots(telling: Telling) -> list[Draft]:
    """A plot of the functions of ``x`` that a sentence writes out."""
    made: list[Draft] = []
    for number, sentence in enumerate(telling.sentences):
        drawn = [one for one in map(_drawn, _INLINE.findall(sentence.text)) if one][:4]
        if not drawn or not sentence.is_speakable:
            continue
        low, high = _range(drawn)
        script = Script(telling.language)
        chain = telling.before(number) or [number]
        for said in chain:
            script.say(telling.said(said))
        for place, one in enumerate(drawn, 1):
            before = sentence.text.partition(f"${one.latex}$")[0]
            script.at(len(chain) - 1, before[-40:] or sentence.text, f"curve-{place}")
        curves = [
            Curve(expression=one.expression, label=f"${one.latex}$" if len(one.latex) < 38 else "")
            for one in drawn
        ]
        title = heading(telling.title)
        visual = Plot(
            kind="plot", title=title, x=Axis(minimum=low, maximum=high, label="$x$"), curves=curves
        )
        uses = frozenset(chain)
        made.append(Draft("plot", title, visual, script, 1.15, telling.place(number), uses))
    return made


def _drawn(latex: str) -> _Drawn | None:
    match = _FUNCTION.match(latex.strip())
    if match is None:
        return None
    expression = expression_of(match["body"])
    if expression is None or not re.search(r"\bx\b", expression):
        return None
    return _Drawn(latex, expression)


def expression_of(latex: str) -> str | None:
    """LaTeX as an expression over ``x``; None where it holds anything else."""
    text = re.sub(r"\\(?:left|right|,|;|!|:|displaystyle)", "", latex)
    for _ in range(6):
        text = re.sub(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"((\1)/(\2))", text)
        text = re.sub(r"\\sqrt\s*\{([^{}]*)\}", r"sqrt(\1)", text)
        text = re.sub(r"\^\s*\{([^{}]*)\}", r"^(\1)", text)
    text = re.sub(r"\\(?:cdot|times)", "*", text).replace("−", "-")
    text = re.sub(r"\\(sin|cos|tan|ln|log|exp|pi)\b", r"\1", text)
    text = re.sub(r"\b(sin|cos|tan|ln|log|exp)\s*(\d*x)\b", r"\1(\2)", text)
    text = re.sub(r"[{}~\s]+", "", text)
    text = re.sub(r"(\d)(?=[a-z(])|(\))(?=[a-z0-9(])|\bx(?=\()", lambda m: f"{m[0]}*", text)
    text = re.sub(r"\b(pi)(?=x)", r"\1*", text)
    try:
        parsed = Expression.parse(text)
    except ValueError:
        return None
    return text if any(parsed.at(x) is not None for x in (-1.5, 0.5, 1.0, 2.5)) else None


def _range(drawn: list[_Drawn]) -> tuple[float, float]:
    together = " ".join(one.expression for one in drawn)
    if re.search(r"\b(?:sin|cos)\b", together):
        return -round(2 * math.pi, 2), round(2 * math.pi, 2)
    if re.search(r"\b(?:ln|log|sqrt)\b", together):
        return 0.0, 10.0
    return (-3.0, 3.0) if "exp" in together or "^x" in together else (-5.0, 5.0)


__all__ = ["expression_of", "formulas", "inline_formulas", "is_spoken", "plots"]
