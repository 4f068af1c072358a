"""Source text."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from pygments.lexers import get_lexer_by_name
from pygments.lexers.special import TextLexer
from pygments.token import Token, _TokenType
from pygments.util import ClassNotFound

from bloop_manim.drawing.canvas import LABEL_CAP, Box
from bloop_manim.drawing.color import contrast, mix
from bloop_manim.drawing.fonts import Ink, own
from bloop_manim.drawing.recipes import card, outline
from bloop_manim.drawing.shaping import set_line
from bloop_manim.drawing.sketch import Sketch, Written
from bloop_manim.drawing.text import tidy, undrawn
from bloop_sdk.storyboard import Code

_LEADING: Final = 1.5
_KINDS: Final = (
    (Token.Comment, "comment"),
    (Token.Literal.String, "string"),
    (Token.Literal.Number, "number"),
    (Token.Keyword, "keyword"),
    (Token.Operator.Word, "keyword"),
    (Token.Name.Tag, "keyword"),
    (Token.Name.Function, "name"),
    (Token.Name.Class, "type"),
    (Token.Name.Builtin, "type"),
    (Token.Name.Exception, "type"),
    (Token.Name.Decorator, "type"),
    (Token.Name.Attribute, "name"),
    (Token.Operator, "operator"),
    (Token.Punctuation, "operator"),
)

Pieces = list[tuple[str, str]]
"""A line as pairs of its text and the theme's name of its colour (empty: ink)."""


def draw(sketch: Sketch, visual: Code, scale: float) -> None:
    """Numbered lines on a card; one too long goes on below, further in."""
    theme, canvas, box = sketch.theme, sketch.canvas, sketch.box
    lines = coloured(visual.text, visual.language)
    size = min(canvas.body * 0.86, canvas.body) * scale
    advance = size * 0.6
    numbered = len(lines) > 1
    gutter = advance * (len(str(len(lines))) + 2) if numbered else 0.0
    pad = size * 0.9
    columns = max(12, int((box.width - 2 * pad - gutter) / advance))
    rows = [_wrapped(line, columns) for line in lines]
    step = size * _LEADING
    height = sum(map(len, rows)) * step + 2 * pad * 0.8
    widest = max(sum(len(text) for text, _ in row) for part in rows for row in part)
    width = (
        box.width
        if canvas.tall
        else max(min(box.width, widest * advance + gutter + 2 * pad), box.width * 0.62)
    )
    left = box.x - width / 2
    top = box.top - max(0.0, (box.height - height) * 0.42)
    panel = Box(left, top - height, left + width, top)
    sketch.add(
        card(panel, theme.card, theme.line, radius=0.14, width=1.2 * theme.stroke),
        "",
        motion="fade",
    )
    y = top - pad * 0.8
    for number, part in enumerate(rows, 1):
        name = f"line-{number}"
        band = Box(left + 0.05, y - len(part) * step, left + width - 0.05, y)
        shade = mix(theme.card, theme.primary, 0.13 if theme.name != "contrast" else 0.3)
        sketch.add(card(band, shade, radius=0.06), name, glow=True, motion="fade")
        if numbered:
            figure = sketch.text(f"{number}", size, style="mono", leading=_LEADING, rtl=False)
            figure.place(left + pad + gutter - 1.4 * advance - figure.width, y)
            sketch.write(
                figure,
                f"{number}",
                theme.syntax["comment"],
                name,
                paper=theme.card,
                label=True,
                motion="fade",
            )
        for row in part:
            _row(sketch, row, left + pad + gutter, y, size, name)
            y -= step


def _row(sketch: Sketch, row: Pieces, x: float, y: float, size: float, part: str) -> None:
    """One shape for each colour of a row."""
    theme, base = sketch.theme, y - (_LEADING + own("mono").cap) / 2 * size
    by_color: dict[str, list[Ink]] = {}
    missing: list[str] = []
    for text, kind in row:
        one = set_line(text, "mono", sketch.language)
        missing += one.missing
        sketch.letters += len(text.strip())
        if len(one.ink):
            color = theme.syntax.get(kind, theme.ink)
            by_color.setdefault(color, []).append(one.ink * size + [x, base])
        x += one.width * size
    if missing:
        sketch.missing += len(missing)
        sketch.fault("glyph", part, undrawn(missing))
    recipes = [outline(np.concatenate(parts), color) for color, parts in by_color.items()]
    for recipe in recipes:
        sketch.add(recipe, part, motion="fade")
    if recipes:
        whole = recipes[0].box
        for recipe in recipes[1:]:
            whole = whole.joined(recipe.box)
        palest = min(by_color, key=lambda color: contrast(color, theme.card))
        plain, cap = "".join(text for text, _ in row), own("mono").cap * size
        least = sketch.canvas.least_cap(LABEL_CAP)
        sketch.texts.append(Written(part, plain.strip(), whole, cap, least, palest, theme.card))


@lru_cache(64)
def coloured(text: str, language: str) -> tuple[Pieces, ...]:
    """Lines of source text by kinds of words; a language that nobody knows is plain."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False, ensurenl=False)
    lines: list[Pieces] = [[]]
    for token, value in lexer.get_tokens(text.rstrip("\n").expandtabs(4)):
        for number, piece in enumerate(value.split("\n")):
            if number:
                lines.append([])
            if piece:
                lines[-1].append((tidy(piece), _kind(token)))
    count = len(text.rstrip("\n").split("\n"))
    return tuple([*lines, *([[]] * count)][:count])


def _kind(token: _TokenType) -> str:
    return next((name for kind, name in _KINDS if token in kind), "")


def _wrapped(line: Pieces, columns: int) -> list[Pieces]:
    """Rows of at most so many characters; what goes on is set in by four more than the line."""
    plain = "".join(text for text, _ in line)
    if len(plain) <= columns:
        return [line]
    inset = min(len(plain) - len(plain.lstrip()) + 4, columns // 2)
    rows: list[Pieces] = []
    at, first = 0, True
    while at < len(plain):
        room = columns if first else columns - inset
        end = min(len(plain), at + room)
        if end < len(plain):
            blank = plain.rfind(" ", at + room // 2, end)
            end = blank + 1 if blank > at and plain[at:blank].strip() else end
        pieces = _cut(line, at, end)
        rows.append(pieces if first else [(" " * inset, ""), *pieces])
        at, first = end, False
    return rows


def _cut(line: Pieces, start: int, end: int) -> Pieces:
    out, at = [], 0
    for text, kind in line:
        piece = text[max(0, start - at) : max(0, end - at)]
        if piece:
            out.append((piece, kind))
        at += len(text)
    return out
