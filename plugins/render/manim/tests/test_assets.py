"""Pictures that lessons bring along: shown, or refused before they do harm."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from bloop_manim.drawing import check, timeline
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


HOSTILE = {
    "script.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "laughs.svg": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">]><svg>&a;</svg>',
    "named.png": b"\xef\xbb\xbf  <svg><image href='file:///etc/passwd'/></svg>",
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
def test_a_hostile_picture_is_told_by_its_words(tmp_path, name):
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
