"""Links in BbML: which are the site's own files, and what becomes of them."""

from __future__ import annotations

import pytest
from fake_blackboard import SITE

from bloop_blackboard.markup import embedded, linked, unsigned

STORED = "bbcswebdav/pid-1-dt-content-rid-2_1/xid-2_1"


def file_id(xid: str) -> str:
    return f"_5_1/_9_1/{xid}"


@pytest.mark.parametrize(
    "html",
    [
        f'<a href="{SITE}/{STORED}?Sig=1&amp;Kq=2">x</a>',
        f"<a class='b' href='/{STORED}?Sig=1'>x</a>",
        f'<img alt="a" src = "{SITE}/{STORED}">',
        f'<a href="{SITE}/bbcswebdav/xid-2_1?one_hash=3">x</a>',
    ],
    ids=["whole", "from the root", "picture", "short"],
)
def test_a_link_to_a_stored_file_leads_to_the_hubs_copy(html):
    (file,) = embedded(html, SITE)
    assert file.xid == "xid-2_1"
    assert file.url.startswith(f"{SITE}/bbcswebdav/")
    assert f"{'src' if 'src' in html else 'href'}" in linked(html, SITE, file_id)
    assert "bloop:file:_5_1/_9_1/xid-2_1" in linked(html, SITE, file_id)
    assert "?" not in unsigned(html, SITE)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/bbcswebdav/xid-2_1?Sig=1",
        "http://learn.example.edu/bbcswebdav/xid-2_1?Sig=1",
        "https://learn.example.edu.evil.example/bbcswebdav/xid-2_1?Sig=1",
        "//evil.example/bbcswebdav/xid-2_1?Sig=1",
        "https://learn.example.edu/bbcswebdav/courses/notes.pdf?Sig=1",
        "https://[/bbcswebdav/xid-2_1?Sig=1",
        "javascript:alert(1)",
    ],
    ids=["host", "scheme", "suffix", "no scheme", "no id", "malformed", "script"],
)
def test_any_other_link_stays_as_it_is_and_is_not_fetched(url):
    html = f'<a href="{url}">x</a>'
    assert embedded(html, SITE) == []
    assert linked(html, SITE, file_id) == unsigned(html, SITE) == html


def test_the_signature_alone_makes_no_difference():
    texts = {unsigned(f'<a href="{SITE}/{STORED}?Sig={n}">x</a>', SITE) for n in range(3)}
    assert len(texts) == 1


@pytest.mark.parametrize(
    "details",
    ["{broken", "[1]", "{&quot;linkName&quot;: 3, &quot;mimeType&quot;: null}"],
    ids=["broken", "a list", "other types"],
)
def test_a_file_without_sound_details_goes_by_its_id(details):
    (file,) = embedded(f'<a href="/{STORED}" data-bbfile="{details}">x</a>', SITE)
    assert (file.name, file.media_type) == ("xid-2_1", None)


def test_details_are_those_of_the_same_tag():
    html = f"""<a href="/{STORED}">x</a><b data-bbfile="{{&quot;linkName&quot;:&quot;n&quot;}}">"""
    assert embedded(html, SITE)[0].name == "xid-2_1"
