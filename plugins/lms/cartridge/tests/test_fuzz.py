"""Damaged cartridges: whatever the damage, a BloopError or a read, and never a long wait."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bloop_cartridge.htmltext import equations_as_text, map_urls, read_document
from bloop_cartridge.xmlsafe import parse_xml
from bloop_sdk.errors import BloopError, SkippableError

QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck)}
SAMPLES = ["all-question-types.imscc", "course-1.imscc", "moodle-chem101.imscc"]
FLIPS = st.lists(st.tuples(st.floats(0, 0.9999), st.integers(1, 255)), min_size=1, max_size=8)


async def survive(read, path, data):
    path.write_bytes(data)
    try:
        snapshot = await read(path)
    except BloopError:
        return None
    return snapshot


def damaged(data, flips):
    data = bytearray(data)
    for place, change in flips:
        data[int(place * len(data))] ^= change
    return bytes(data)


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=50, **QUIET)
@given(flips=FLIPS)
async def test_flipped_bytes_of_the_zip(samples, read, tmp_path, name, flips):
    data = (samples / name).read_bytes()
    await survive(read, tmp_path / "damaged.imscc", damaged(data, flips))


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=50, **QUIET)
@given(flips=FLIPS)
async def test_flipped_bytes_of_the_directory(samples, read, tmp_path, name, flips):
    """The last two kilobytes, where a change does most."""
    data = (samples / name).read_bytes()
    cut = len(data) - 2048
    await survive(read, tmp_path / "damaged.imscc", data[:cut] + damaged(data[cut:], flips))


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=50, **QUIET)
@given(data=st.data())
async def test_flipped_bytes_of_one_file_in_it(samples, read, tmp_path, name, data):
    """With its checksum right, so that the damage reaches the parsers."""
    with zipfile.ZipFile(samples / name) as archive:
        files = {i.filename: archive.read(i) for i in archive.infolist() if i.file_size}
    victim = data.draw(st.sampled_from(sorted(files)))
    files[victim] = damaged(files[victim], data.draw(FLIPS))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    snapshot = await survive(read, tmp_path / "damaged.imscc", buffer.getvalue())
    assert snapshot is not None or victim == "imsmanifest.xml"


@settings(max_examples=200, **QUIET)
@given(data=st.binary(max_size=400))
def test_any_bytes_as_xml_and_html(data):
    read_document(data)
    try:
        parse_xml(data, "any.xml", 64)
    except SkippableError:
        return


@settings(max_examples=200, **QUIET)
@given(text=st.text(alphabet="<>/'\" =a-!&;hrefimg\n", max_size=80))
def test_html_that_needs_no_change_keeps_every_character(text):
    assert map_urls(text, lambda url: None) == text
    assert equations_as_text(text) == text


PIECES = ["<a ", '<a "', "<a href='", "<!--", "<a href=x ", "</", "<img ", "<html "]


@pytest.mark.parametrize("piece", PIECES)
def test_time_grows_with_the_text_and_not_with_its_square(piece):
    """A million characters of each: a quadratic walk would take minutes."""
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    map_urls(text, lambda url: "x")
    read_document(text.encode())
    assert time.process_time() - start < 20
