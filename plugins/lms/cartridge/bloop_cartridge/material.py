"""The texts and images of QTI: ``material`` as HTML (IMS QTI 1.2.1, section 3.6)."""

from __future__ import annotations

import html

from lxml.etree import _Element as Element

from bloop_cartridge.htmltext import as_html
from bloop_cartridge.xmlsafe import descendants, local, markup_of

_MEDIA = {
    "mataudio": '<audio controls src="{0}"></audio>',
    "matvideo": '<video controls src="{0}"></video>',
    "matapplication": '<a href="{0}">{1}</a>',
}
RESPONSES = ("response_lid", "response_str", "response_num", "response_xy", "response_grp")


def material_html(element: Element) -> str:
    """The texts and images of an element, without those of the responses in it."""
    made = ""
    for found in descendants(element, "material"):
        if any(local(above) in RESPONSES for above in _up_to(found, element)):
            continue
        piece = material_part(found)
        # Each is a block; plain texts would run into each other.
        glued = made and piece and made[-1] != ">" and piece[0] != "<"
        made += f"<br>{piece}" if glued else piece
    return made.strip()


def _up_to(element: Element, top: Element) -> list[Element]:
    """The ancestors of an element below ``top``."""
    found: list[Element] = []
    above = element.getparent()
    while above is not None and above is not top:
        found.append(above)
        above = above.getparent()
    return found


def material_part(material: Element) -> str:
    """One ``material`` element as HTML."""
    return "".join(_part(part) for part in material)


def _part(part: Element) -> str:
    name = local(part)
    if name in {"mattext", "matemtext"}:
        text = markup_of(part)
        if len(part) or "html" in part.get("texttype", "text/plain"):
            return text
        return as_html(text)
    uri = part.get("uri", "")
    if name == "matimage" and uri:
        return f'<img src="{html.escape(uri)}" alt="">'
    if name in _MEDIA and uri:
        return _MEDIA[name].format(html.escape(uri), html.escape(uri.rpartition("/")[2]))
    return "<br>" if name == "matbreak" else ""
