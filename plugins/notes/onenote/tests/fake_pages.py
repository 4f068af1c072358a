"""Pages of a fake OneNote: input HTML in, output HTML out, changed by PATCH.

No two renderings of a page are alike, as of the real one: ids, whitespace, the order of attributes
and the address of resources differ. Which element takes which action:
https://learn.microsoft.com/graph/onenote-update-page#supported-elements-and-actions
"""

from __future__ import annotations

import copy
import itertools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any

from lxml import html as lxml_html

LONG_AGO = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NO_INK = '<inkml:ink xmlns:inkml="http://www.w3.org/2003/InkML"><inkml:traceGroup /></inkml:ink>'
_STYLES = {
    "b": "font-weight:bold", "strong": "font-weight:bold", "i": "font-style:italic",
    "em": "font-style:italic", "u": "text-decoration:underline",
    "del": "text-decoration:line-through", "strike": "text-decoration:line-through",
}  # fmt: skip
_WITH_IDS = frozenset(str.split("div h1 h2 h3 h4 h5 h6 img li object ol p table ul"))
_REPLACED = frozenset(str.split("h1 h2 h3 h4 h5 h6 img li object ol p table ul div"))
_VOID = frozenset({"br", "img"})


class PatchError(Exception):
    """A refused change: Graph's code and words."""

    def __init__(self, number: str, said: str) -> None:
        super().__init__(said)
        self.number = number
        self.said = said


@dataclass
class FakePage:
    """``body`` is input HTML, put into one div unless it has some of its own."""

    id: str
    title: str
    body: str
    level: int = 0
    created: datetime = LONG_AGO
    changed: datetime = LONG_AGO
    inkml: str = NO_INK
    broken: str | None = None
    patches: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.changed = max(self.changed, self.created)
        self._renderings = itertools.count()
        self._numbers = itertools.count(32)
        holder = _fragment(self.body)
        if not any("absolute" in one.get("style", "") for one in holder):
            div = lxml_html.Element("div")
            div.set("data-id", "_default")
            div.set("style", "position:absolute;left:48px;top:120px;width:624px")
            div.text = holder.text
            div.extend(list(holder))
            holder = lxml_html.Element("body")
            holder.append(div)
        self._body = holder
        self._settle()

    def add(self, html: str) -> None:
        """Put something behind all else."""
        self._body[0].extend(list(_fragment(html)))
        self._settle()

    def rendered(self, *, ids: bool, resources: str) -> str:
        """The page's output HTML, another one each time."""
        number = next(self._renderings)
        where = resources if number % 2 else resources.replace("/me/", "/users('ada')/")
        space = "\n\t" if number % 2 else "\n"
        inner = "".join(_shown(one, number, where, space, ids) for one in self._body)
        return (
            f'<html lang="en-US">{space}<head>{space}<title>{escape(self.title)}</title>'
            f'<meta name="created" content="2026-01-05T09:00:00.000000{number}" /></head>'
            f'{space}<body data-absolute-enabled="true" style="font-family:Calibri;'
            f'font-size:11pt">{space}{inner}</body>\n</html>\n'
        )

    def marks(self) -> list[tuple[str, str, str]]:
        """What its text has of colours and tags, and its ink."""
        found = [
            (one.text or "", one.get("style", ""), one.get("data-tag", ""))
            for one in self._body.iter()
        ]
        return [one for one in found if one[1] or one[2]] + [("", "", self.inkml)]

    def patch(self, commands: list[Any]) -> None:
        """Change the page by all commands, or raise PatchError and change nothing."""
        if not commands:
            raise PatchError("20125", "The PATCH request contains no actions.")
        before, title = copy.deepcopy(self._body), self.title
        try:
            targets = [self._target(command) for command in commands]
            for command, target in zip(commands, targets, strict=True):
                self._apply(command, target)
        except PatchError:
            self._body, self.title = before, title
            raise
        self.patches += commands
        self._settle()

    def _target(self, command: dict[str, Any]) -> Any:
        target, action = command["target"], command["action"]
        if action not in {"append", "insert", "prepend", "replace"}:
            raise PatchError("20122", "The PATCH action is not supported.")
        if target == "title":
            if action != "replace":
                raise PatchError("20141", "The target title does not support the action.")
            return "title"
        if target == "body":
            if action not in {"append", "prepend"}:
                raise PatchError("20135", "The entity type is not supported.")
            return self._body[0]
        name = "data-id" if target.startswith("#") else "id"
        wanted = target.removeprefix("#")
        found = next((one for one in self._body.iter() if one.get(name) == wanted), None)
        if found is None:
            raise PatchError("20120", f"The PATCH target {target} can not be located.")
        self._check(found, action, by_id=name == "id")
        return found

    def _check(self, found: Any, action: str, *, by_id: bool) -> None:
        free = found.getparent() is self._body
        if free and (found.tag != "div" or action in {"insert", "replace"}):
            raise PatchError("20135", "The entity type is not supported for this operation.")
        if action in {"append", "prepend"} and found.tag not in {"div", "ol", "ul"}:
            raise PatchError("20138", "The target does not support append.")
        if action == "replace" and not by_id and found.tag not in {"img", "object"}:
            raise PatchError("20141", f"The PATCH target {found.tag} is not supported.")
        if action == "replace" and found.tag not in _REPLACED:
            raise PatchError("20134", "The selected target is not a valid updateable element.")

    def _apply(self, command: dict[str, Any], target: Any) -> None:
        content, action = command["content"], command["action"]
        if target == "title":
            self.title = content
            return
        holder = _fragment(content)
        for one in holder:
            one.attrib.pop("style", None) if one.tag == "div" else None
        for one in list(holder.iter("img")):
            # "You can't use www links. The service won't try to download random resources."
            if one.get("src", "").startswith(("http:", "https:")):
                one.drop_tree()
        parts = list(holder)
        before = command.get("position") == "before" or action == "prepend"
        if action in {"append", "prepend"}:
            target[0:0] = parts if before else []
            target.extend([] if before else parts)
            return
        parent = target.getparent()
        place = parent.index(target)
        if action == "insert":
            place += 0 if before else 1
            parent[place:place] = parts
        else:
            tail = target.tail
            parent[place : place + 1] = parts
            if tail and parts:
                parts[-1].tail = (parts[-1].tail or "") + tail

    def _settle(self) -> None:
        """What OneNote makes of its input: ids, styles for marks, and nothing that is empty."""
        for one in list(self._body.iter()):
            if not isinstance(one.tag, str):
                continue
            if one.tag in _STYLES:
                one.set("style", _STYLES[one.tag])
                one.tag = "span"
            nested = one.tag == "div" and one.getparent() is not self._body
            if nested and not one.get("data-id"):
                one.drop_tag()
                continue
            if one.tag == "p" and not len(one) and not (one.text or "").strip("\xa0 \n"):
                one.drop_tree()
                continue
            if one.tag in _WITH_IDS:
                # An id may be another one after a change.
                one.set("id", f"{one.tag}:{{33f8a242-7c33-4bb2-90c5}}{{{next(self._numbers)}}}")


def input_page(html: str) -> tuple[str, str]:
    """Title and body of a document to make a page of."""
    root = lxml_html.document_fromstring(_expanded(html))
    title = root.findtext("head/title") or ""
    body = root.find("body")
    inner = escape(body.text or "") + "".join(
        lxml_html.tostring(one, encoding="unicode") for one in body
    )
    return title, inner


def _expanded(html: str) -> str:
    return re.sub(r"<(object|iframe|div|p|span)\b([^<>]*)/>", r"<\1\2></\1>", html)


def _fragment(html: str) -> Any:
    return lxml_html.fragment_fromstring(_expanded(html), create_parent="body")


def _shown(one: Any, number: int, resources: str, space: str, ids: bool) -> str:
    if not isinstance(one.tag, str):
        return f"<!--{one.text}-->{escape(one.tail or '')}"
    found = {name: value for name, value in one.attrib.items() if ids or name != "id"}
    for name in ("src", "data"):
        if found.get(name, "").startswith("resource:"):
            address = f"{resources}/{found[name].removeprefix('resource:')}/$value"
            found[name] = address
            if one.tag == "img":
                found["data-fullres-src"] = address
                found["src"] = address.replace("/$value", f"-{number}/$value")
    if "top:120px" in found.get("style", "") and number % 2:
        found["style"] = found["style"].replace("top:120px", "top:120.25px")
    order = sorted(found) if number % 2 else sorted(found, reverse=True)
    attributes = "".join(f' {name}="{escape(found[name])}"' for name in order)
    if one.tag in _VOID or (one.tag == "object" and not len(one)):
        return f"<{one.tag}{attributes} />{escape(one.tail or '', quote=False)}"
    inner = escape(one.text or "", quote=False)
    inner += "".join(_shown(child, number, resources, space, ids) for child in one)
    gap = space if one.tag in {"div", "ul", "ol", "table", "tr"} else ""
    tail = escape(one.tail or "", quote=False) or (space if one.tag in {"p", "div", "h1"} else "")
    return f"<{one.tag}{attributes}>{gap}{inner}{gap}</{one.tag}>{tail}"
