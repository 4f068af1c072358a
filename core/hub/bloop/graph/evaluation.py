"""How good the inference of prerequisites is, against pairs that people have labelled.

Nothing is fitted to the file that is reported on, but for one figure that says so.
"""

from __future__ import annotations

import csv
import io
import math
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bloop.graph.inference import PREREQUISITE, Course, Inferred
from bloop.graph.inference.languages import language_of
from bloop.graph.inference.pairs import THRESHOLD, Features, Names, Rows, plain_name, score
from bloop.graph.inference.words import Folder
from bloop.graph.names import key_of
from bloop_sdk import MalformedRecordError

UTF16 = (b"\xff\xfe", b"\xfe\xff")
COLUMNS = ("prerequisite", "concept", "label")
LABELS = dict.fromkeys(("1", "1.0", "true", "t", "yes", "y"), True) | dict.fromkeys(
    ("0", "0.0", "false", "f", "no", "n"), False
)
UNKNOWN = 20
"""So many names that a course lacks are told."""
MOST_BYTES = 50_000_000
LONGEST_NAME = 500
FOLDS = 5
MOST_STEPS = 4
_ROUNDS, _RATE, _DECAY = 100, 2.0, 0.002


@dataclass(frozen=True, slots=True)
class Pair:
    """``prerequisite`` has to be known before ``concept``, if ``label``; at a line of the file."""

    prerequisite: str
    concept: str
    label: bool
    line: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Of pairs that were taken for prerequisites, against their labels."""

    precision: float
    recall: float
    f1: float
    taken: int


@dataclass(frozen=True, slots=True)
class Report:
    """``inferred`` is the figure; the others are there to judge it by.

    ``without_levels`` leaves out the list of usual levels. ``chance`` takes as many pairs as were
    inferred, at random, in expectation; ``all_positive`` takes each pair. ``cross_validated``
    learns the weights from four fifths of this very file and is tried on the fifth, which
    flatters: the same concepts are on both sides.
    """

    pairs: int
    positive: int
    threshold: float
    embeddings: str
    inferred: Figures
    without_levels: Figures
    chance: Figures
    all_positive: Figures
    cross_validated: Figures | None
    from_course: int = 0
    """Pairs that the course's own graph decided."""
    unknown: int = 0
    """Names that the course's graph lacks."""
    unknown_names: tuple[str, ...] = ()
    """The first of them."""
    notes: tuple[str, ...] = ()


def read_gold(path: Path) -> list[Pair]:
    """The pairs of a CSV file with the columns prerequisite, concept and label (1 or 0, yes or no).

    Raises MalformedRecordError, with the line and what is wrong with it.
    """
    try:
        data = path.read_bytes()[: MOST_BYTES + 1]
    except OSError as err:
        raise _refused(path, 0, f"it cannot be read: {err.strerror}", "name a CSV file") from err
    if len(data) > MOST_BYTES:
        raise _refused(path, 0, "it has more than 50 MB", "give a part of it")
    try:
        # Spreadsheets save in these, and some say first what separates.
        text = data.decode("utf-16" if data[:2] in UTF16 else "utf-8-sig")
    except UnicodeDecodeError as err:
        line = data[: err.start].count(b"\n") + 1
        raise _refused(path, line, "it is not in UTF-8", "save it as UTF-8") from err
    lines = io.StringIO(text, newline="")
    first, skipped = lines.readline(), 0
    while first and (not first.strip() or first.lower().startswith("sep=")):
        first, skipped = lines.readline(), skipped + 1
    separator = max(",;\t", key=first.count)
    rows = csv.DictReader(chain([first], lines), delimiter=separator, strict=True)
    try:
        rows.fieldnames = [(name or "").strip().lower() for name in rows.fieldnames or ()]
        missing = [name for name in COLUMNS if name not in rows.fieldnames]
        if missing:
            raise _refused(
                path,
                1,
                f"there is no column {', '.join(missing)}",
                "begin with: prerequisite,concept,label",
            )
        pairs = [_pair(path, rows.line_num + skipped, row) for row in rows if any(row.values())]
    except csv.Error as err:
        raise _refused(
            path, rows.line_num + skipped, str(err), "quote names that hold commas"
        ) from err
    if not pairs:
        raise _refused(path, 1, "it has no pairs", "write one a line: addition,multiplication,1")
    return pairs


def _pair(path: Path, line: int, row: dict[str | None, object]) -> Pair:
    values = [str(row.get(name) or "").strip() for name in COLUMNS]
    if row.get(None):
        raise _refused(path, line, "it has more values than columns", "quote names with commas")
    for name, value in zip(COLUMNS, values, strict=True):
        if not value:
            raise _refused(path, line, f"{name} is empty", "give prerequisite, concept and label")
        if len(value) > LONGEST_NAME:
            raise _refused(path, line, f"{name} is too long", f"give at most {LONGEST_NAME} signs")
    label = LABELS.get(values[2].lower())
    if label is None:
        raise _refused(path, line, f"the label is {values[2]!r}", "write 1 or 0")
    return Pair(values[0], values[1], label, line)


def _refused(path: Path, line: int, what: str, cure: str) -> MalformedRecordError:
    where = f"{path.name}, line {line}" if line else path.name
    return MalformedRecordError(f"{where}: {what}", cure=cure)


def names_of(pairs: Sequence[Pair]) -> list[str]:
    """All names, each once, in their order."""
    return list(dict.fromkeys(name for one in pairs for name in (one.prerequisite, one.concept)))


def evaluate(
    pairs: Sequence[Pair],
    *,
    vectors: Rows | None = None,
    ladder_vectors: Rows | None = None,
    embeddings: str = "",
    course: ByGraph | None = None,
) -> Report:
    """Score each pair by its names, or by the graph of a course where that knows both.

    ``vectors`` are those of :func:`names_of`, ``ladder_vectors`` those of the ladder's names, both
    of the provider that ``embeddings`` names. ``course`` gives a score for two names, or None. A
    pair that is there again, with the same label, counts once.
    """
    given, pairs = pairs, _each_once(pairs)
    labels = [one.label for one in pairs]
    names = names_of(pairs)
    by_names = Names(names, vectors, ladder_vectors)
    bare = Names(names, vectors, levels=False)
    features = [by_names.features(one.prerequisite, one.concept) for one in pairs]
    told = [course(one.prerequisite, one.concept) if course else None for one in pairs]
    taken = [
        (score(some) if known is None else max(known, score(some))) >= THRESHOLD
        for some, known in zip(features, told, strict=True)
    ]
    without = [score(bare.features(one.prerequisite, one.concept)) >= THRESHOLD for one in pairs]
    unknown = [one for one in names if not course.knows(one)] if course else []
    return Report(
        pairs=len(pairs),
        positive=sum(labels),
        threshold=THRESHOLD,
        embeddings=embeddings,
        inferred=figures(taken, labels),
        without_levels=figures(without, labels),
        chance=chance(sum(taken), labels),
        all_positive=figures([True] * len(labels), labels),
        cross_validated=cross_validated(features, labels),
        from_course=sum(one is not None for one in told),
        unknown=len(unknown),
        unknown_names=tuple(unknown[:UNKNOWN]),
        notes=tuple(_notes(pairs, len(given) - len(pairs))),
    )


def _each_once(pairs: Sequence[Pair]) -> list[Pair]:
    seen: dict[tuple[str, str, bool], Pair] = {}
    for one in pairs:
        names = (key_of(one.prerequisite), key_of(one.concept))
        seen.setdefault((*names, one.label), one)
    return list(seen.values())


def _notes(pairs: Sequence[Pair], again: int) -> list[str]:
    seen: dict[tuple[str, str], bool] = {}
    keys = [(key_of(one.prerequisite), key_of(one.concept)) for one in pairs]
    both = sum(
        seen.setdefault(key, one.label) != one.label for key, one in zip(keys, pairs, strict=True)
    )
    turned = sum(
        one.label and seen.get((after, before), False)
        for (before, after), one in zip(keys, pairs, strict=True)
    )
    notes = []
    if again:
        notes.append(f"{again} pairs are there more than once, and count once.")
    if itself := sum(before == after for before, after in keys):
        notes.append(f"{itself} pairs have the same name twice.")
    if both:
        notes.append(f"{both} pairs have both labels: no inference gets them right.")
    if turned:
        notes.append(f"{turned} positive pairs are positive the other way around too.")
    return notes


class ByGraph:
    """What a course's graph says of two names: how sure the surest way between them is.

    None where the course lacks one of them; a way has at most four edges. Names may be aliases, in
    any inflection, and with or without accents.
    """

    def __init__(self, course: Course, inferred: Inferred) -> None:
        titles = " ".join(one.title for one in course.documents)
        self._folder = Folder(language_of(course.language, titles))
        self._known: dict[tuple[str, ...], str] = {}
        # Names before aliases, and both before those without accents.
        spelled = [(one.name, one.key) for one in inferred.concepts]
        spelled += [(name, one.key) for one in inferred.concepts for name in one.aliases]
        for name, key in [*spelled, *((_bare(name), key) for name, key in spelled)]:
            self._known.setdefault(self._folder.keys(name), key)
        self._after: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for edge in inferred.edges:
            if edge.kind == PREREQUISITE:
                self._after[edge.source].append((edge.target, edge.confidence))

    def _find(self, name: str) -> str | None:
        plain = plain_name(name)
        ways = (self._folder.keys(one) for one in (plain, _bare(plain)))
        return next((self._known[one] for one in ways if one in self._known), None)

    def knows(self, name: str) -> bool:
        """Whether the course's graph has a concept of this name."""
        return self._find(name) is not None

    def __call__(self, first: str, second: str) -> float | None:
        """How sure it is that the one comes before the other."""
        start, end = self._find(first), self._find(second)
        if start is None or end is None:
            return None
        best, reached = {start: 1.0}, {start: 1.0}
        for _ in range(MOST_STEPS):
            following: dict[str, float] = {}
            for node, sure in reached.items():
                for other, more in self._after.get(node, ()):
                    if sure * more > max(best.get(other, 0.0), following.get(other, 0.0)):
                        following[other] = sure * more
            best |= following
            reached = following
        return best.get(end, 0.0) if end != start else 0.0


def _bare(name: str) -> str:
    """A name without its accents."""
    apart = unicodedata.normalize("NFD", name)
    return "".join(one for one in apart if not unicodedata.combining(one))


def figures(taken: Collection[bool], labels: Collection[bool]) -> Figures:
    """Precision, recall and F1; each is 0 where it has no denominator."""
    right = sum(one and label for one, label in zip(taken, labels, strict=True))
    return _figures(right, sum(taken), sum(labels))


def _figures(right: float, taken: int, positive: int) -> Figures:
    precision = right / taken if taken else 0.0
    recall = right / positive if positive else 0.0
    both = precision + recall
    f1 = 2 * precision * recall / both if both else 0.0
    return Figures(round(precision, 4), round(recall, 4), round(f1, 4), taken)


def chance(taken: int, labels: Collection[bool]) -> Figures:
    """What as many pairs taken at random would give, in expectation."""
    positive = sum(labels)
    return _figures(taken * positive / len(labels) if labels else 0.0, taken, positive)


def cross_validated(features: Sequence[Features], labels: Sequence[bool]) -> Figures | None:
    """Weights learned from four fifths, tried on the fifth; None where a fold has one label only.

    Logistic regression; every fifth pair of each label is in a fold, so that all have their share.
    """
    fold = [0] * len(labels)
    for wanted in (True, False):
        some = [at for at, label in enumerate(labels) if label is wanted]
        if len(some) < 2 * FOLDS:
            return None
        for turn, at in enumerate(some):
            fold[at] = turn % FOLDS
    rows = [[1.0, *one.values()] for one in features]
    taken = [False] * len(labels)
    for part in range(FOLDS):
        train = [at for at in range(len(labels)) if fold[at] != part]
        weights, cut = _learned([rows[at] for at in train], [labels[at] for at in train])
        for at in range(len(labels)):
            if fold[at] == part:
                taken[at] = _sigmoid(weights, rows[at]) >= cut
    return figures(taken, labels)


def _learned(rows: Sequence[Sequence[float]], labels: Sequence[bool]) -> tuple[list[float], float]:
    """Weights by gradient descent, and the threshold with the best F1 on the same pairs."""
    weights = [0.0] * len(rows[0])
    for _ in range(_ROUNDS):
        slope = [0.0] * len(weights)
        for row, label in zip(rows, labels, strict=True):
            miss = _sigmoid(weights, row) - label
            for at, value in enumerate(row):
                slope[at] += miss * value
        weights = [
            weight - _RATE * (down / len(rows) + _DECAY * weight)
            for weight, down in zip(weights, slope, strict=True)
        ]
    told = [_sigmoid(weights, row) for row in rows]
    cuts = [step / 40 for step in range(4, 32)]
    best = max(cuts, key=lambda cut: figures([one >= cut for one in told], labels).f1)
    return weights, best


def _sigmoid(weights: Sequence[float], row: Sequence[float]) -> float:
    total = sum(weight * value for weight, value in zip(weights, row, strict=True))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
