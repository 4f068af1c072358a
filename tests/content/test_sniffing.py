"""A file is shown as what its bytes are, and never as a page that calls itself a picture."""

from __future__ import annotations

import pytest

from bloop.content.sniffing import INLINE_TYPES, UNKNOWN, settled

REAL = {
    "application/pdf": b"%PDF-1.7\n",
    "audio/mpeg": b"ID3\x04\x00",
    "audio/mp4": b"\x00\x00\x00\x18ftypM4A ",
    "audio/ogg": b"OggS\x00\x02",
    "audio/wav": b"RIFF\x24\x08\x00\x00WAVEfmt ",
    "image/gif": b"GIF89a\x01\x00",
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "image/png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "image/svg+xml": b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg">',
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "text/plain": "Säure\n".encode(),
    "text/vtt": b"WEBVTT\n\n",
    "video/mp4": b"\x00\x00\x00\x20ftypisom",
    "video/ogg": b"OggS\x00\x02",
    "video/webm": b"\x1aE\xdf\xa3\x01",
}
PAGES = {
    "a page": b"<!DOCTYPE html><script>steal()</script>",
    "a page behind blanks and a mark": b"\xef\xbb\xbf \n\t<HTML><body onload=steal()>",
    "a script in a comment": b"<!-- --><script>steal()</script>",
    "a drawing with a script": b'<svg onload="steal()"></svg>',
    "xml with a style sheet": b'<?xml version="1.0"?><?xml-stylesheet href="x.xsl"?><a/>',
}


def test_there_is_a_real_file_for_each_type_that_is_shown():
    assert REAL.keys() == INLINE_TYPES


@pytest.mark.parametrize("named", sorted(REAL))
def test_what_is_what_it_says_keeps_its_type(named):
    assert settled(REAL[named], f"{named.upper()}; charset=utf-8") == named


@pytest.mark.parametrize("named", sorted(INLINE_TYPES - {"image/svg+xml"}))
@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_called_something_harmless_is_never_shown(page, named):
    assert settled(PAGES[page], named) == UNKNOWN


@pytest.mark.parametrize("page", [one for one in PAGES if "drawing" not in one])
def test_a_page_that_is_called_a_drawing_is_never_shown(page):
    assert settled(PAGES[page], "image/svg+xml") == UNKNOWN


@pytest.mark.parametrize("named", sorted(INLINE_TYPES))
def test_what_begins_as_nothing_is_nothing(named):
    assert settled(b"\x00\x01\x02", named) == UNKNOWN
    assert settled(b"", named) == (named if named.startswith("text/") else UNKNOWN)


def test_a_picture_of_another_kind_is_shown_as_what_it_is():
    assert settled(REAL["image/jpeg"], "image/png") == "image/jpeg"
    assert settled(REAL["image/svg+xml"], "image/png") == UNKNOWN, "a drawing can hold scripts"


def test_a_polyglot_is_what_its_first_bytes_are():
    """GIF89a and then a script: as an image it runs nothing, since no browser sniffs here."""
    script = b"GIF89a/*" + b"\x00" * 20 + b"*/=1;steal()"
    assert settled(script, "image/gif") == "image/gif"
    assert settled(script, "text/plain") == UNKNOWN
    assert settled(b"%PDF-1.4\n<script>steal()</script>", "image/png") == "application/pdf"
    assert settled(b"<script>/*%PDF-1.4*/</script>", "application/pdf") == UNKNOWN


def test_what_is_never_shown_keeps_its_name():
    assert settled(PAGES["a page"], "text/html") == "text/html"
    assert settled(b"PK", None) == UNKNOWN
