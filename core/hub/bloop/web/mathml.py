r"""Formulas in lessons: LaTeX between ``\( \)`` and ``\[ \]`` becomes MathML on the server.

latex2mathml unescapes what it makes, so that ``\text{<script>}`` would come out as an element,
and passes ``\href`` and ``\style`` through. Its tree is therefore taken before that, its texts
are unescaped one by one, and only the attributes of presentation stay.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from xml.etree.ElementTree import Element, tostring

from bloop.content.sanitise import MATHML

MAX_FORMULA = 4000
TAG = re.compile(r"""<(?:"[^"]*"|'[^']*'|[^'">])*>""")
_NAME = re.compile(r"</?\s*([a-zA-Z0-9]+)")
_FORMULA = re.compile(r"\\\((.+?)\\\)([.,;:!?)\u2019\u201d]*)|\\\[(.+?)\\\]", re.DOTALL)
_VERBATIM = frozenset({"pre", "code", "math", "script", "style", "textarea"})
_ATTRIBUTES = frozenset({
    "accent", "columnalign", "columnlines", "columnspacing", "depth", "display", "displaystyle",
    "fence", "form", "height", "largeop", "linebreak", "linethickness", "lspace", "mathvariant",
    "maxsize", "minsize", "movablelimits", "notation", "rowlines", "rowspacing", "rspace",
    "scriptlevel", "separator", "stretchy", "symmetric", "voffset", "width", "xmlns",
})  # fmt: skip


def with_mathml(source: str) -> str:
    """Sanitised HTML with its formulas as MathML; one that does not parse stays as written."""
    if "\\(" not in source and "\\[" not in source:
        return source
    parts: list[str] = []
    verbatim = 0
    position = 0
    for tag in TAG.finditer(source):
        text = source[position : tag.start()]
        parts.append(text if verbatim else _FORMULA.sub(_replace, text))
        parts.append(tag[0])
        name = _NAME.match(tag[0])
        if name is not None and name[1].lower() in _VERBATIM:
            verbatim = max(0, verbatim + (-1 if tag[0].startswith("</") else 1))
        position = tag.end()
    rest = source[position:]
    parts.append(rest if verbatim else _FORMULA.sub(_replace, rest))
    return "".join(parts)


def _replace(match: re.Match[str]) -> str:
    inline, mark, display = match.groups()
    latex = html.unescape(inline or display).strip()
    made = mathml(latex, display="inline" if inline else "block")
    if made is None:
        return f'<span class="tex-error">{html.escape(match[0], quote=False)}</span>'
    # A browser may break the line between a formula and the comma behind it.
    return f'<span class="whole">{made}{mark}</span>' if mark else made


@lru_cache(maxsize=4096)
def mathml(latex: str, *, display: str) -> str | None:
    """A formula as a ``<math>`` element, or None where it does not parse."""
    from latex2mathml.converter import convert_to_element

    if not latex or len(latex) > MAX_FORMULA:
        return None
    try:
        tree: Element = convert_to_element(latex, display=display)
    except (Exception, RecursionError):  # noqa: BLE001 - a parser of formulas may raise anything
        return None
    # They stand in the hub's own pages as well, so nothing but MathML does.
    if any(element.tag not in MATHML for element in tree.iter()):
        return None
    for element in tree.iter():
        for name in set(element.attrib) - _ATTRIBUTES:
            del element.attrib[name]
        element.text = html.unescape(element.text) if element.text else element.text
    tree.set("alttext", latex)
    return tostring(tree, encoding="unicode")
