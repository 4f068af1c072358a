"""Answers for the benchmark of tracing: the public three-line files, or simulated learners.

A file holds three lines a learner: how many answers, the skills' ids, and 0 or 1 for each answer,
separated by commas. Blank lines, commas at the end and -1 as padding are passed over. Nothing in it
tells which rows once were one answer about several skills, so files that were expanded that way
leak answers to every model alike: take single-skill ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bloop_sdk.providers.ai import Answer, History
from bloop_sdk.testing import Classroom

AT = datetime(2026, 1, 1, tzinfo=UTC)
"""The files tell no times, so that all answers have the same: no model knows of forgetting."""
TELLING = 20
"""Sequences of as many answers that are equal are the same learner; shorter ones may be chance."""
FOLDS = 0.1
"""So many of the valid learners among those to train on make files folds of the same learners."""

Raw = tuple[tuple[str, ...], tuple[int, ...]]
"""A learner's skills and answers."""


@dataclass(frozen=True, slots=True)
class Split:
    """Learners in three parts, and words on where they are from."""

    train: Sequence[History]
    valid: Sequence[History]
    test: Sequence[History]
    told: str
    chances: Sequence[Sequence[float]] = ()
    """The true chances of the test learners, where they are known."""


def learners_of(path: Path) -> Iterator[Raw]:
    """A file's learners; SystemExit names the line that is not as it should be."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as err:
        raise SystemExit(f"{path.name}: no text in UTF-8 ({err})") from err
    lines = [(number, _values(line)) for number, line in enumerate(text.splitlines(), 1)]
    rest = iter([(number, values) for number, values in lines if values])
    for number, (first, *more) in rest:
        if more or not first.isdecimal():
            told = ",".join([first, *more])[:40]
            raise SystemExit(f"{path.name}:{number}: {told!r} is no count of answers")
        count = int(first)
        if count == 0:
            continue
        _, skills = next(rest, (0, []))
        where, answers = next(rest, (0, []))
        ids, given = _unpadded(skills), _unpadded(answers)
        padded = len(skills) == len(answers) == count
        if not (len(ids) == len(given) and (padded or len(ids) == count)):
            raise SystemExit(
                f"{path.name}:{number}: {count} answers, but {len(ids)} skills and {len(given)} "
                "answers follow: a learner has three lines, the count, the skills and the answers"
            )
        if not all(ids) or "-1" in ids:
            raise SystemExit(f"{path.name}:{number + 1}: an answer about no skill")
        if ids:
            yield ids, tuple(_answer(one, path, where) for one in given)


def _values(line: str) -> list[str]:
    """A line's values; none of a blank one. A comma at the end has nothing behind it."""
    values = [one.strip() for one in line.split(",")]
    while values and not values[-1]:
        values.pop()
    return values


def _unpadded(values: Sequence[str]) -> tuple[str, ...]:
    found = list(values)
    while found and found[-1] == "-1":
        found.pop()
    return tuple(found)


def _answer(text: str, path: Path, number: int) -> int:
    values = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
    found = values.get(text)
    if found is None:
        raise SystemExit(f"{path.name}:{number}: {text[:40]!r} is no answer: write 0 or 1")
    return found


def read(folder: Path) -> Split:
    """The files of a folder. Several of a part are put together.

    Learners of the test files are never trained on, whatever else holds them. Where learners are
    both in train and valid files, these are folds: all of them are one pool, of which a tenth is
    held out, as where there is no valid file.
    """
    parts: dict[str, list[Raw]] = {}
    for part in ("train", "valid", "test"):
        files = sorted(folder.glob(f"*{part}*.csv"))
        parts[part] = [one for path in files for one in learners_of(path)]
        if not parts[part] and part != "valid":
            raise SystemExit(f"{folder}: no {part}*.csv with learners")
    known = {one for one in parts["test"] if len(one[1]) >= TELLING}
    train = [one for one in parts["train"] if one not in known]
    valid = [one for one in parts["valid"] if one not in known]
    dropped = len(parts["train"]) + len(parts["valid"]) - len(train) - len(valid)
    telling = {one for one in valid if len(one[1]) >= TELLING}
    if not valid or len(telling.intersection(train)) > FOLDS * len(telling):
        long = dict.fromkeys(one for one in [*train, *valid] if len(one[1]) >= TELLING)
        pool = [*long, *(one for one in train if len(one[1]) < TELLING)]
        random.Random(0).shuffle(pool)
        cut = max(1, len(pool) // 10)
        valid, train = pool[:cut], pool[cut:]
    told = f"{folder.name}: {len(train)} learners to train on, {len(valid)} to stop by"
    told += f", {len(parts['test'])} to test; {dropped} left out that are in the test too"
    return Split(_histories(train), _histories(valid), _histories(parts["test"]), told)


def _histories(learners: Sequence[Raw]) -> list[History]:
    return [
        [
            Answer(learner=str(number), concepts=(skill,), correct=bool(right), at=AT)
            for skill, right in zip(skills, answers, strict=True)
        ]
        for number, (skills, answers) in enumerate(learners)
    ]


def simulated(train: int, valid: int, test: int) -> Split:
    """Learners of a classroom with a hundred concepts, with the times of their answers."""
    classroom = Classroom(100, seed=1)
    tested = classroom.learners(test, first=1_000_000)
    return Split(
        [one.answers for one in classroom.learners(train)],
        [one.answers for one in classroom.learners(valid, first=500_000)],
        [one.answers for one in tested],
        f"simulated: {train} learners to train on, {valid} to stop by, {test} to test",
        [one.chances for one in tested],
    )
