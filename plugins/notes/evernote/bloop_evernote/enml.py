"""ENML as HTML and Markdown: http://xml.evernote.com/pub/enml2.dtd and what the apps add to it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bs4 import Tag
from bs4.element import CData, NavigableString, PreformattedString

from bloop_evernote import blocks
from bloop_evernote.markdown import DONE, OPEN, markdown_of
from bloop_evernote.style import KNOWN, emphasis, is_mono, styles
from bloop_evernote.text import MAX_DEPTH, html_of, picture_of, shallow, soup_of, tags_in

_LANGUAGE = re.compile(r"[\w+#-]{1,30}\Z")
_PLAIN = frozenset({"plaintext", "plain", "text", "none", "auto"})
_INTERNAL = re.compile(
    r"evernote:(?://)?/?|https?://(?:www\.|app\.)?(?:evernote|yinxiang)\.com/(?:shard/|client/|l/)"
    r"|https?://share\.evernote\.com/note/",
    re.IGNORECASE,
)
_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_PIXELS = re.compile(r"(\d{1,5})(?:\.\d+)?\s*(?:px)?", re.IGNORECASE)
_TIP = "\N{ELECTRIC LIGHT BULB}"


@dataclass(frozen=True, slots=True)
class Media:
    """An attachment as the text shows it: the remote id and name of its file."""

    remote_id: str
    name: str
    mime: str


@dataclass(slots=True)
class Converted:
    """A note's text; ``links`` has what every internal link was found to be, or nothing."""

    html: str = ""
    markdown: str = ""
    lost: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a text's marks stand for.

    ``media`` gives an attachment for a hash and a media type, ``link`` the remote id of a note for
    guids and a title, ``picture`` the file that a ``data:`` image becomes, ``rest`` the
    attachments that are not among those shown, ``tasks`` what is to be done by the ids of groups.
    """

    media: Callable[[str, str], Media | None]
    link: Callable[[Sequence[str], str], str | None]
    picture: Callable[[int, str, bytes], Media]
    rest: Callable[[set[str]], list[Media]]
    tasks: Mapping[str, Sequence[tuple[bool, str]]]


def guids_in(href: str) -> list[str]:
    """The guids that an internal link names: that of its note, and maybe that of a notebook."""
    return [guid.lower() for guid in _GUID.findall(href)]


def is_internal(href: str) -> bool:
    """Whether a link is one to a note in Evernote, and not to Evernote's own pages."""
    found = _INTERNAL.match(href)
    if found is None:
        return False
    return not found[0].lower().endswith(("client/", "shard/")) or bool(guids_in(href))


def convert(enml: str, around: Surroundings) -> Converted:
    """A note's text with everything that it points at put in."""
    enml, too_deep = shallow(enml)
    soup = soup_of(enml)
    found = soup.find("en-note")
    body = found if isinstance(found, Tag) else soup
    if isinstance(found, Tag):
        found.name = "div"
    made = _Conversion(body, around).run()
    if too_deep:
        made.lost.append(
            f"{too_deep} elements nested deeper than {MAX_DEPTH} levels: their text stays"
        )
    return made


class _Conversion:
    def __init__(self, body: Tag, around: Surroundings) -> None:
        self._body = body
        self._around = around
        self._made = Converted()
        self._counts: Counter[str] = Counter()
        self._groups: set[str] = set()
        self._pictures = 0
        self._mono: list[Tag] = []

    def run(self) -> Converted:
        self._drop_markup()
        self._marks()
        by_name: dict[str, list[Tag]] = defaultdict(list)
        for element in tags_in(self._body):
            by_name[element.name].append(element)
        for element in by_name["en-crypt"]:
            self._encrypted(element)
        blocks.nest_lists([*by_name["ul"], *by_name["ol"]])
        blocks.monospace(self._body, self._mono)
        blocks.check_items(by_name["li"])
        blocks.check_lines(self._body, by_name["en-todo"])
        for element in by_name["en-media"]:
            self._medium(element)
        for element in by_name["img"]:
            self._picture(element)
        for element in by_name["a"]:
            self._link(element)
        self._attach_rest()
        made = self._made
        for what, count in self._counts.items():
            made.lost.append(what if count == 1 else f"{what} ({count} times)")
        made.html = html_of(self._body)
        made.markdown = markdown_of(self._body)
        return made

    def _drop_markup(self) -> None:
        """Comments and the like go; a CDATA in the text is text."""
        for node in list(self._body.descendants):
            if isinstance(node, CData):
                node.replace_with(NavigableString(str(node)))
            elif isinstance(node, PreformattedString):
                node.extract()

    # -- marks in styles

    def _marks(self) -> None:
        """Act on the styles, and forget what was in elements that became something else."""
        left = iter(tags_in(self._body))
        for element in left:
            if element.name in {"script", "style"}:
                within = len(tags_in(element))
                element.extract()
            else:
                found = styles(element)
                if is_mono(element, found):
                    self._mono.append(element)
                within = self._marked(element, found) if found else 0
            for _ in range(within):
                next(left)

    def _marked(self, element: Tag, found: dict[str, str]) -> int:
        """Act on one element's style: how many elements within it are gone now."""
        own = {name: value for name, value in found.items() if name.startswith("--en-")}
        within = len(tags_in(element)) if own or "display" in found else 0
        if found.get("display") == "none" and not element.find(["en-media", "en-crypt"]):
            if element.get_text().strip():
                self._counts["text that Evernote hides"] += 1
            element.extract()
            return within
        if own and (kept := self._block(element, own)) is not None:
            return 0 if kept else within
        if element.name in {"span", "font", "a", "div", "p", "mark"}:
            for name in emphasis(found):
                _wrap_inside(element, name)
        return 0

    def _block(self, element: Tag, own: Mapping[str, str]) -> bool | None:
        """Make what Evernote marks as a block into one: whether what is in it stayed as it was.

        None where it is no such block.
        """
        if "--en-task-group" in own:
            self._task_group(element, own.get("--en-id", ""))
        elif "--en-codeblock" in own:
            blocks.code_block(element, self._language(own))
        elif "--en-mermaidblock" in own:
            blocks.code_block(element, "mermaid")
        elif "--en-formulablock" in own or "--en-formula" in own:
            self._formula(element)
        elif "--en-callout" in own:
            self._callout(element, own.get("--en-emoji", ""))
            return True
        elif "--en-toggle" in own:
            self._toggle(element, own)
            return True
        else:
            for name, value in own.items():
                if value == "true" and name not in KNOWN:
                    self._counts[f"what Evernote marks as {name.removeprefix('--en-')!r}"] += 1
            return None
        return False

    def _language(self, own: Mapping[str, str]) -> str:
        named = own.get("--en-codeblocklanguage") or own.get("--en-syntaxlanguage") or ""
        if not named or named.lower() in _PLAIN:
            return ""
        if _LANGUAGE.match(named):
            return named.lower()
        self._counts[f"the language {named[:40]!r} of a block of code"] += 1
        return ""

    @staticmethod
    def _formula(element: Tag) -> None:
        tex = "\n".join(blocks.lines_of(element)).strip()
        inline = element.name == "span"
        element.clear()
        element.name = "span" if inline else "p"
        element.attrs = {"data-tex": tex} if tex else {}
        if tex:
            element.string = f"\\({tex}\\)" if inline else f"\\[{tex}\\]"

    @staticmethod
    def _callout(element: Tag, emoji: str) -> None:
        element.name = "blockquote"
        element.attrs = {"data-callout": "tip" if emoji == _TIP else "note"}
        if emoji and emoji != _TIP:
            first = element.find(["div", "p"])
            (first if isinstance(first, Tag) else element).insert(0, f"{emoji} ")

    @staticmethod
    def _toggle(element: Tag, own: Mapping[str, str]) -> None:
        element.name = "details"
        element.attrs = {} if own.get("--en-iscollapsed") == "true" else {"open": ""}
        for part in element.find_all("div", recursive=False):
            found = styles(part)
            if "--en-togglesummary" in found:
                part.name, part.attrs = "summary", {}

    # -- elements of Evernote's own

    def _encrypted(self, element: Tag) -> None:
        hint = " ".join(str(element.get("hint") or "").split())
        element.clear()
        element.name, element.attrs = "span", {}
        hinted = f" (hint: {hint[:200]})" if hint else ""
        element.string = f"[Encrypted, opened only in Evernote{hinted}]"
        self._counts["an encrypted section: kept, but opened only in Evernote"] += 1

    def _picture(self, image: Tag) -> None:
        if found := picture_of(str(image.get("src") or "")):
            self._pictures += 1
            _show(image, self._around.picture(self._pictures, *found))

    def _medium(self, element: Tag) -> None:
        for child in list(element.children):  # Only broken text has any.
            element.insert_after(child.extract())
        digest = str(element.get("hash") or "").strip().lower()
        mime = str(element.get("type") or "").strip().lower()
        medium = self._around.media(digest, mime)
        if medium is None:
            self._counts[f"an attachment that the export lacks: {mime or 'unknown'} {digest}"] += 1
            element.name, element.attrs = "span", {}
            element.string = f"[Missing attachment: {mime or 'unknown'}]"
            return
        self._made.shown.add(medium.remote_id)
        _show(element, medium)

    def _link(self, element: Tag) -> None:
        href = str(element.get("href") or "").strip()
        text = " ".join(element.get_text().split())
        if href and not text and not element.find(["img", "audio", "video"]):
            element.string = href
        if not href or not is_internal(href):
            return
        found = self._around.link(guids_in(href), text)
        self._made.links[href] = found or ""
        element.attrs.pop("style", None)  # The green that Evernote gives to such links.
        if found:
            element["href"] = f"bloop:note:{found}"
        else:
            self._counts[f"a link to a note that is not here: {text[:120]} <{href[:200]}>"] += 1

    def _task_group(self, element: Tag, group: str) -> None:
        """Where Evernote says that a group of tasks stands, they stand as a checklist."""
        tasks = self._around.tasks.get(group, ()) if group not in self._groups else ()
        self._groups.add(group)
        element.clear()
        element.name, element.attrs = ("ul" if tasks else "div"), {}
        for done, text in tasks:
            item = Tag(name="li")
            item.string = f"{DONE if done else OPEN}{text}"
            element.append(item)

    def _attach_rest(self) -> None:
        for group in [one for one in self._around.tasks if one not in self._groups]:
            self._body.append(line := Tag(name="ul"))
            self._task_group(line, group)
        for medium in self._around.rest(self._made.shown):
            line, element = Tag(name="div"), Tag(name="span")
            line.append(element)
            self._body.append(line)
            _show(element, medium)


def _show(element: Tag, medium: Media) -> None:
    """Make an element show an attachment: an image, sound and video, or a link to the rest."""
    said = {**element.attrs, **styles(element)}  # A style counts more than an attribute.
    sizes = {
        name: found[1]
        for name in ("width", "height")
        if (found := _PIXELS.fullmatch(str(said.get(name) or "").strip()))
    }
    alt = str(element.get("alt") or "") or medium.name
    source = f"bloop:file:{medium.remote_id}"
    element.clear()
    if medium.mime.startswith("image/"):
        element.name, element.attrs = "img", {"src": source, "alt": alt, **sizes}
        element.can_be_empty_element = True
    elif medium.mime.startswith(("audio/", "video/")):
        element.name = medium.mime[:5]
        element.attrs = {"src": source, "controls": "", "title": medium.name}
    else:
        element.name, element.attrs = "a", {"href": source}
        element.string = medium.name


def _wrap_inside(element: Tag, name: str) -> None:
    if element.name == name or not element.get_text().strip():
        return
    if name == "mark" and element.name == "span":
        element.name, element.attrs = "mark", {}
        return
    made = Tag(name=name)
    for child in list(element.children):
        made.append(child.extract())
    element.append(made)
