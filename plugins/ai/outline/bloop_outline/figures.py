"""Scenes of geometry, where a sentence gives the coordinates of its points."""

from __future__ import annotations

import re

from bloop_outline.prose import Telling
from bloop_outline.script import Draft, Script, heading
from bloop_sdk.storyboard import Geometry, Shape, Vertex

_NUMBER = r"-?\d{1,4}(?:\.\d{1,3})?"
_POINT = re.compile(rf"\b([A-Z])\s*\(\s*({_NUMBER})\s*[,;|]\s*({_NUMBER})\s*\)")
_POLYGON = re.compile(
    r"triang|dreieck|driehoek|rectang|rechteck|rechthoek|quadr|viereck|vierkant|vierhoek|square"
    r"|parallelogram|polyg|cuadr|rettang|retâng|trapez|trapèz|rhomb|raute|losange",
    re.IGNORECASE,
)
_VECTOR = re.compile(r"ve[ck]t|vetor|vettor", re.IGNORECASE)
_SEGMENT = re.compile(r"segment|strecke|lijnstuk|distan|abstand|afstand|entfern", re.IGNORECASE)
MOST_POINTS = 8


def geometry(telling: Telling) -> list[Draft]:
    """The points of a sentence, and the figure that it names with them."""
    made: list[Draft] = []
    for number, sentence in enumerate(telling.sentences):
        found = dict.fromkeys(_POINT.findall(sentence.text.replace("−", "-")))
        chain = telling.before(number)
        names = [name for name, _, _ in found]
        single = len(set(names)) == len(names)
        if not 2 <= len(found) <= MOST_POINTS or not single or chain is None:
            continue
        if not sentence.is_speakable:
            continue
        script = Script(telling.language)
        for one in chain:
            script.say(telling.said(one))
        title = heading(telling.title)
        places = [Vertex(x=float(x), y=float(y)) for _, x, y in found]
        shapes = [*_figure(sentence.text, places), *_points(names, places)]
        visual = Geometry(kind="geometry", title=title, shapes=shapes)
        place = telling.place(number)
        made.append(Draft("geometry", title, visual, script, 1.1, place, frozenset(chain)))
    return made


def _points(names: list[str], places: list[Vertex]) -> list[Shape]:
    return [
        Shape(id=f"point-{name.lower()}", shape="point", vertices=[place], label=name)
        for name, place in zip(names, places, strict=True)
    ]


def _figure(text: str, places: list[Vertex]) -> list[Shape]:
    if len(places) > 2 and _POLYGON.search(text):
        return [Shape(id="figure", shape="polygon", vertices=places)]
    if len(places) == 2 and _VECTOR.search(text):
        return [Shape(id="figure", shape="vector", vertices=places)]
    if len(places) == 2 and _SEGMENT.search(text):
        return [Shape(id="figure", shape="segment", vertices=places)]
    return []
