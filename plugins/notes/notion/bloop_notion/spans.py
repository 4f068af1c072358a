"""Text with its formatting: from Notion's rich text and its Markdown, to the hub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bloop_notion.fields import linked_id, obj, text
from bloop_notion.model import Making
from bloop_sdk.records import JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A run of text that is formatted alike; ``math`` is LaTeX, ``verbatim`` Markdown as it is."""

    text: str
    bold: bool = False
    italic: bool = False
    strike: bool = False
    underline: bool = False
    code: bool = False
    marked: bool = False
    href: str | None = None
    math: bool = False
    verbatim: bool = False


_MARKS: tuple[tuple[str, str, str], ...] = (
    ("bold", "**", "**"),
    ("italic", "*", "*"),
    ("strike", "~~", "~~"),
    ("underline", "<u>", "</u>"),
    ("marked", "==", "=="),
)
_SPECIAL = re.compile(
    r"[\\`*\[\]<$]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|~(?=~)|=(?==)|%(?=%)"
    r"|(?:(?<=\s)|^)#(?=[\w/-])"
    r"|(?:(?<=\s)|^)\^(?=[A-Za-z0-9-])"
    r"|&(?=#?\w{1,32};)"
)
_BEGINS = re.compile(r"(?:#{1,6}(?=\s|$)|[-+](?=\s|$)|>|=+\s*$|-+\s*$|:::)|(\d{1,9})([.)])(?=\s|$)")


def escaped(words: str) -> str:
    """Words that Markdown would read as its marks, so that it does not."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", words)


def begun(line: str) -> str:
    """A line of a paragraph whose beginning would make it another kind of block."""
    line = line.lstrip(" \t")
    found = _BEGINS.match(line)
    if found is None:
        return line
    if found[1]:
        return f"{found[1]}\\{line[len(found[1]) :]}"
    return f"\\{line}"


def markdown(spans: Iterable[Span], *, breaks: str = "\\\n") -> str:
    """Spans as Markdown; ``breaks`` stands for line ends within the text."""
    parts: list[str] = []
    for href, group in _by_link(_joined(spans)):
        inner = _emphasised(group)
        parts.append(f"[{inner}]({address(href)})" if href else inner)
    return "".join(parts).strip().replace("\n", breaks)


def address(href: str) -> str:
    """An address as Markdown takes it."""
    clean = href.replace("\n", "%0A").replace("<", "%3C").replace(">", "%3E")
    return f"<{clean}>" if re.search(r"[\s()]", clean) else clean


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Neighbours that are formatted alike as one."""
    held: Span | None = None
    for span in spans:
        if not span.text:
            continue
        if held is not None and not span.math and replace(span, text=held.text) == held:
            held = replace(held, text=held.text + span.text)
            continue
        if held is not None:
            yield held
        held = span
    if held is not None:
        yield held


def _by_link(spans: Iterable[Span]) -> Iterator[tuple[str | None, list[Span]]]:
    group: list[Span] = []
    for span in spans:
        if group and group[0].href != span.href:
            yield group[0].href, group
            group = []
        group.append(span)
    if group:
        yield group[0].href, group


def _emphasised(spans: Sequence[Span], depth: int = 0) -> str:
    """Spans with their marks, a mark over neighbours that share it; code has none within."""
    if depth == len(_MARKS):
        return "".join(_bare(span) for span in spans)
    name, opening, closing = _MARKS[depth]
    parts: list[str] = []
    place = 0
    while place < len(spans):
        on = getattr(spans[place], name)
        end = place
        while end < len(spans) and getattr(spans[end], name) == on:
            end += 1
        inner = _emphasised(spans[place:end], depth + 1)
        # A mark beside a space is none in Markdown: it goes outside.
        core = inner.strip()
        if on and core:
            before, _, after = inner.partition(core)
            inner = f"{before}{opening}{core}{closing}{after}"
        parts.append(inner)
        place = end
    return "".join(parts)


def _bare(span: Span) -> str:
    if span.math:
        # A dollar within would end it, and a space at its edge would make it none.
        return f"${' '.join(span.text.split()).replace('$', chr(92) + '$')}$"
    if span.code:
        longest = max((len(one) for one in re.findall("`+", span.text)), default=0)
        ticks = "`" * (longest + 1)
        pad = " " if span.text[:1] == "`" or span.text[-1:] == "`" else ""
        return f"{ticks}{pad}{span.text}{pad}{ticks}"
    return span.text if span.verbatim else escaped(span.text)


# -- from rich text


def of_rich(rich: Any, making: Making) -> list[Span]:
    """Notion's rich text as spans."""
    if not isinstance(rich, list):
        return []
    return [_of_item(one, making) for one in rich if isinstance(one, dict)]


def _of_item(item: JSONObject, making: Making) -> Span:
    notes = obj(item, "annotations")
    colour = text(notes, "color")
    if colour not in {"", "default"} and not colour.endswith("_background"):
        making.lose("colours of text")
    base = Span(
        text="",
        bold=notes.get("bold") is True,
        italic=notes.get("italic") is True,
        strike=notes.get("strikethrough") is True,
        underline=notes.get("underline") is True,
        code=notes.get("code") is True,
        marked=colour.endswith("_background"),
    )
    kind = text(item, "type")
    if kind == "equation":
        return replace(base, text=text(obj(item, "equation"), "expression"), math=True, code=False)
    said = text(item, "plain_text") or text(obj(item, "text"), "content")
    href = text(item, "href") or text(obj(obj(item, "text"), "link"), "url")
    if kind == "mention":
        return _mention(replace(base, code=False), obj(item, "mention"), said, href, making)
    return replace(base, text=said, href=making.link(href) if href else None)


def _mention(base: Span, mention: JSONObject, said: str, href: str, making: Making) -> Span:
    match text(mention, "type"):
        case "page":
            return replace(base, text=said, href=making.note(text(obj(mention, "page"), "id")))
        case "date":
            date = obj(mention, "date")
            return replace(base, text=dates(text(date, "start"), text(date, "end")) or said)
        case "user":
            return replace(base, text=said if said.startswith("@") else f"@{said}")
        case "custom_emoji":
            making.lose("custom emoji, kept as their names")
            return replace(base, text=f":{text(obj(mention, 'custom_emoji'), 'name')}:")
        case "database" | "data_source" | "link_preview" | "link_mention" | "template_mention":
            return replace(base, text=said, href=making.link(href) if href else None)
        case other:
            making.lose(f"mentions of the type {other[:40]!r}")
            return replace(base, text=said)


def dates(start: str, end: str) -> str:
    """A date, or a time from and to."""
    return f"{start} → {end}" if start and end else start


# -- from Notion's own Markdown

_TOKEN = re.compile(
    r"\\(?P<escape>.)"
    r"|(?P<ticks>`+)(?P<code>.+?)(?P=ticks)(?!`)"
    r"|\$`(?P<math>.+?)`\$"
    r"|\$(?P<dollar>(?:\\.|[^$\\])+?)\$"
    r"|(?P<break><br\s*/?>)"
    r"|(?P<open><span(?P<span>(?:\s+[\w-]+=\"[^\"]*\")*)\s*>)"
    r"|(?P<close></span>)"
    r"|<mention-(?P<mention>[\w-]+)(?P<about>(?:\s+[\w-]+=\"[^\"]*\")*)\s*"
    r"(?:/>|>(?P<name>.*?)</mention-(?P=mention)>)"
    r"|\[\^(?P<cited>[^\]\s]+)\]"
    r"|\[(?P<label>(?:\\.|[^\[\]\\])*)\]\((?P<url>(?:\\.|[^()\s\\]|\([^()\s]*\))+)\)"
    r"|(?P<marks>\*{1,3}|~~)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([\w-]+)=\"([^\"]*)\"")


def attributes(written: str | None) -> dict[str, str]:
    """The attributes of a tag, or of what stands in braces."""
    return dict(_ATTRIBUTE.findall(written or ""))


def of_enhanced(written: str, making: Making, base: Span | None = None) -> list[Span]:
    """A line of Notion's Markdown as spans."""
    now = base or Span(text="")
    spans: list[Span] = []
    opened: list[Span] = []
    place = 0
    for found in _TOKEN.finditer(written):
        if found.start() > place:
            spans.append(replace(now, text=written[place : found.start()]))
        place = found.end()
        if found["open"]:
            opened.append(now)
            now = _within(now, attributes(found["span"]), making)
        elif found["close"]:
            now = opened.pop() if opened else now
        elif found["marks"]:
            now = _toggled(now, found["marks"])
        else:
            spans += _leaf(found, now, making)
    if place < len(written):
        spans.append(replace(now, text=written[place:]))
    return spans


def _toggled(now: Span, mark: str) -> Span:
    """What a mark begins, or ends."""
    return replace(
        now,
        bold=now.bold != (mark in {"**", "***"}),
        italic=now.italic != (mark in {"*", "***"}),
        strike=now.strike != (mark == "~~"),
    )


def _within(now: Span, told: dict[str, str], making: Making) -> Span:
    """Formatting within a ``<span>``."""
    colour = told.get("color", "")
    if colour and not colour.endswith(("_bg", "_background")):
        making.lose("colours of text")
    return replace(
        now,
        underline=now.underline or told.get("underline") == "true",
        marked=now.marked or colour.endswith(("_bg", "_background")),
    )


def _leaf(found: re.Match[str], now: Span, making: Making) -> list[Span]:
    """What one token says that is no mark."""
    if found["escape"]:
        return [replace(now, text=found["escape"])]
    if found["code"] is not None:
        return [replace(now, text=found["code"], code=True)]
    latex = found["math"] or found["dollar"]
    if latex:
        return [replace(now, text=latex, math=True)]
    if found["break"]:
        return [replace(now, text="\n")]
    if found["mention"]:
        return [_enhanced_mention(found, now, making)]
    if found["cited"]:
        url = found["cited"]
        return [replace(now, text=url, href=making.link(url))]
    url = re.sub(r"\\(.)", r"\1", found["url"])
    return of_enhanced(found["label"], making, replace(now, href=making.link(url)))


def _enhanced_mention(found: re.Match[str], now: Span, making: Making) -> Span:
    told, name = attributes(found["about"]), re.sub(r"\\(.)", r"\1", found["name"] or "")
    url = told.get("url", "").strip("{}")
    match found["mention"]:
        case "page":
            return replace(now, text=name or "page", href=making.note(linked_id(url) or ""))
        case "date":
            start = _joined_time(told, "start")
            return replace(now, text=dates(start, _joined_time(told, "end")))
        case "user" | "agent":
            return replace(now, text=f"@{name.removeprefix('@')}")
        case _:
            return replace(now, text=name or url, href=making.link(url) if url else None)


def _joined_time(told: dict[str, str], name: str) -> str:
    time = told.get(f"{name}Time") or told.get(f"{name}-time")
    return f"{told.get(name, '')}T{time}" if time else told.get(name, "")
