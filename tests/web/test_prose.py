from __future__ import annotations

import re
from html import unescape

import pytest

from bloop.content.sanitise import sanitise
from bloop.web.prose import Prose, estimate, players

PLAYER = "https://www.youtube-nocookie.com/embed/x?start=1&end=2"


@pytest.fixture
def signed():
    """The paths for which a right to read was asked."""
    return []


@pytest.fixture
def prose(signed):
    def sign(path):
        signed.append(path)
        return f"by=number-{len(signed)}"

    return Prose("c", sign)


def test_a_table_scrolls_in_its_own_box(prose):
    html = prose.shown(sanitise("<table><tr><td>1</td></tr></table>"))
    assert html.startswith('<div class="scroll" tabindex="0"><table>')
    assert html.endswith("</table></div>")


def test_a_tag_inside_an_attribute_is_left_alone(prose):
    html = sanitise('<img src="https://x.org/a.png" alt="<table onerror=alert(1)>"><table></table>')
    assert 'alt="<div' not in prose.shown(html)
    assert prose.shown(html).count('class="scroll"') == 1


def test_pictures_of_the_hub_carry_the_right_to_be_read_and_links_do_not(prose, signed):
    html = sanitise(
        '<img src="bloop:file:a%20b/ü.png#x"><video poster="/files/d/p.png" src="bloop:file:v">'
        '</video><a href="bloop:file:a.pdf">a</a><img src="https://x.org/files/a.png">'
    )
    shown = prose.shown(html)
    assert sorted(signed) == ["/framed/c/a b/ü.png", "/framed/c/v", "/framed/d/p.png"]
    assert 'src="/framed/c/a%20b/%C3%BC.png?by=number-' in shown
    assert 'href="/files/c/a.pdf"' in shown
    assert 'src="https://x.org/files/a.png"' in shown


def test_a_guest_is_given_the_same_addresses_without_a_right():
    shown = Prose("c", lambda _: "").shown('<img src="bloop:file:a.png">')
    assert shown == '<img src="/framed/c/a.png">'


def test_a_film_of_the_hub_is_read_across_origins_where_it_has_captions(prose):
    captions = '<track src="bloop:file:v.vtt"></video>'
    ours = prose.shown(f'<video src="bloop:file:v.mp4">{captions}')
    assert ours.startswith('<video crossorigin="anonymous" src="/framed/c/v.mp4?by=')
    for other in (
        f'<video src="https://x.org/v.mp4">{captions}',
        '<video src="bloop:file:v.mp4"></video>',
    ):
        assert "crossorigin" not in prose.shown(other)
    guests = Prose("c", lambda _: "").shown(f'<video src="bloop:file:v.mp4">{captions}')
    assert "crossorigin" not in guests


def test_a_player_leaves_its_place_to_the_page(prose):
    html = sanitise(f'<p>a</p><iframe src="{PLAYER}"></iframe><p>b</p>')
    assert players([html, html]) == [PLAYER]
    shown = prose.shown(html)
    assert "<iframe" not in shown
    assert unescape(re.search(r'data-player="([^"]+)"', shown)[1]) == PLAYER
    assert ">www.youtube-nocookie.com</a>" in shown


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/x",
        "https://www.youtube.com.elsewhere.example/x",
        "https://www.youtube.com@elsewhere.example/x",
        "https://elsewhere.example\\@www.youtube.com/",
        "https://[www.youtube.com/",
        "javascript:alert(1)//www.youtube.com/",
    ],
)
def test_only_known_sites_have_players(prose, url):
    html = f'<iframe src="{url}"></iframe>'
    assert players([html]) == []
    assert prose.shown(html) == html  # The frame's policy shows no frame in it.


def test_links_within_a_text_stay_in_the_frame(prose):
    shown = prose.shown(sanitise('<a href="#a">a</a><a href="https://x.org/#a">b</a>'))
    assert shown.count('target="_self"') == 1
    assert shown.startswith('<a target="_self" href="#user-content-a"')


def test_nothing_is_as_tall_as_the_frame_that_is_as_tall_as_it(prose):
    shown = prose.shown('<div style="height:110vh;margin-top:2.5dvmin;width:10em">5vh</div>')
    assert shown == '<div style="height:auto;margin-top:auto;width:10em">5vh</div>'


def test_a_longer_text_is_taken_for_a_taller_one():
    short, long = estimate(["<p>a</p>"]), estimate(["<p>" + "word " * 500 + "</p>"])
    assert 0 < short < 100
    assert 800 < long < 1600
    assert estimate(["<p>a</p>"], 3) > short
