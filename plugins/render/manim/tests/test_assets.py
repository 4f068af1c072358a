"""Pictures that lessons bring along: shown, or refused before they do harm."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from bloop_manim.drawing import check, raster, timeline
from bloop_manim.drawing.compose import compose
from bloop_manim.drawing.raster import LARGEST_PIXELS, decoded
from bloop_sdk.providers.render import Look, ScenePlan
from bloop_sdk.storyboard import Scene


def bomb(width, height):
    """A PNG of a few bytes that says it is large."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def svg(inside, attributes='viewBox="0 0 100 50"', before=""):
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<?xml version="1.0"?>{before}<svg {names} {attributes}>{inside}</svg>'.encode()


def carried(kind, data):
    return f'href="data:image/{kind};base64,{base64.b64encode(data).decode()}"'


LAUGHS = "".join(f'<!ENTITY l{n + 1} "' + f"&l{n};" * 10 + '">' for n in range(9))
USES = "".join(f'<g id="u{n + 1}">' + f'<use href="#u{n}"/>' * 10 + "</g>" for n in range(9))
OCTAVES = '<filter id="f"><feTurbulence baseFrequency="0.1" numOctaves="100000000"/></filter>'
HOSTILE = {
    "laughs.svg": svg("<text>&l9;</text>", before=f'<!DOCTYPE svg [<!ENTITY l0 "ha">{LAUGHS}]>'),
    "told.svg": svg("&a;", before='<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
    "uses.svg": svg(f'<rect id="u0" width="1" height="1"/>{USES}<use href="#u9"/>'),
    "deep.svg": svg("<g>" * 5000 + "</g>" * 5000),
    "many.svg": svg("<g/>" * 200_001),
    "thin.svg": svg("", 'width="1e9" height="1"'),
    "turbulent.svg": svg(f'{OCTAVES}<rect width="100" height="50" filter="url(#f)"/>'),
    "page.svg": b"<html><svg></html>",
    "named.png": b"\xef\xbb\xbf  <svg><image href='file:///etc/passwd'/></svg",
    "bomb.png": bomb(60_000, 60_000),
    "larger.png": bomb(8_000, LARGEST_PIXELS // 8_000 + 10),
    "cut.png": bomb(300, 300),
    "empty.png": b"",
    "page.png": b"%PDF-1.7 ...",
    "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) print",
}


def plan(assets):
    visual = {"kind": "image", "asset": "pic", "alt": "What it shows", "caption": "A caption"}
    scene = Scene.model_validate({"id": "one", "visual": visual})
    return ScenePlan(scene=scene, seconds=3, look=Look(width=426, height=240), assets=assets)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_picture_is_told_by_its_words(tmp_path, monkeypatch, name):
    monkeypatch.setattr(raster, "SVG_CPU_SECONDS", 1)
    (tmp_path / name).write_bytes(HOSTILE[name])
    found = check(plan({"pic": tmp_path / name}))
    assert [(f.code, f.target, f.mended) for f in found.faults] == [("asset", "image", False)]
    assert name in found.faults[0].message
    assert not found.refused
    assert timeline(plan({"pic": tmp_path / name})).steps


def test_a_picture_that_is_not_there_is_told_by_its_words(tmp_path):
    for assets in ({}, {"pic": tmp_path / "gone.png"}):
        assert [f.code for f in check(plan(assets)).faults] == ["asset"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "1", "I;16"])
def test_pictures_of_every_mode_are_shown(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new(mode, (40, 20)).save(path)
    pixels = decoded(path)
    assert isinstance(pixels, np.ndarray)
    assert pixels.shape == (20, 40, 4)
    assert not check(plan({"pic": path})).faults


def test_a_large_picture_is_decoded_no_larger_than_a_video(tmp_path):
    Image.new("RGB", (6000, 100)).save(tmp_path / "a.png")
    assert decoded(tmp_path / "a.png").shape[1] == 2560


@pytest.fixture
def red(tmp_path):
    """A picture that nobody may see, in the folder of the SVG that names it."""
    path = tmp_path / "red.png"
    Image.new("RGB", (10, 10), "#ff0000").save(path)
    return path


def test_what_an_svg_names_outside_itself_is_not_read(tmp_path, red):
    inner = svg(f'<image href="{red}" width="50" height="50"/>')
    lines = [
        f'<image href="{red}" width="50" height="50"/>',
        f'<image xlink:href="file://{red}" width="50" height="50"/>',
        '<image href="red.png" width="50" height="50"/>',
        f'<filter id="f"><feImage href="{red}"/></filter><g filter="url(#f)"><text>x</text></g>',
        f"<image {carried('svg+xml', inner)} width='50' height='50'/>",
        f"<style>@import url('{red}'); circle {{ fill: url({red}) none }}</style>",
        f"<image {carried('png', bomb(60_000, 60_000))} width='50' height='50'/>",
        '<script>document.write("x")</script><g onload="alert(1)"/>',
    ]
    path = tmp_path / "a.svg"
    path.write_bytes(svg("".join(lines) + '<rect x="80" width="20" height="50" fill="#0000ff"/>'))
    pixels = decoded(path, 200)
    assert pixels.shape == (100, 200, 4)
    assert not pixels[:, :155].any()
    assert tuple(pixels[50, 180]) == (0, 0, 255, 255)


def test_a_picture_that_an_svg_carries_is_shown(tmp_path, red):
    path = tmp_path / "a.svg"
    path.write_bytes(svg(f"<image {carried('png', red.read_bytes())} width='50' height='50'/>"))
    assert tuple(decoded(path, 100)[25, 25]) == (255, 0, 0, 255)


@pytest.mark.parametrize(
    ("attributes", "shape"),
    [
        ('viewBox="0 0 40 20"', (500, 1000)),
        ('viewBox="0 0 40 20" width="100%" height="100%"', (500, 1000)),
        ('width="2in" height="3in"', (1000, 667)),
        ('width="1e9" height="1e9" viewBox="0 0 1 1"', (1000, 1000)),
        ('width="1e999" height="nonsense"', (500, 1000)),
        ("", (500, 1000)),
    ],
)
def test_an_svg_is_as_large_as_it_is_shown(tmp_path, attributes, shape):
    path = tmp_path / "a.svg"
    path.write_bytes(svg("<rect width='1' height='1'/>", attributes))
    assert decoded(path, 1000).shape[:2] == shape


def test_a_plot_is_sharp_and_its_words_are_there(tmp_path):
    """As matplotlib writes it, but for its paths."""
    kind = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">'
    words = '<text x="8" y="10" font-family="DejaVu Sans, sans-serif" font-size="6">x²</text>'
    path = tmp_path / "plot.svg"
    line = '<path d="M 10 5 V 25" style="stroke:#000000; stroke-width: 0.2; fill: none"/>'
    path.write_bytes(svg(line + words, 'width="40pt" height="30pt" viewBox="0 0 40 30"', kind))
    pixels = decoded(path, 1600)
    (across,) = np.nonzero(pixels[800, :, 3])
    # A fifth of a point, forty pixels to a point: eight pixels, all of them black.
    assert (across.min(), across.max()) == (396, 403)
    assert (pixels[800, 397:403, 3] == 255).all()
    assert pixels[200:400, 410:700, 3].any(), "its words"
    assert not check(plan({"pic": path})).faults


LOGOS = {
    "dark.svg": svg('<rect width="200" height="50" fill="#0b1d41"/>', 'viewBox="0 0 200 50"'),
    "pale.svg": svg('<circle cx="9" cy="9" r="9" fill="#fff8dd"/>', 'viewBox="0 0 18 18"'),
}


@pytest.fixture(scope="module")
def logos(tmp_path_factory):
    """A folder of them, so that each is drawn once."""
    folder = tmp_path_factory.mktemp("logos")
    for name, data in LOGOS.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("size", [(854, 480), (480, 854), (480, 480)])
@pytest.mark.parametrize("language", ["en", "he"])
@pytest.mark.parametrize(("name", "theme"), [("dark.svg", "light"), ("pale.svg", "light"),
                                             ("dark.svg", "dark")])  # fmt: skip
def test_a_logo_stands_in_a_corner_and_covers_nothing(logos, size, language, name, theme):
    from manim import ImageMobject

    visual = {"kind": "bullets", "title": "A heading of several words here", "items": ["One"]}
    look = Look(width=size[0], height=size[1], theme=theme, logo=logos / name)
    scene = Scene.model_validate({"id": "one", "visual": visual})
    sheet = compose(ScenePlan(scene=scene, seconds=3, look=look, language=language))
    logo = next(e for e in sheet.frame.elements if isinstance(e.mobject, ImageMobject)).box
    (heading,) = sheet.frame.texts
    assert logo.within(sheet.canvas.whole.inset(0.1))
    assert logo.y > 3
    assert logo.x * (-1 if language == "he" else 1) > sheet.canvas.width / 5
    assert not logo.overlap(heading.box)
    assert sheet.room.top < logo.bottom
    # Heading, two rules, the logo: and a plate where it would not be seen.
    assert len(sheet.frame.elements) == 4 + ((name, theme) != ("dark.svg", "light"))


def test_a_logo_that_can_not_be_shown_is_told_and_left_out(tmp_path):
    path = tmp_path / "logo.svg"
    path.write_bytes(HOSTILE["laughs.svg"])
    scene = Scene.model_validate({"id": "one", "visual": {"kind": "title", "title": "A title"}})
    found = check(ScenePlan(scene=scene, seconds=3, look=Look(logo=path)))
    assert [(f.code, f.target) for f in found.faults] == [("asset", "logo")]
    assert not found.refused
