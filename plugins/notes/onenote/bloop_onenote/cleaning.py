"""OneNote's HTML as the hub's: marks instead of styles, links of the connection, no attributes.

What HTML and Markdown say in different words stands as signs of a private area of Unicode until it
is known which of them is written: boxes of tasks, and formulas by their number.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape

from lxml import etree
from lxml import html as lxml_html

from bloop_onenote.html import Element, resource_of, styles
from bloop_onenote.mathml import latex

OPEN, DONE, FORMULA = "\ue000", "\ue001", "\ue002"
SIGNS = re.compile("[\ue000-\ue003]")
FORMULAS = re.compile("\ue002(\\d+)\ue003")
CHECKED = frozenset(
    str.split(
        "to-do discuss-with-person-a discuss-with-person-b discuss-with-manager "
        "schedule-meeting call-back to-do-priority-1 to-do-priority-2 client-request"
    )
)
"""Note tags with a box to tick: https://learn.microsoft.com/graph/onenote-note-tags"""

_DOLLARS = re.compile(r"(?<![\d$\\])\$(?=[^\s$])([^$\n]{1,500}?)(?<=\S)\$(?![\d$])")
_DISPLAY = re.compile(r"^\s*\$\$([^$]{1,2000})\$\$\s*$")
_CODE_FONTS = ("consolas", "courier", "cascadia", "menlo", "monaco")
_KEPT = {
    "a": ("href",),
    "img": ("src", "alt", "width", "height"),
    "td": ("colspan", "rowspan"),
    "th": ("colspan", "rowspan"),
    "ol": ("start",),
}
_PLAIN = frozenset({"font", "cite", "tbody", "thead", "tfoot", "label"})


@dataclass(frozen=True, slots=True)
class Resource:
    """A file that a page shows or has attached."""

    id: str
    name: str
    media_type: str | None


@dataclass(slots=True)
class Found:
    """What was met in a page besides its text; ``note_of`` knows pages by links to them.

    ``page`` is its id: of a resource, OneNote tells neither name nor type by the resource's own.
    """

    page: str
    note_of: Callable[[str], str | None]
    resources: dict[str, Resource] = field(default_factory=dict)
    tags: dict[str, None] = field(default_factory=dict)
    formulas: list[tuple[str, bool]] = field(default_factory=list)
    lost: dict[str, None] = field(default_factory=dict)
    unresolved: int = 0

    def formula(self, tex: str, *, display: bool) -> str:
        """The sign that stands for a formula."""
        self.formulas.append((tex, display))
        return f"{FORMULA}{len(self.formulas) - 1}\ue003"


def file_id(page: str, resource: str) -> str:
    """The remote id of a file."""
    return f"{page}/{resource}"


def boxes(element: Element, found: Found) -> str | None:
    """The sign of the box of an element that is a task; its other tags are the note's."""
    box = None
    for tag in (element.get("data-tag") or "").split(","):
        shape, _, state = tag.strip().partition(":")
        if shape in CHECKED:
            box = DONE if state == "completed" else OPEN
        if shape and shape != "to-do":
            found.tags[shape] = None
    return box


def is_code(element: Element) -> bool:
    """Whether all that an element says is written in a font of code."""
    if _is_code_font(element):
        return True
    inner = [one for one in element if isinstance(one.tag, str) and one.tag != "br"]
    bare = (element.text or "").strip() or any((one.tail or "").strip() for one in element)
    return (
        bool(inner) and not bare and all(one.tag == "span" and _is_code_font(one) for one in inner)
    )


def code_of(element: Element) -> str:
    """The lines of an element of code."""
    parts: list[str] = []
    for event, one in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            parts += ["\n"] if one.tag == "br" else []
            parts.append((one.text or "") if isinstance(one.tag, str) else "")
        elif one is not element:
            parts.append(one.tail or "")
    lines = "".join(parts).replace("\xa0", " ").split("\n")
    return "\n".join(line.rstrip() for line in lines)


def _is_code_font(element: Element) -> bool:
    return styles(element).get("font-family", "").strip("'\" ").lower().startswith(_CODE_FONTS)


def cleaned(element: Element, found: Found) -> Element:
    """A copy in the hub's HTML, without its tail."""
    made = copy.deepcopy(element)
    made.tail = None
    holder = lxml_html.Element("div")
    holder.append(made)
    for one in list(holder.iterdescendants()):
        _clean(one, found)
    for one in list(holder.iterdescendants("ul", "ol")):
        _nest(one)
    etree.strip_elements(holder, etree.Comment, with_tail=False)
    etree.strip_tags(holder, "bloop-bare")
    return holder


def _clean(one: Element, found: Found) -> None:
    tag = one.tag
    if not isinstance(tag, str) or one.getparent() is None:
        return
    name = tag.rpartition(":")[2].lower()
    one.text, one.tail = _text(one.text, found), _text(one.tail, found)
    if name == "math":
        _replace(one, found.formula(latex(one), display=one.get("display") == "block"))
        return
    box = boxes(one, found)
    if name in {"img", "object", "iframe"}:
        _embed(one, name, found)
    elif name == "a":
        href = one.get("href") or ""
        note = found.note_of(href)
        one.set("href", f"bloop:note:{note}" if note else href)
        found.unresolved += note is None and "page-id=" in href
    elif name == "span":
        _span(one)
    elif name in _PLAIN:
        one.tag = "bloop-bare"
    if box is not None and name not in {"p", "img"}:
        one.text = box + (one.text or "")
    kept = [(key, one.attrib[key]) for key in _KEPT.get(str(one.tag), ()) if key in one.attrib]
    one.attrib.clear()
    one.attrib.update(kept)  # In one order, whatever order they came in.


def _text(text: str | None, found: Found) -> str | None:
    """Text without our own signs; what stands between dollars as LaTeX does is a formula."""
    if not text:
        return text
    text = SIGNS.sub("", text)
    if text.count("$") < 2:
        return text
    text = _DISPLAY.sub(lambda match: found.formula(match[1].strip(), display=True), text)
    return _DOLLARS.sub(lambda match: found.formula(match[1], display=False), text)


def _replace(one: Element, text: str) -> None:
    """Put a text in the place of an element and all that is in it."""
    tail = one.tail or ""
    one.clear()
    one.tag, one.text, one.tail = "bloop-bare", text, tail


def _embed(one: Element, name: str, found: Found) -> None:
    address = one.get("data-fullres-src") or one.get("src") or one.get("data") or ""
    resource = resource_of(address)
    if name == "img":
        kind = one.get("data-fullres-src-type") or one.get("data-src-type")
        label = one.get("alt") or "image"
    else:
        kind = one.get("type")
        label = one.get("data-attachment") or one.get("data-original-src") or one.get("src") or ""
    if resource is not None:
        name_of = one.get("data-attachment") or _named(label, kind)
        found.resources.setdefault(resource, Resource(resource, name_of, kind))
        address = f"bloop:file:{file_id(found.page, resource)}"
    elif name == "iframe":
        address = one.get("data-original-src") or address
    if name == "img":
        one.set("src", address)
        return
    tail = one.tail
    one.clear()
    one.tag, one.text, one.tail = "a", label or address, tail
    one.set("href", address)


def _named(label: str, kind: str | None) -> str:
    """A file name for an image, which has none in OneNote."""
    words = " ".join(re.sub(r"[^\w .-]", " ", label).split())[:60].strip(". ") or "image"
    suffix = {"image/jpeg": ".jpg", "image/svg+xml": ".svg"}.get(kind or "")
    suffix = suffix or (f".{kind[6:]}" if kind and re.fullmatch(r"image/\w{2,5}", kind) else "")
    return words if words.lower().endswith(suffix) else f"{words}{suffix}"


def _span(one: Element) -> None:
    """Styles that Markdown has a word for, as elements within each other."""
    style = styles(one)
    decoration = style.get("text-decoration", "")
    background = style.get("background-color", "transparent").lower()
    weight = style.get("font-weight", "")
    marks = [
        ("code", _is_code_font(one)),
        ("b", weight == "bold" or (weight.isdecimal() and int(weight) >= 600)),
        ("i", style.get("font-style") == "italic"),
        ("u", "underline" in decoration),
        ("del", "line-through" in decoration),
        ("mark", background not in {"transparent", "white", "#ffffff", "inherit", ""}),
    ]
    wanted = [tag for tag, is_set in marks if is_set]
    one.tag = wanted[0] if wanted else "bloop-bare"
    for tag in wanted[1:]:
        inner = lxml_html.Element(tag)
        inner.text, one.text = one.text, None
        inner.extend(list(one))
        one.append(inner)
        one = inner


def _nest(one: Element) -> None:
    """A list that stands beside items, as deeper ones do there, belongs to the item before."""
    above = one.getparent()
    before = one.getprevious()
    if (
        above is not None
        and above.tag in {"ul", "ol"}
        and before is not None
        and before.tag == "li"
    ):
        before.append(one)


def shown(text: str, found: Found) -> str:
    """Signs as HTML shows them: boxes that nobody can tick, and formulas between their marks."""
    text = text.replace(OPEN, "☐ ").replace(DONE, "☑ ")
    return FORMULAS.sub(lambda match: _in_html(*found.formulas[int(match[1])]), text)


def _in_html(tex: str, display: bool) -> str:  # noqa: FBT001 - a pair from a list
    opening, closing = ("\\[", "\\]") if display else ("\\(", "\\)")
    return f"{opening}{escape(tex, quote=False)}{closing}"


def written(text: str, found: Found) -> str:
    """Signs as Markdown writes them."""
    text = text.replace(OPEN, "[ ] ").replace(DONE, "[x] ")
    return FORMULAS.sub(lambda match: _in_markdown(*found.formulas[int(match[1])]), text)


def _in_markdown(tex: str, display: bool) -> str:  # noqa: FBT001
    return f"$${tex}$$" if display else f"${tex}$"
