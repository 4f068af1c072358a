"""HTML from outside, made safe to show: a policy with a version, so that old rows can be redone.

Kept: text, lists, tables, images, audio and video, MathML, and links to ``http``, ``https``,
``mailto``, ``tel`` and ``bloop``. ``bloop:KIND:REMOTE_ID`` links stand in the stored text until it
is read (:mod:`bloop.content.links`). Frames of known video sites are kept in a sandbox; any other
frame becomes a link.
"""

from __future__ import annotations

import html as entities
import re
from functools import partial
from urllib.parse import urlsplit

import nh3

SANITISER_VERSION = 1

VIDEO_HOSTS = frozenset(
    {
        "www.youtube.com",
        "www.youtube-nocookie.com",
        "player.vimeo.com",
        "archive.org",
        "media.ccc.de",
        "tube.tchncs.de",
    }
)
"""Whose players may stand in a lesson; a page that shows one names them in its ``frame-src``."""

ID_PREFIX = "user-content-"


def words(text: str) -> frozenset[str]:
    """A set of the words of ``text``."""
    return frozenset(text.split())


MATHML = words(
    "math annotation maction menclose merror mfenced mfrac mi mmultiscripts mn mo mover "
    "mpadded mphantom mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable "
    "mtd mtext mtr munder munderover none semantics"
)
_MATH_ATTRIBUTES = words(
    "accent accentunder align columnalign columnlines columnspan columnspacing denomalign "
    "depth dir display displaystyle encoding fence form frame framespacing height "
    "linethickness lspace mathbackground mathcolor mathsize mathvariant maxsize minsize "
    "movablelimits notation numalign rowalign rowlines rowspacing rowspan rspace scriptlevel "
    "separator stretchy symmetric voffset width"
)
_TAGS = nh3.ALLOWED_TAGS | MATHML | {"audio", "iframe", "source", "tfoot", "track", "video"}
_STYLES = words(
    "background-color border border-color border-style border-width clear color direction "
    "float font-family font-size font-style font-weight height letter-spacing line-height "
    "list-style-type margin margin-bottom margin-left margin-right margin-top max-width "
    "padding padding-bottom padding-left padding-right padding-top text-align text-decoration "
    "text-indent vertical-align white-space width"
)
_EVERYWHERE = {"dir", "id", "lang", "role", "style", "title", "aria-label", "aria-hidden"}
_MEDIA = {"controls", "height", "loop", "muted", "poster", "preload", "src", "width"}
_OWN_ATTRIBUTES = {
    "a": {"href", "hreflang"},
    "audio": _MEDIA,
    "details": {"open"},
    "iframe": {"height", "src", "width"},
    "img": {"align", "alt", "height", "loading", "src", "width"},
    "li": {"value"},
    "ol": {"reversed", "start", "type"},
    "source": {"src", "type"},
    "th": nh3.ALLOWED_ATTRIBUTES["th"] | {"abbr"},
    "time": {"datetime"},
    "track": {"default", "kind", "label", "src", "srclang"},
    "video": _MEDIA,
}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    **_OWN_ATTRIBUTES,
    **{tag: set(_MATH_ATTRIBUTES) for tag in MATHML},
}
_CLASSES = re.compile(r"(?:language-[\w+#-]{1,30}|equation_image|math)\Z")
_BLANKS = re.compile(r"[\x00-\x20]+")  # Browsers read an address without them.
_BEGIN_DATA = frozenset("dD").union(map(chr, range(0x21)))
_IMAGE_DATA = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,", re.IGNORECASE)
_FRAME = re.compile(r'<iframe((?:\s[\w-]+="[^"]*")*)>[^<]*</iframe>')
_FRAME_SOURCE = re.compile(r'\ssrc="([^"]*)"')


def _keep(tag: str, attribute: str, value: str) -> str | None:
    """What becomes of one attribute, where classes or data stand in it."""
    if attribute == "class":
        return " ".join(name for name in value.split() if _CLASSES.match(name)) or None
    if value[:1] in _BEGIN_DATA and _BLANKS.sub("", value)[:5].lower() == "data:":
        picture = tag == "img" and attribute == "src" and _IMAGE_DATA.match(value)
        return value if picture else None
    return value


def _relative(url: str) -> str | None:
    """A relative address points into a site that is not here; anchors and our own pages stay."""
    if url.startswith("#") and len(url) > 1:
        return f"#{ID_PREFIX}{url[1:].removeprefix(ID_PREFIX)}"
    return url if url.startswith(("#", "/lessons/", "/files/")) else None


_SCHEMES = {"http", "https", "mailto", "tel", "bloop"}
_cleaner = partial(
    nh3.Cleaner,
    tags=set(_TAGS),
    clean_content_tags={"script", "style", "template", "noscript", "annotation-xml"},
    tag_attribute_values={"a": {"target": {"_blank"}}},
    url_relative=_relative,
    filter_style_properties=set(_STYLES),
    link_rel="noopener noreferrer",
    id_prefix=ID_PREFIX,
)
_CLEANER = _cleaner(attributes={**_ATTRIBUTES, "*": _EVERYWHERE}, url_schemes=_SCHEMES)
# Asking for each attribute takes a fifth of the time, and the interpreter from other threads.
_ASKING = _cleaner(
    attributes={**_ATTRIBUTES, "*": _EVERYWHERE | {"class"}},
    attribute_filter=_keep,
    url_schemes=_SCHEMES | {"data"},
)
# Both begin with a character of its own, which is found many times faster than a word is.
_CLASS = re.compile(r"=(?:(?<=class=)|(?<=\s=))", re.IGNORECASE)
_DATA = re.compile(r":(?<=data:)", re.IGNORECASE)


def sanitise(html: str) -> str:
    """``html`` without anything that runs, tracks or breaks out; the same again for its result."""
    if not html or ("<" not in html and "&" not in html and ">" not in html):
        return html
    asking = _CLASS.search(html) or _DATA.search(html)
    clean = (_ASKING if asking else _CLEANER).clean(html)
    return _FRAME.sub(_frame, clean) if "</iframe>" in clean else clean


def _frame(match: re.Match[str]) -> str:
    source = _FRAME_SOURCE.search(match[1])
    if source is None:
        return ""
    url = entities.unescape(source[1])
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname in VIDEO_HOSTS:
        return f'<iframe src="{source[1]}" {_SANDBOX}></iframe>'
    if parts.scheme in {"http", "https"}:
        shown = entities.escape(parts.hostname or url)
        return f'<p><a href="{source[1]}" rel="noopener noreferrer">{shown}</a></p>'
    return ""


_SANDBOX = (
    'sandbox="allow-scripts allow-same-origin allow-presentation allow-popups" '
    'allow="fullscreen" referrerpolicy="strict-origin-when-cross-origin" loading="lazy"'
)
