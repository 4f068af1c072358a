"""Storyboards of every kind of visual, as hypothesis makes them."""

from __future__ import annotations

from hypothesis import strategies as st

from bloop_sdk.storyboard import Scene, Storyboard

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1)
TRICKY = st.sampled_from(
    [
        *("plain", " a ", "```", "---", "## x {#y}", '"q"', "[w]{show=title}", "\\[w]{show=title}"),
        *("a\nb", "", "- x {#l}", "yes", "12", "1.5", "null", "2024-01-01", "{#l1}", "a: b", "# c"),
        *("&a *a", "\\\\[b]{hide=c}", "concepts: [a]", "\u2028", "\x85", "\r\n", "$\\frac{a}{b}$"),
        *("x }", "'", "|", "> ", "🙂", "~", "a\tb", "\0", "\ufeff", "a\n  b\n", "\n\na"),
    ]
)


def texts(longest: int, shortest: int = 1):
    return (TRICKY | TEXT).map(lambda one: one[:longest]).filter(lambda one: len(one) >= shortest)


NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)


def some(what, least: int, most: int):
    return st.lists(what, min_size=least, max_size=most)


def visual(kind: str, **fields):
    return st.fixed_dictionaries({"kind": st.just(kind), **fields})


def tables(columns: int):
    row = some(texts(80, 0), columns, columns)
    return visual("table", header=row, rows=some(row, 1, 3))


AXES = st.tuples(st.floats(-1e6, 0), st.floats(1, 1e6)).map(
    lambda pair: {"minimum": pair[0], "maximum": pair[1]}
)
POINTS = st.fixed_dictionaries({"x": NUMBERS, "y": NUMBERS, "label": texts(40, 0)})
SIDES = st.fixed_dictionaries({"title": texts(80), "items": some(texts(200), 1, 5)})
VISUALS = st.one_of(
    visual("title", title=texts(80), subtitle=texts(160, 0)),
    visual("bullets", title=texts(80, 0), items=some(texts(200), 1, 8), ordered=st.booleans()),
    visual("formula", steps=some(texts(600), 1, 6), caption=texts(160, 0)),
    visual("plot", x=AXES, y=st.none() | AXES, points=some(POINTS, 1, 3)),
    visual("array", values=some(texts(12, 0), 1, 16), indices=st.booleans()),
    some(NAMES, 1, 5).map(lambda ids: {
        "kind": "graph", "nodes": [{"id": one, "label": "n"} for one in dict.fromkeys(ids)],
        "edges": [{"source": ids[0], "target": ids[-1], "label": ""}],
    }),
    st.integers(1, 4).flatmap(tables),
    visual("code", text=texts(90)),
    visual("image", asset=st.just("pic"), alt=texts(80, 0)),
    visual("compare", left=SIDES, right=SIDES),
    visual("timeline", moments=some(
        st.fixed_dictionaries({"when": texts(24), "what": texts(80)}), 2, 8)),
    visual("geometry", shapes=st.just([
        {"id": "c", "shape": "circle", "vertices": [{"x": 0.1, "y": -2}], "radius": 1e-7}])),
    visual("quiz", question=texts(200), choices=some(texts(200), 2, 5), answer=st.integers(1, 2)),
)  # fmt: skip


@st.composite
def scenes(draw, id_: str) -> Scene:
    lines = [
        {"id": name, "text": draw(texts(200))}
        for name in dict.fromkeys(draw(st.lists(NAMES, max_size=3)))
    ]
    bare = {"id": id_, "visual": draw(VISUALS), "narration": lines, "title": draw(texts(80, 0))}
    parts = Scene.model_validate(bare).visual.parts()
    cues = [
        {
            "line": (line := draw(st.sampled_from(lines)))["id"],
            "word": draw(st.sampled_from([*line["text"].split(), "gone", "B"]))[:60],
            "nth": draw(st.integers(1, 3)),
            "action": draw(st.sampled_from(["show", "highlight", "hide"])),
            "target": draw(st.sampled_from(parts)),
        }
        for _ in range(draw(st.integers(0, 4)) if lines and parts else 0)
    ]
    more = {
        "concepts": draw(st.lists(texts(80, 0), max_size=3)),
        "seconds": draw(st.none() | st.floats(0.1, 120)),
    }
    return Scene.model_validate(bare | more | {"cues": cues})


@st.composite
def storyboards(draw) -> Storyboard:
    ids = dict.fromkeys(draw(st.lists(NAMES, min_size=1, max_size=4)))
    return Storyboard.model_validate(
        {
            "title": draw(texts(160)),
            "language": draw(st.sampled_from(["en", "de-AT", "zh-Hans", "no"])),
            "presenter": draw(st.sampled_from(["none", "voice", "avatar"])),
            "made_by": draw(st.sampled_from(["author", "extraction", "model"])),
            "assets": [{"id": "pic", "source": draw(texts(200, 0)), "alt": draw(texts(80, 0))}],
            "scenes": [draw(scenes(one)).model_dump() for one in ids],
        }
    )
