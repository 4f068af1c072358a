"""Scenes of lists and tables: bullets, steps, timelines, graphs, comparisons, arrays."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from bloop_outline.blocks import Entry, Glossary, Grid, Listing
from bloop_outline.chapters import slug_of
from bloop_outline.languages import Language
from bloop_outline.prose import Telling
from bloop_outline.script import Draft, Script, heading, seconds_of
from bloop_outline.sentences import fit, short, spans, without_asides
from bloop_sdk.storyboard import (
    Array,
    Bullets,
    Compare,
    Edge,
    Graph,
    Moment,
    Node,
    Side,
    Table,
    Timeline,
)

SCENE_SECONDS = 20.0
LONGEST_TIMELINE = 26.0
LONGEST_ENTRY = 14.0
_ARROW = re.compile(r"\s*(?:->|→|⟶|=>|⇒|-->)\s*")
_YEAR = r"(?:1[0-9]|20)\d{2}"
_NUMBERS = re.compile(r"(?<![\w.])\[?\s*(-?\d{1,4}(?:\s*,\s*-?\d{1,4}){3,15})\s*\]?(?![\w.]*\d)")


def listing(telling: Telling, block: Listing, lead: str, place: int) -> list[Draft]:
    """What a list is best shown as."""
    entries = [entry for entry in block.entries if entry.rich.text or entry.inner]
    links = sum(entry.rich.linked > 0.7 for entry in entries)
    if not entries or links * 2 > len(entries):
        return []
    dated = _timeline(telling, [_whole(entry) for entry in entries], lead, place, 1.15)
    if dated is not None:
        return [dated]
    graph = _graph(telling, [entry.rich.text for entry in entries], lead, place)
    if graph is not None:
        return [graph]
    return _bullets(telling, entries, lead, place, ordered=block.ordered)


def _whole(entry: Entry) -> str:
    """An entry with the list within it, where it says little by itself."""
    text = entry.rich.text
    if entry.inner and (text.endswith(":") or len(text.split()) < 5):
        joined = ", ".join(inner.text.rstrip(" .,;") for inner in entry.inner)
        return f"{text.rstrip(' :.')}: {joined}" if text else joined
    return text


def _bullets(
    telling: Telling, entries: Sequence[Entry], lead: str, place: int, *, ordered: bool
) -> list[Draft]:
    language = telling.language
    script = Script(language)
    if lead or telling.title:
        script.say(lead or heading(telling.title))
    items: list[str] = []
    for entry in entries:
        text = _whole(entry)
        said = _brief(_first(without_asides(text, language), language), language)
        if not re.search(r"\w", said):
            continue
        full = script.seconds + seconds_of(said) > SCENE_SECONDS or len(script.lines) >= 9
        if len(items) == 8 or (full and len(items) > 1):
            break
        line = script.say(said)
        items.append(fit(short(said, language), 200))
        script.at(line, items[-1], f"item-{len(items)}")
    if len(items) < 2:
        return []
    title = heading(telling.title)
    visual = Bullets(kind="bullets", title=title, items=items, ordered=ordered)
    told = len(items) / max(1, len(entries))
    value = (0.95 if ordered else 0.85) * (0.6 + 0.4 * told)
    kind = "steps" if ordered else "list"
    return [Draft(kind, title, visual, script, value, (telling.number, place, 0))]


def _brief(text: str, language: Language) -> str:
    """What an entry says, cut where nobody would listen any longer."""
    return text if seconds_of(text) < LONGEST_ENTRY else short(text, language, 180)


def _first(text: str, language: Language) -> str:
    """The first sentence; with the second where it is but a name."""
    cut = list(spans(text, language))
    if not cut:
        return text
    end = cut[0][1]
    if len(cut) > 1 and len(text[:end].split()) < 4:
        end = cut[1][1]
    return text[:end]


def dated_sentences(telling: Telling) -> Draft | None:
    """A timeline of the sentences that name years in their order."""
    texts = [
        sentence.text
        for number, sentence in enumerate(telling.sentences)
        if sentence.is_speakable and telling.before(number) == [number]
    ]
    dated = [text for text in texts if _date(text, telling.language) is not None]
    if len(dated) < 3 or len(dated) * 3 < len(texts):
        return None
    return _timeline(telling, dated, "", 0, 1.0)


def _timeline(
    telling: Telling, texts: Sequence[str], lead: str, place: int, value: float
) -> Draft | None:
    dated = [(date, text) for text in texts if (date := _date(text, telling.language))]
    if len(dated) < 3 or len(dated) * 4 < len(texts) * 3:
        return None
    years = [year for (_, year, _), _ in dated]
    if years != sorted(years) or len(set(years)) < 3:
        return None
    script = Script(telling.language)
    if lead:
        script.say(lead)
    moments: list[Moment] = []
    for (when, _, what), text in dated:
        said = _first(without_asides(text, telling.language), telling.language)
        full = script.seconds + seconds_of(said) > SCENE_SECONDS
        if len(moments) == 8 or (len(moments) > 2 and full):
            break
        line = script.say(said)
        first = (_date(said, telling.language) or ("", 0, what))[2]
        moments.append(Moment(when=when, what=short(first, telling.language, 78)))
        script.at(line, when, f"moment-{len(moments)}")
    if script.seconds > LONGEST_TIMELINE:
        return None
    title = heading(telling.title)
    visual = Timeline(kind="timeline", title=title, moments=moments)
    return Draft("timeline", title, visual, script, value, (telling.number, place, 0))


def _date(text: str, language: Language) -> tuple[str, int, str] | None:
    """When it was, as written; its year; and the rest of the text."""
    months = "|".join(language.months) or r"(?!)"
    pattern = re.compile(
        rf"(?P<when>(?:\d{{1,2}}\.?(?:\s+de)?\s+)?(?:(?:{months})\s+(?:de\s+)?)?(?:\d{{1,2}},\s+)?"
        rf"(?P<year>{_YEAR})s?(?:\s*[–—-]\s*(?:\d{{4}}|\d{{2}}))?(?:, \d{{4}})?)(?![\d%])",
        re.IGNORECASE,
    )
    match = pattern.search(text)
    if match is None or match.start() > 60:
        return None
    when = match["when"].strip()
    rest = text[match.end() :].lstrip(" :,.–—-)").strip()
    if match.start() > 14 or len(rest) < 8:
        rest = text
    if len(when) > 24 or not rest:
        return None
    return when, int(match["year"]), rest[:1].upper() + rest[1:]


def arrows(telling: Telling, texts: Sequence[str], place: int) -> Draft | None:
    """A graph of what a text joins with arrows."""
    return _graph(telling, [text for text in texts if _ARROW.search(text)], "", place)


def _graph(telling: Telling, texts: Sequence[str], lead: str, place: int) -> Draft | None:
    chains = [
        [fit(one.strip(" .;:"), 40) for one in _ARROW.split(text)]
        for text in texts
        if _ARROW.search(text) and "$" not in text and len(text) < 240
    ]
    chains = [chain for chain in chains if all(1 <= len(one) <= 40 for one in chain)]
    if len(chains) * 2 < len(texts) or sum(len(chain) - 1 for chain in chains) < 2:
        return None
    nodes: dict[str, str] = {}
    edges: list[Edge] = []
    script = Script(telling.language)
    if lead:
        script.say(lead)
    for chain in chains[:5]:
        if "+" in "".join(chain) or len(nodes) + len(chain) > 14:
            return None
        line = script.say(", ".join(chain))
        for name in chain:
            if name not in nodes:
                nodes[name] = _node_id(name, set(nodes.values()))
                script.at(line, name, nodes[name])
        edges += [
            Edge(source=nodes[one], target=nodes[other]) for one, other in itertools.pairwise(chain)
        ]
    title = heading(telling.title)
    visual = Graph(
        kind="graph",
        title=title,
        nodes=[Node(id=id_, label=name) for name, id_ in nodes.items()],
        edges=edges[:30],
    )
    return Draft("graph", title, visual, script, 1.0, (telling.number, place, 0))


def _node_id(name: str, taken: set[str]) -> str:
    slug, number = slug_of(name), 2
    made = slug
    while made in taken or re.match(r"(?:title|edge-\d+)$", made):
        made, number = f"{slug}-{number}", number + 1
    return made


def arrays(telling: Telling) -> list[Draft]:
    """Numbers in a row, in a sentence that speaks of arrays."""
    speaks = telling.language.arrays
    made: list[Draft] = []
    for number, sentence in enumerate(telling.sentences):
        found = _NUMBERS.search(sentence.text)
        if found is None or speaks is None or not sentence.is_speakable:
            continue
        chain = telling.before(number)
        about = " ".join((telling.title, *(telling.sentences[n].text for n in chain or [])))
        if chain is None or not speaks.search(about):
            continue
        script = Script(telling.language)
        for one in chain:
            script.say(telling.said(one))
        values = [value.strip() for value in found[1].split(",")]
        title = heading(telling.title)
        visual = Array(kind="array", title=title, values=values)
        place = telling.place(number)
        made.append(Draft("array", title, visual, script, 0.95, place, frozenset(chain)))
    return made


def glossary(telling: Telling, block: Glossary, lead: str, place: int) -> list[Draft]:
    """Terms and what they mean."""
    language = telling.language
    script = Script(language)
    if lead:
        script.say(lead)
    items: list[str] = []
    for term, meaning in block.pairs:
        said = f"{term.rstrip(':')}: {_first(without_asides(meaning.text, language), language)}"
        if len(items) == 8 or (items and script.seconds + seconds_of(said) > SCENE_SECONDS):
            break
        line = script.say(said)
        items.append(fit(short(said, language, 130), 200))
        script.at(line, term, f"item-{len(items)}")
    if not items:
        return []
    title = heading(telling.title)
    visual = Bullets(kind="bullets", title=title, items=items)
    return [Draft("terms", title, visual, script, 1.05, (telling.number, place, 0))]


def table(telling: Telling, block: Grid, lead: str, place: int) -> list[Draft]:
    """A table, or two columns beside each other."""
    compared = _compare(telling, block, lead, place)
    if compared is not None:
        return [compared]
    width = min(6, max(len(row) for row in block.rows))
    header = list(block.header) or list(block.rows[0])
    body = [*block.rows] if block.header else [*block.rows[1:]]
    if not body or not any(header):
        return []
    rows = [[fit(cell, 80) for cell in row[:width]] for row in body[:10]]
    script = Script(telling.language)
    opening = block.caption or lead
    most = min(SCENE_SECONDS - 2, max(9.0, telling.seconds))
    if opening:
        script.say(_first(opening, telling.language))
    for number, row in enumerate(rows, 1):
        said = _row([without_asides(one, telling.language) for one in header[:width]], row)
        if not said or (script.lines and script.seconds + seconds_of(said) > most):
            break
        line = script.say(said)
        script.at(line, row[0], f"row-{number}", "highlight")
    if not script.lines:
        return []
    title = heading(block.caption if 0 < len(block.caption) <= 60 else telling.title)
    visual = Table(
        kind="table", title=title, header=[fit(cell, 80) for cell in header[:width]], rows=rows
    )
    return [Draft("table", title, visual, script, 0.9, (telling.number, place, 0))]


def _row(header: Sequence[str], row: Sequence[str]) -> str:
    """A row as it is said: its first cell, then the others with the heads of their columns."""
    cells = [
        f"{head} {cell}" if head and len(row) > 2 else cell
        for head, cell in zip(header[1:], row[1:], strict=False)
        if cell
    ]
    if not cells:
        return row[0]
    if re.fullmatch(r"[-−+]?[\d.,]+", row[0]) and header[0]:
        return f"{header[0]} {row[0]}: {', '.join(cells)}"
    first = row[0] if not row[0] or row[0][-1] in ".!?" else f"{row[0]}:"
    return f"{first} {', '.join(cells)}".strip()


def _compare(telling: Telling, block: Grid, lead: str, place: int) -> Draft | None:
    """Two columns whose heads are what is compared, and whose cells are phrases."""
    contrast = telling.language.contrast
    about = f"{telling.title} {block.caption} {lead} {' '.join(block.header)}"
    phrases = all(
        sum(len(row[n].split()) for row in block.rows) >= 3 * len(block.rows) for n in (0, -1)
    )
    spoken_of = contrast is not None and contrast.search(about)
    if len(block.header) != 2 or not (spoken_of or phrases):
        return None
    if not 1 <= len(block.rows) <= 5 or not all(block.header):
        return None
    script = Script(telling.language)
    if lead:
        script.say(lead)
    sides: list[Side] = []
    for column, name in enumerate(("left", "right")):
        cells = [fit(row[column], 200) for row in block.rows if row[column]]
        if not cells:
            return None
        line = script.say(f"{block.header[column]}: {', '.join(one.rstrip('.') for one in cells)}")
        script.at(line, block.header[column], name)
        for number, cell in enumerate(cells, 1):
            script.at(line, cell, f"{name}-{number}")
        sides.append(Side(title=fit(block.header[column], 80), items=cells))
    title = heading(telling.title)
    visual = Compare(kind="compare", title=title, left=sides[0], right=sides[1])
    return Draft("compare", title, visual, script, 1.0, (telling.number, place, 0))
