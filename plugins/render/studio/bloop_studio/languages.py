"""Names of languages as media files want them."""

from __future__ import annotations

_CODES = """
    af:afr am:amh ar:ara az:aze be:bel bg:bul bn:ben bs:bos ca:cat cs:ces cy:cym da:dan de:deu
    el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas fi:fin fr:fra ga:gle gl:glg gu:guj he:heb
    hi:hin hr:hrv hu:hun hy:hye id:ind is:isl it:ita ja:jpn ka:kat kk:kaz km:khm kn:kan ko:kor
    la:lat lb:ltz lo:lao lt:lit lv:lav mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt my:mya nb:nob
    ne:nep nl:nld nn:nno no:nor pa:pan pl:pol ps:pus pt:por ro:ron ru:rus si:sin sk:slk sl:slv
    so:som sq:sqi sr:srp sv:swe sw:swa ta:tam te:tel th:tha ti:tir tl:tgl tr:tur uk:ukr ur:urd
    uz:uzb vi:vie yi:yid zh:zho zu:zul
"""
_THREE = {one[:2]: one[3:] for one in _CODES.split()}
_RIGHT_TO_LEFT = frozenset(
    ["ar", "arz", "ary", "arb", "apc", "azb", "ckb", "dv", "fa", "glk", "he", "iw", "ji", "lrc",
     "mzn", "nqo", "pnb", "prs", "ps", "sd", "sdh", "syr", "ug", "ur", "yi"]
)  # fmt: skip
_SCRIPTS = frozenset(
    ["Adlm", "Arab", "Aran", "Hebr", "Mand", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa"]
)
"""Those that are written from right to left (ISO 15924)."""
_MARK = "\u200f"
"""Makes a row that starts with a Latin letter or a sign run from the right all the same."""


_SAME = {
    "nb": "no", "nn": "no", "iw": "he", "in": "id", "ji": "yi", "fil": "tl", "cmn": "zh",
    "mo": "ro",
}  # fmt: skip
"""Languages that voices and lessons name otherwise, by the IANA registry's other names of them."""


def primary(tag: str) -> str:
    """``de`` of ``de-AT``."""
    return tag.split("-", 1)[0].lower()


def same(tag: str, other: str) -> bool:
    """Whether who speaks the one reads the other: ``nb-NO`` and ``no``."""
    first, second = primary(tag), primary(other)
    return _SAME.get(first, first) == _SAME.get(second, second)


def iso639_2(tag: str) -> str:
    """The code of three letters (ISO 639-2/T) for a BCP 47 tag; ``und`` where none is known."""
    first = primary(tag)
    return first if len(first) == 3 else _THREE.get(first, "und")


def right_to_left(tag: str) -> bool:
    """Whether it is written from right to left; a script goes before the language."""
    parts = tag.split("-", 2)
    if len(parts) > 1 and len(parts[1]) == 4 and parts[1].isalpha():
        return parts[1].title() in _SCRIPTS
    return primary(tag) in _RIGHT_TO_LEFT


def directed(text: str, tag: str) -> str:
    """Rows of a caption, each in the direction of its language."""
    return _MARK + text.replace("\n", f"\n{_MARK}") if right_to_left(tag) else text
