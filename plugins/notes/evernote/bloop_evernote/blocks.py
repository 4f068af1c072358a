"""Lists, tasks and code as Evernote writes them, made into what HTML has for them."""

from __future__ import annotations

from itertools import chain

from bs4 import Tag
from bs4.element import NavigableString

from bloop_evernote.markdown import BLOCKS, DONE, OPEN
from bloop_evernote.style import is_mono, styles
from bloop_evernote.text import tags_in

_NO_CODE = ["a", "en-media", "en-todo", "en-crypt", "img", "table"]


def nest_lists(lists: list[Tag]) -> None:
    """Lists that stand beside the item that they belong to, as Evernote writes them, go into it."""
    for inner in lists:
        if inner.parent is None or inner.parent.name not in {"ul", "ol"}:
            continue
        before = (one for one in inner.previous_siblings if isinstance(one, Tag))
        item = next((one for one in before if one.name == "li"), None)
        if item is None:
            item = Tag(name="li")
            inner.insert_before(item)
        item.append(inner.extract())


def check_items(items: list[Tag]) -> None:
    """The items of checklists begin with a box; the one paragraph of an item needs no ``div``."""
    for item in items:
        first = next((one for one in item.children if not _is_blank(one)), None)
        if isinstance(first, Tag) and first.name == "div" and not _holds_block(first):
            first.unwrap()
        checked = styles(item).get("--en-checked")
        first = next((one for one in item.descendants if isinstance(one, NavigableString)), None)
        if first is not None and first.strip() and first[0].isspace():
            first.replace_with(NavigableString(first.lstrip()))
        above = item.parent
        if checked is not None or (above is not None and "--en-todo" in styles(above)):
            item.insert(0, DONE if checked == "true" else OPEN)


def check_lines(body: Tag, todos: list[Tag]) -> None:
    """``en-todo`` at the beginning of a line makes an item; elsewhere it is a box in the text."""
    for above in {id(one.parent): one.parent for one in todos}.values():
        if above is not None and (above is body or above.find("br", recursive=False)):
            _split_lines(above)
    begun: set[int] = set()
    for todo in todos:
        block = _block_of(todo)
        while (above := todo.parent) is not None and above is not block and _is_alone(todo):
            above.unwrap()  # A box is not bold: it would be a letter in a text that is.
        first = block is not None and id(block) not in begun and not _text_before(todo, block)
        begun.add(id(block))
        box = DONE if str(todo.get("checked")).lower() == "true" else OPEN
        following = todo.next_sibling
        spaced = isinstance(following, NavigableString) and following[:1].isspace()
        # In its place: bs4 takes the square of the time to put many strings into one parent.
        todo.name, todo.attrs = "span", {}
        todo.insert(0, NavigableString(box.rstrip() if spaced else box))
        if first and block is not None and block is not body and block.name in {"div", "p"}:
            _make_item(block)


def _make_item(block: Tag) -> None:
    above = block.parent
    if above is not None and above.name == "li" and not _text_before(block, above):
        block.unwrap()
        return
    before = block.previous_sibling
    while before is not None and _is_blank(before):
        before = before.previous_sibling
    block.name = "li"
    if isinstance(before, Tag) and before.name == "ul" and before.get("data-tasks"):
        before.append(block.extract())
        return
    block.wrap(Tag(name="ul", attrs={"data-tasks": "1"}))


def _split_lines(above: Tag) -> None:
    """Every line between ``<br>`` becomes a ``div``."""
    children = list(above.contents)
    above.clear()
    line = Tag(name="div")
    for child in [*children, None]:
        if child is None or (
            isinstance(child, Tag) and (child.name == "br" or child.name in BLOCKS)
        ):
            if any(not _is_blank(one) for one in line.contents):
                above.append(line)
            line = Tag(name="div")
            if child is not None and child.name != "br":
                above.append(child)
        else:
            line.append(child)


def _block_of(element: Tag) -> Tag | None:
    return next((one for one in element.parents if one.name in BLOCKS), None)


def _text_before(element: Tag, block: Tag) -> bool:
    """Whether anything but blanks stands before an element in its block."""
    at: Tag | None = element
    while at is not None and at is not block:
        if any(not _is_blank(one) for one in at.previous_siblings):
            return True
        at = at.parent
    return False


def _is_alone(element: Tag) -> bool:
    return all(_is_blank(one) for one in chain(element.previous_siblings, element.next_siblings))


def _is_blank(node: object) -> bool:
    return isinstance(node, NavigableString) and not node.strip()


def _holds_block(element: Tag) -> bool:
    return any(one.name in BLOCKS for one in tags_in(element))


def code_block(block: Tag, language: str) -> None:
    """Make ``block`` a block of code: its own blocks and ``<br>`` end lines."""
    _make_code(block, "\n".join(lines_of(block)), language)


def _make_code(block: Tag, text: str, language: str) -> None:
    block.clear()
    block.name = "pre"
    block.attrs = {"data-language": language} if language else {}
    code = Tag(name="code", attrs={"class": f"language-{language}"} if language else {})
    code.string = text
    block.append(code)


def lines_of(block: Tag) -> list[str]:
    """The text of a block by its lines."""
    lines, line, open_ = [], "", False
    for kind, node in _walk(block):
        if isinstance(node, NavigableString):
            text = str(node) if node.strip() or "\n" not in node else ""
            line, open_ = line + text.replace("\xa0", " "), open_ or bool(text)
        elif node.name == "br" or (node.name in BLOCKS and open_):
            lines.append(line)
            line, open_ = "", False
        del kind
    return [*lines, line] if open_ else lines


def _walk(block: Tag) -> list[tuple[str, Tag | NavigableString]]:
    """Texts, and elements at their start and their end, without recursion."""
    found: list[tuple[str, Tag | NavigableString]] = []
    waiting: list[tuple[str, Tag | NavigableString]] = [
        ("start", one)
        for one in reversed(list(block.children))
        if isinstance(one, Tag | NavigableString)
    ]
    while waiting:
        kind, node = waiting.pop()
        if isinstance(node, NavigableString) or node.name == "br" or kind == "end":
            if not (kind == "end" and isinstance(node, Tag) and node.name == "br"):
                found.append((kind, node))
            continue
        found.append(("start", node))
        waiting.append(("end", node))
        waiting += [
            ("start", one)
            for one in reversed(list(node.children))
            if isinstance(one, Tag | NavigableString)
        ]
    return found


def monospace(body: Tag, elements: list[Tag]) -> None:
    """Lines that are all in a font for code become blocks of it, and words in one ``code``."""
    lines: list[Tag] = []
    for element in elements:
        text = element.get_text().strip()
        if not text or element.find_parent("pre") or element.find_parent("code"):
            continue
        if element.find(_NO_CODE) or not _all_mono(element):
            continue
        block = element if element.name in BLOCKS else _block_of(element)
        if block is not None and block is not body and block.get_text().strip() == text:
            if block.name in {"div", "p"} and not block.find(_NO_CODE):
                lines.append(block)
        elif element.name in {"span", "font", "tt"}:
            element.name, element.attrs = "code", {}
            for inner in tags_in(element):
                if inner.name in {"span", "font", "code"}:
                    inner.unwrap()
    _join(lines)


def _all_mono(element: Tag) -> bool:
    return not any(is_mono(one, styles(one)) is False for one in tags_in(element))


def _join(lines: list[Tag]) -> None:
    known = {id(one) for one in lines}
    for first in lines:
        if first.name == "pre" or first.parent is None or first.find_parent("pre"):
            continue
        text, at = lines_of(first), first.next_sibling
        while at is not None and (_is_blank(at) or id(at) in known):
            following = at.next_sibling
            if isinstance(at, Tag):
                text += lines_of(at)
                at.extract()
            at = following
        _make_code(first, "\n".join(text), "")
