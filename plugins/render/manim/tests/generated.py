"""Storyboard scenes of every kind, made from a seed: short and long, easy and hostile."""

from __future__ import annotations

import random
from typing import Any

from bloop_sdk.storyboard import Scene

WORDS = (
    *("energy", "the", "cell", "of", "a", "derivative", "Photosynthesis", "and", "limits", "is"),
    *("Rechtsschutzversicherung", "für", "matter", "$x^2$", "über", "naïve", "$\\frac{a}{b}$"),
    *("moves", "slowly", "through", "membranes", "while", "$f'(x)=0$", "holds", "Δx", "→", "∞"),
    *("“quoted”", "3.14", "km/h", "Ελλάδα", "Москва", "e.g.", "$\\unknown{x}$", "50%", "&", "more"),
    *("http://example.org/a/very/long/path/to/a/page", "<b>markup</b>", "`code`"),
)
FORMULAS = (
    "a^2 + b^2 = c^2",
    "\\sum_{k=1}^{n} k = \\frac{n(n+1)}{2}",
    "\\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt{\\pi}}{2}",
    "A = \\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
    "|x| = \\begin{cases} x & x \\ge 0 \\\\ -x & \\text{else} \\end{cases}",
    "\\lim_{n \\to \\infty} \\left(1 + \\frac{1}{n}\\right)^n = e",
    "\\input{/etc/passwd}",
    "x_{",
)
CURVES = (
    *("x", "x^2", "sin(x)", "1/x", "tan(x)", "sqrt(x)", "ln(x)", "exp(x)", "floor(x)", "abs(x-1)"),
    *("1/(x^2-1)", "x^3-3*x", "sin(1/x)", "0", "1/0", "sign(x)", "acos(x)", "10^x"),
)
KINDS = (
    *("title", "bullets", "formula", "plot", "array", "graph", "table", "code", "image"),
    *("compare", "timeline", "geometry", "quiz"),
)


def scene(kind: str, seed: int) -> Scene:
    """One scene of a kind; the same for the same seed."""
    made = _Maker(random.Random(f"{kind}{seed}"))
    visual = {"kind": kind, **getattr(made, kind)()}
    if kind != "title" and made.dice.random() < 0.7:
        visual["title"] = made.words(1, 8, 80)
    return Scene.model_validate({"id": f"s-{seed}", "visual": visual})


class _Maker:
    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def words(self, least: int, most: int, limit: int) -> str:
        count = self.dice.randint(least, most)
        text = " ".join(self.dice.choice(WORDS) for _ in range(count))
        while len(text) > limit:
            text = text.rsplit(" ", 1)[0] if " " in text else text[:limit]
        return text

    def many(self, least: int, most: int, make: Any) -> list[Any]:
        return [make() for _ in range(self.dice.randint(least, most))]

    def phrase(self) -> str:
        return self.words(1, 28, 200)

    def title(self) -> dict[str, Any]:
        return {"title": self.words(1, 12, 80), "subtitle": self.words(0, 20, 160)}

    def bullets(self) -> dict[str, Any]:
        return {"items": self.many(1, 8, self.phrase), "ordered": self.dice.random() < 0.5}

    def formula(self) -> dict[str, Any]:
        return {
            "steps": self.many(1, 6, lambda: self.dice.choice(FORMULAS)),
            "caption": self.words(0, 20, 160),
        }

    def plot(self) -> dict[str, Any]:
        low = self.dice.choice([-10, -1, 0, 0.001, -1e6, 3])
        x = {
            "minimum": low,
            "maximum": low + self.dice.choice([1, 6.3, 20, 1e7, 1e-3]),
            "label": self.words(0, 2, 40),
        }

        def spot() -> dict[str, Any]:
            at = self.dice.uniform(x["minimum"], x["maximum"])
            return {"x": at, "y": self.dice.uniform(-5, 5), "label": self.words(0, 2, 40)}

        def curve() -> dict[str, Any]:
            return {"expression": self.dice.choice(CURVES), "label": self.words(0, 2, 40)}

        out: dict[str, Any] = {
            "x": x,
            "curves": self.many(1, 4, curve),
            "points": self.many(0, 6, spot),
        }
        if self.dice.random() < 0.4:
            out["y"] = {"minimum": -5, "maximum": 5, "label": self.words(0, 2, 40)}
        return out

    def array(self) -> dict[str, Any]:
        return {
            "values": self.many(1, 16, lambda: self.words(0, 1, 12)),
            "label": self.words(0, 4, 40),
        }

    def graph(self) -> dict[str, Any]:
        count = self.dice.randint(1, 14)
        nodes = [{"id": f"n{n}", "label": self.words(1, 3, 80) or "x"} for n in range(count)]

        def edge() -> dict[str, str]:
            ends = {end: f"n{self.dice.randrange(count)}" for end in ("source", "target")}
            return {**ends, "label": self.words(0, 1, 40) if self.dice.random() < 0.4 else ""}

        return {
            "nodes": nodes,
            "edges": self.many(0, count + 3, edge),
            "directed": self.dice.random() < 0.6,
            "layout": self.dice.choice(["layered", "circle", "tree"]),
        }

    def table(self) -> dict[str, Any]:
        columns = self.dice.randint(1, 6)

        def row() -> list[str]:
            return [self.words(0, 4, 80) for _ in range(columns)]

        return {
            "header": [self.words(1, 2, 80) for _ in range(columns)],
            "rows": self.many(1, 10, row),
        }

    def code(self) -> dict[str, Any]:
        def line() -> str:
            return " " * 4 * self.dice.randint(0, 4) + self.words(0, 12, 80)

        return {
            "language": self.dice.choice(["python", "c++", "nonsense"]),
            "text": "\n".join(["x", *self.many(0, 27, line)]),
        }

    def image(self) -> dict[str, Any]:
        return {
            "asset": self.dice.choice(["pic", "gone"]),
            "alt": self.words(0, 40, 400),
            "caption": self.words(0, 20, 160),
        }

    def compare(self) -> dict[str, Any]:
        def side() -> dict[str, Any]:
            return {
                "title": self.words(1, 4, 80),
                "items": self.many(1, 5, lambda: self.words(1, 12, 200)),
            }

        return {"left": side(), "right": side()}

    def timeline(self) -> dict[str, Any]:
        def moment() -> dict[str, str]:
            return {"when": self.words(1, 2, 24), "what": self.words(1, 10, 80)}

        return {"moments": self.many(2, 8, moment)}

    def geometry(self) -> dict[str, Any]:
        def vertex() -> dict[str, float]:
            return {"x": self.dice.randint(-5, 5), "y": self.dice.randint(-5, 5)}

        shapes = []
        for number in range(self.dice.randint(1, 10)):
            shape = self.dice.choice(["point", "segment", "vector", "angle", "circle", "polygon"])
            count = {"point": 1, "circle": 1, "segment": 2, "vector": 2, "angle": 3, "polygon": 4}[
                shape
            ]
            one: dict[str, Any] = {
                "id": f"s{number}",
                "shape": shape,
                "vertices": [vertex() for _ in range(count)],
            }
            if shape == "circle":
                one["radius"] = self.dice.choice([0.5, 2, 1e6])
            one["label"] = self.words(0, 1, 40)
            shapes.append(one)
        return {"shapes": shapes}

    def quiz(self) -> dict[str, Any]:
        choices = self.many(2, 5, lambda: self.words(1, 14, 200))
        return {
            "question": self.words(2, 20, 200),
            "choices": choices,
            "answer": self.dice.randint(1, len(choices)),
            "explanation": self.words(0, 20, 200),
        }
