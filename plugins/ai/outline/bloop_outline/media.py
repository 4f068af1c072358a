"""Scenes of code, pictures and questions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bloop_outline.blocks import Block, Figure, Listing, Paragraph, Reveal, Source
from bloop_outline.prose import Telling
from bloop_outline.script import Draft, Script, heading, until
from bloop_outline.sentences import fit, short, spans
from bloop_sdk.providers.ai import Picture
from bloop_sdk.storyboard import Bullets, Code, Image, Quiz, Title, words

MOST_LINES, WIDEST = 28, 100
_LETTERED = re.compile(r"^\s*(?:[A-Ea-e1-5][.)]|\([A-Ea-e1-5]\))\s+")
_RIGHT = re.compile(
    r"\s*(?:✓|✔|✅|\((?:correct|richtig|correcto|correcta|correct|juste|corretto|certo|juist)\))\s*",
    re.IGNORECASE,
)


def code(telling: Telling, block: Source, around: Sequence[int], place: int) -> list[Draft]:
    """Source text, and the sentences beside it."""
    lines = [_cut(line) for line in block.text.split("\n")]
    if len(lines) > MOST_LINES:
        kept = lines[:MOST_LINES]
        blank = max((n for n, line in enumerate(kept) if not line.strip()), default=0)
        lines = kept[:blank] if blank > 8 else kept
    text = "\n".join(lines).rstrip()[:2400]
    script = Script(telling.language)
    light = telling.language.light
    uses: list[int] = []
    for number in around:
        sentence = telling.sentences[number]
        points_on = bool(light and light.search(sentence.text)) and bool(script.lines)
        plain = sentence.is_speakable and not sentence.is_question and not points_on
        if plain and not sentence.formulas:
            if script.lines and script.seconds > 14:
                break
            script.say(telling.said(number))
            uses.append(number)
    if not script.lines or not text.strip():
        return []
    _point_out(script, text.split("\n"))
    language = block.language if re.fullmatch(r"[a-z0-9+#.-]{1,20}", block.language) else "text"
    title = heading(telling.title)
    visual = Code(kind="code", title=title, language=language, text=text)
    value = 0.95 if len(lines) > 1 else 0.6
    return [
        Draft("code", title, visual, script, value, (telling.number, place, 0), frozenset(uses))
    ]


def _cut(line: str) -> str:
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"


def _point_out(script: Script, lines: Sequence[str]) -> None:
    """Highlight the first line that holds a name which the narration says."""
    for number, said in enumerate(script.lines):
        for word in words(said):
            written = said[word.start : word.end]
            name = len(written) > 3 and word.key not in script.language.stop
            if not name:
                continue
            holding = [
                n
                for n, line in enumerate(lines, 1)
                if re.search(rf"\b{re.escape(written)}\b", line)
            ]
            if len(holding) == 1:
                script.at(number, written, f"line-{holding[0]}", "highlight")
                break


def image(
    telling: Telling, block: Figure, pictures: Mapping[str, Picture], place: int
) -> list[Draft]:
    """A picture that the lesson has, with what is written about it."""
    picture = pictures.get(block.source)
    if picture is None:
        return []
    size = picture.size
    if size is not None and (min(size) < 80 or max(size) < 160):
        return []  # An icon or a rule.
    alt = block.alt or picture.alt
    described = [text for text in (block.caption, alt) if len(text.split()) > 2 or "。" in text]
    if not described or re.fullmatch(
        r"\S+\.(?:png|jpe?g|gif|svg|webp)", described[0], re.IGNORECASE
    ):
        return []
    script = Script(telling.language)
    sentences = [
        text[start:end] for text in described for start, end in spans(text, telling.language)
    ]
    for sentence in until(sentences, 15.0)[:4]:
        script.say(sentence)
    title = heading(telling.title)
    visual = Image(
        kind="image",
        title=title,
        asset=picture.id,
        alt=fit(alt, 400),
        caption=short(block.caption, telling.language, 150) if block.caption else "",
    )
    return [Draft("image", title, visual, script, 0.9, (telling.number, place, 0))]


def questions(telling: Telling, blocks: Sequence[Block]) -> list[Draft]:
    """Questions whose answer the lesson gives: with choices a quiz, otherwise a card."""
    made: list[Draft] = []
    question = ""
    choices: list[tuple[str, bool]] = []
    for place, block in enumerate(blocks):
        if isinstance(block, Paragraph):
            text = block.rich.text
            if text.endswith(("?", "？", "؟")):
                question, choices = re.sub(r"^\s*\d+[.)]\s*", "", text), []
            continue
        if isinstance(block, Listing) and question:
            choices = _choices(block)
            right = [number for number, (_, is_right) in enumerate(choices, 1) if is_right]
            if len(right) == 1 and 2 <= len(choices) <= 5:
                draft = _quiz(telling, question, choices, right[0], "", place)
                made += [draft] if draft else []
                question = ""
        elif isinstance(block, Reveal) and question:
            answer = _answer(block)
            draft = _revealed(telling, question, choices, answer, place)
            made += [draft] if draft else []
            question, choices = "", []
    return made


def _choices(block: Listing) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    for entry in block.entries:
        rich = entry.rich
        text = _RIGHT.sub("", _LETTERED.sub("", rich.text)).strip()
        bold = any(
            mark.kind == "bold" and mark.end - mark.start >= len(rich.text) - 4
            for mark in rich.marks
        )
        if text:
            found.append((fit(text, 200), bold or bool(_RIGHT.search(rich.text))))
    if all(is_right for _, is_right in found):
        return [(text, False) for text, _ in found]
    return found


def _answer(block: Reveal) -> str:
    return " ".join(one.rich.text for one in block.blocks if isinstance(one, Paragraph))


def _revealed(
    telling: Telling, question: str, choices: list[tuple[str, bool]], answer: str, place: int
) -> Draft | None:
    if not answer or len(question) > 200:
        return None
    letter = re.match(r"\W*([A-Ea-e1-5])(?:[.):]|\s*$)", answer)
    if 2 <= len(choices) <= 5:
        told = answer.casefold()
        named = [number for number, (text, _) in enumerate(choices, 1) if text.casefold() in told]
        if letter:
            sign = letter[1].upper()
            named = [ord(sign) - (64 if sign.isalpha() else 48)]
        if len(named) == 1 and named[0] <= len(choices):
            return _quiz(telling, question, choices, named[0], answer, place)
        return None
    return _card(telling, question, answer, place)


def _quiz(
    telling: Telling,
    question: str,
    choices: list[tuple[str, bool]],
    right: int,
    explanation: str,
    place: int,
) -> Draft | None:
    if len(question) > 200:
        return None
    script = Script(telling.language)
    script.say(question)
    script.say(", ".join(text.rstrip(".") for text, _ in choices))
    answer = choices[right - 1][0]
    name = telling.language.answer
    line = script.say(f"{name}: {answer}" if name else answer)
    script.at(line, answer, "answer")
    title = heading(telling.title)
    visual = Quiz(
        kind="quiz",
        title=title,
        question=question,
        choices=[text for text, _ in choices],
        answer=right,
        explanation=short(explanation, telling.language, 190) if explanation else "",
    )
    return Draft("quiz", title, visual, script, 0.9, (telling.number, place, 0))


def _card(telling: Telling, question: str, answer: str, place: int) -> Draft | None:
    sentences = [answer[start:end] for start, end in spans(answer, telling.language)]
    said = until(sentences, 10.0)
    if not said or any(one.endswith(":") for one in said):
        return None
    script = Script(telling.language)
    script.say(question)
    lines = [script.say(one) for one in said]
    shown = short(said[0], telling.language, 150)
    title = heading(telling.title)
    if len(question) <= 80:
        visual: Title | Bullets = Title(kind="title", title=question, subtitle=shown)
        target = "subtitle"
    else:
        visual, target = Bullets(kind="bullets", title=title, items=[question, shown]), "item-2"
    script.at(lines[0], shown, target)
    return Draft("question", title, visual, script, 0.6, (telling.number, place, 0))
