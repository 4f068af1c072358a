"""Questions out of plain text: Moodle's GIFT format, and Aiken.

Both are as their documentation has them (docs.moodle.org, "GIFT format" and "Aiken format"). What
they know and the hub does not (categories, ids, tags) is left out; whether a question is complete
is :mod:`bloop.learning.quizzes.problems`'s to say. No kept library reads either.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bloop.content.texts import html_of_markdown
from bloop.learning.quizzes.questions import number_of
from bloop.store.errors import InvalidError

Questions = list[dict[str, Any]]

LONGEST = 1_000_000
"""Characters of a text."""
AHEAD = 20
"""So many lines behind an empty one are looked at for the brace that closes answers."""
WRONG: Mapping[str, str] = {
    "empty": "there is no question in it",
    "open": "the answers are not closed with a brace",
    "closed": "a closing brace has no opening one before it",
    "groups": "a question has one group of answers in braces, and this has another",
    "sign": "an answer begins with = or ~, or is T or F",
    "number": "this is no number, no range and no number with a tolerance",
    "share": "a share is from -100 to 100 per cent",
    "aiken": "an answer such as “A. text”, or “ANSWER: A”, is missing here",
    "letter": "ANSWER names none of the answers above it",
}
"""What is wrong, by a name; a line is put before it where it is known."""

_ESCAPED = ":#={}~\\"
_MARKS = {char: chr(0xFDD0 + number) for number, char in enumerate(_ESCAPED)}
"""What stands for an escaped character meanwhile: no text holds these."""
_BACK = {mark: char for char, mark in _MARKS.items()}
_ESCAPE = re.compile(r"\\([:#={}~\\n])")
_FORMAT = re.compile(r"\s*\[(html|moodle|plain|markdown)\]\s*", re.IGNORECASE)
_TITLE = re.compile(r"\s*::(.*?)::", re.DOTALL)
_TAGS = re.compile(
    r"</?(?:a|b|br|code|div|em|h\d|hr|i|img|li|math|ol|p|pre|span|strong|su[bp]|t[dhr]|table|u|ul)\b",
    re.IGNORECASE,
)
_SHARE = re.compile(r"\s*%(-?\d+(?:\.\d+)?)%")
_TRUTH = re.compile(r"(t|true|f|false)\s*(?:#(.*))?\Z", re.IGNORECASE | re.DOTALL)
_AIKEN_ANSWER = re.compile(r"([A-Z])[.)]\s+(.+)")
_AIKEN_RIGHT = re.compile(r"ANSWER:\s*([A-Z])\s*\Z", re.IGNORECASE)


def _wrong(name: str, line: int = 0) -> InvalidError:
    where = f"line {line}: " if line else ""
    return InvalidError(f"{where}{WRONG[name]}", field="text")


def questions_in(text: str, true: str = "True", false: str = "False") -> Questions:
    """The questions of a text in GIFT or Aiken, in their order, without ids.

    ``true`` and ``false`` are the words of what is true or false. Raises
    InvalidError naming the line of what cannot be read.
    """
    if len(text) > LONGEST or "\x00" in text or any(mark in text for mark in _BACK):
        raise InvalidError(f"text: up to {LONGEST} characters of text", field="text")
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    is_aiken = any(_AIKEN_RIGHT.match(line.strip()) for line in lines) and "{" not in text
    found = _aiken(lines) if is_aiken else [_gift(block) for block in _blocks(lines)]
    if not found:
        raise _wrong("empty")
    for question in found:
        if question["kind"] == "true_false":
            for choice, word in zip(question["choices"], (true, false), strict=True):
                choice["html"] = entities.escape(word)
    return found


def _question(
    kind: str, title: str, html: str, choices: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "id": "",
        "kind": kind,
        "title": title[:500],
        "html": html,
        "points": 0.0 if kind == "text" else 1.0,
        "choices": list(choices),
        "feedback_html": "",
        "correct_html": "",
        "incorrect_html": "",
        "case_sensitive": False,
        "raw_type": None,
    }


def _choice(html: str, weight: float, feedback: str = "", **more: Any) -> dict[str, Any]:
    bare = {"id": "", "html": html, "weight": weight, "feedback_html": feedback}
    return {**bare, "group": None, "low": None, "high": None, **more}


# -- GIFT


@dataclass(frozen=True, slots=True)
class _Block:
    """A question's text with the marks of what was escaped, and the number of each of its lines."""

    text: str
    lines: tuple[int, ...]

    def line(self, at: int) -> int:
        """The number of the line in which a character of the text stands."""
        return self.lines[self.text.count("\n", 0, at)]


def _blocks(lines: Sequence[str]) -> Iterator[_Block]:
    """Questions end with an empty line, which may stand between answers as well."""
    some: list[tuple[int, str]] = []
    depth = 0
    for number, line in enumerate([*lines, ""], 1):
        if line.lstrip().startswith(("//", "$CATEGORY:")):
            continue
        marked = _ESCAPE.sub(
            lambda found: "\n" if found[1] == "n" else _MARKS[found[1]], line.rstrip()
        )
        depth += marked.count("{") - marked.count("}")
        # An escaped line break is no line of the text.
        if marked or (some and depth > 0 and _goes_on(lines[number : number + AHEAD])):
            some += [(number, part) for part in marked.split("\n")]
        elif some:
            yield _Block("\n".join(part for _, part in some), tuple(n for n, _ in some))
            some, depth = [], 0


def _goes_on(rest: Sequence[str]) -> bool:
    """Whether open answers go on behind an empty line: the next brace closes them."""
    brace = re.search(r"(?<!\\)[{}]", "\n".join(rest))
    return brace is not None and brace[0] == "}"


def _gift(block: _Block) -> dict[str, Any]:
    text, start = block.text, 0
    title = ""
    if found := _TITLE.match(text):
        title, start = _plain(found[1]), found.end()
    form = "moodle"
    if found := _FORMAT.match(text, start):
        form, start = found[1].lower(), found.end()
    opened, closed = text.find("{", start), text.find("}", start)
    if opened < 0:
        if closed >= 0:
            raise _wrong("closed", block.line(closed))
        return _question("text", title, _html(text[start:], form), [])
    if 0 <= closed < opened:
        raise _wrong("closed", block.line(closed))
    if closed < 0:
        raise _wrong("open", block.line(opened))
    for brace in "{}":
        if (other := text.find(brace, closed + 1 if brace == "}" else opened + 1)) >= 0:
            raise _wrong("groups" if brace == "{" else "closed", block.line(other))
    before, after = text[start:opened], text[closed + 1 :]
    asked = f"{before.rstrip()} _____ {after.lstrip()}" if after.strip() else before
    made = _answers(block, opened + 1, closed, form)
    return {**made, "title": title[:500], "html": _html(asked, form)}


@dataclass(frozen=True, slots=True)
class _Answer:
    sign: str
    weight: float
    text: str
    feedback: str
    line: int


def _answers(block: _Block, start: int, end: int, form: str) -> dict[str, Any]:
    """What stands between the braces, as a question without its text."""
    body, _, general = block.text[start:end].partition("####")
    told = {"feedback_html": _html(general, form)}
    bare = body.strip()
    if not bare:
        return _question("essay", "", "", []) | told
    if truth := _TRUTH.match(bare):
        return _truth(truth, form) | told
    if bare.startswith("#"):
        at = start + body.index("#") + 1
        return _numeric(block, at, start + len(body), form) | told
    answers = list(_split(block, start, start + len(body)))
    signs = {one.sign for one in answers}
    if signs == {"="} and all("->" in one.text for one in answers):
        return _question("matching", "", "", [_pair(one, form) for one in answers]) | told
    if signs == {"="}:
        typed = [
            _choice(_escaped(one.text), one.weight, _html(one.feedback, form)) for one in answers
        ]
        return _question("blank", "", "", typed) | told
    kind = "choice" if "=" in signs else "multiple"
    chosen = [
        _choice(_html(one.text, form), one.weight, _html(one.feedback, form)) for one in answers
    ]
    return _question(kind, "", "", chosen) | told


def _split(block: _Block, start: int, end: int) -> Iterator[_Answer]:
    text = block.text
    places = [at for at in range(start, end) if text[at] in "=~"]
    first = text[start : places[0] if places else end]
    if first.strip() or not places:
        raise _wrong("sign", block.line(start + len(first) - len(first.lstrip())))
    for at, until in zip(places, [*places[1:], end], strict=True):
        sign, part, weight = text[at], text[at + 1 : until], None
        if found := _SHARE.match(part):
            weight, part = float(found[1]), part[found.end() :]
            if not -100 <= weight <= 100:
                raise _wrong("share", block.line(at))
        answer, _, feedback = part.partition("#")
        usual = 100.0 if sign == "=" else 0.0
        yield _Answer(sign, usual if weight is None else weight, answer, feedback, block.line(at))


def _truth(found: re.Match[str], form: str) -> dict[str, Any]:
    right = found[1][0].lower() == "t"
    # What is said to the wrong answer stands first.
    wrong, _, good = (found[2] or "").partition("#")
    said = {True: _html(good, form), False: _html(wrong, form)}
    choices = [
        _choice("", 100.0 * (value == right), said[value == right]) for value in (True, False)
    ]
    return _question("true_false", "", "", choices)


def _pair(one: _Answer, form: str) -> dict[str, Any]:
    left, _, right = one.text.partition("->")
    group = _html(left, form) or None
    return _choice(_html(right, form), 100.0 if group else 0.0, group=group)


def _numeric(block: _Block, start: int, end: int, form: str) -> dict[str, Any]:
    text = block.text[start:end]
    if "=" in text or "~" in text:
        answers = list(_split(block, start, end))
    else:
        value, _, feedback = text.partition("#")
        answers = [_Answer("=", 100.0, value, feedback, block.line(start))]
    rights = [one for one in answers if one.sign == "="]
    made = _question("numeric", "", "", [_number(one, form) for one in rights])
    # What is said to whatever else is answered.
    others = [_html(one.feedback, form) for one in answers if one.sign == "~"]
    return made | {"incorrect_html": "".join(others)}


def _number(one: _Answer, form: str) -> dict[str, Any]:
    text = _plain(one.text)
    try:
        if ".." in text:
            low, high = (number_of(part) for part in text.split("..", 1))
        else:
            value, _, tolerance = text.partition(":")
            off = abs(number_of(tolerance)) if tolerance.strip() else 0.0
            low, high = (round(number_of(value) + sign * off, 12) for sign in (-1, 1))
    except InvalidError as err:
        raise _wrong("number", one.line) from err
    shown = entities.escape(text.partition(":")[0].strip())
    return _choice(shown, one.weight, _html(one.feedback, form), low=low, high=high)


def _plain(text: str) -> str:
    """A text with what was escaped."""
    return "".join(_BACK.get(char, char) for char in text).strip()


def _escaped(text: str) -> str:
    return entities.escape(" ".join(_plain(text).split()), quote=False)


def _html(text: str, form: str) -> str:
    """The HTML of a text in one of GIFT's formats; Moodle's own lets HTML through."""
    if found := _FORMAT.match(text):
        form, text = found[1].lower(), text[found.end() :]
    plain = _plain(text)
    if not plain or form == "html" or (form == "moodle" and _TAGS.search(plain)):
        return plain
    if form == "markdown":
        return html_of_markdown(plain).strip()
    return entities.escape(plain, quote=False).replace("\n", "<br>")


# -- Aiken


def _aiken(lines: Sequence[str]) -> Questions:
    found: Questions = []
    asked: list[str] = []
    answers: dict[str, str] = {}
    for number, line in enumerate([*lines, ""], 1):
        text = line.strip()
        if right := _AIKEN_RIGHT.match(text):
            letter = right[1].upper()
            if not answers:
                raise _wrong("aiken", number)
            if letter not in answers:
                raise _wrong("letter", number)
            choices = [
                _choice(_escaped(words), 100.0 * (name == letter))
                for name, words in answers.items()
            ]
            found.append(_question("choice", "", _html("\n".join(asked), "plain"), choices))
            asked, answers = [], {}
        elif asked and (answer := _AIKEN_ANSWER.match(text)):
            answers[answer[1]] = answer[2]
        elif text and not answers:
            asked.append(text)
        elif text or (number > len(lines) and asked):
            raise _wrong("aiken", min(number, len(lines)))
    return found
