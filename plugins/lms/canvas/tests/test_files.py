"""The bytes of files: where they come from, and what breaks off on the way."""

from __future__ import annotations

import hashlib

import pytest

from bloop_canvas import downloads
from bloop_sdk import Kind, Ref, UnavailableError
from bloop_sdk.testing import Cut, Status, read_all, reply
from plugins.lms.canvas.tests.fake_canvas import FakeCanvas
from plugins.lms.canvas.tests.fake_course import FILES

BYTES = bytes(range(256)) * 40
FIRST = Ref(Kind.FILE, "1-71")


def with_bytes(body: bytes = BYTES) -> FakeCanvas:
    canvas = FakeCanvas()
    canvas.courses[1].lists["files"][0]["size"] = len(body)
    canvas.content["uuid71"] = body
    return canvas


async def test_a_redirect_to_where_files_are_is_followed_without_the_token(rig):
    mine = rig(with_bytes())
    read = await read_all(mine.provider)
    assert read.files[FIRST] == hashlib.sha256(BYTES).hexdigest()
    (there,) = [one for one in mine.faults.requests if one.url.startswith(f"{FILES}/uuid71")]
    assert not {name.lower() for name in there.headers} & {"authorization", "cookie"}


async def test_what_breaks_off_is_resumed_where_it_broke(rig, monkeypatch):
    monkeypatch.setattr(downloads, "PIECE", 2000)
    mine = rig(with_bytes())
    mine.faults.add(Cut(3000), path="uuid71")
    read = await read_all(mine.provider)
    assert read.files[FIRST] == hashlib.sha256(BYTES).hexdigest()
    spans = [
        one.headers["Range"]
        for one in mine.faults.requests
        if one.url.startswith(FILES) and "Range" in one.headers
    ]
    assert spans == [f"bytes={start}-{start + 1999}" for start in range(3000, len(BYTES), 2000)]


async def test_where_no_ranges_are_known_the_run_comes_back_later(rig):
    canvas = with_bytes()
    ranged = canvas._bytes

    def whole(request):
        request.headers.pop("range", None)
        return ranged(request)

    canvas._bytes = whole
    mine = rig(canvas)
    mine.faults.add(Cut(3000), path="uuid71")
    with pytest.raises(UnavailableError):
        await read_all(mine.provider)


async def test_a_file_that_changes_while_it_is_read_is_not_kept(rig):
    canvas = with_bytes()
    mine = rig(canvas)
    mine.faults.add(Cut(3000), path="uuid71")
    served = canvas._bytes

    def changing(request):
        if "range" in request.headers:
            canvas.content["uuid71"] = BYTES + b"more"
        return served(request)

    canvas._bytes = changing
    read = await read_all(mine.provider)
    assert FIRST not in read.files
    assert "changed while it was read" in read.skipped[str(FIRST)]


async def test_a_page_in_place_of_a_file_is_not_kept(rig):
    canvas = with_bytes()
    canvas._bytes = lambda request: reply("<html>Log in</html>")
    read = await read_all(rig(canvas).provider)
    assert read.files == {}
    assert set(read.skipped) == {"file:1-71", "file:1-72"}


async def test_files_at_a_host_that_nobody_named_are_left_out_with_the_cure(rig):
    canvas = with_bytes()
    away = {"location": "https://evil.example/x"}
    canvas._download = lambda request: reply(b"", status=302, headers=away)
    mine = rig(canvas)
    read = await read_all(mine.provider)
    assert "redirect to another host, evil.example" in read.skipped[str(FIRST)]
    assert len(read.of(Kind.PAGE)) == 5
    assert not mine.sent("evil")


@pytest.mark.parametrize("status", [401, 403, 404, 422])
async def test_a_file_that_is_refused_or_gone_costs_itself(status, rig):
    mine = rig(with_bytes())
    mine.faults.add(Status(status), path="^/files/71/", times=None)
    read = await read_all(mine.provider)
    assert list(read.skipped) == [str(FIRST)]
    assert (read.gaps, len(read.files)) == ({}, 1)


async def test_a_token_that_ends_before_a_download_is_renewed(rig):
    mine = rig(
        with_bytes(), client_id="10000000000001", client_secret="key", refresh_token="refresh"
    )
    mine.faults.add(Status(401), path="^/files/71/")
    mine.faults.add(Status(401), path="/users/self$")
    assert len((await read_all(mine.provider)).files) == 2
    assert len(mine.sent("/login/oauth2/token")) == 1


async def test_a_file_that_is_locked_is_known_without_its_bytes(rig):
    canvas = with_bytes()
    canvas.courses[1].lists["files"][0] |= {"locked_for_user": True, "url": ""}
    read = await read_all(rig(canvas).provider)
    assert FIRST not in read.files
    assert read.records[FIRST].lost == ("its bytes: Canvas does not give them to this credential",)


@pytest.mark.parametrize(
    ("of_folder", "of_file"),
    [
        ({"locked": True}, {}),
        ({"unlock_at": "2999-01-01T00:00:00Z"}, {}),
        ({}, {"lock_at": "2020-01-01T00:00:00Z"}),
    ],
)
async def test_what_students_may_not_open_is_not_published(rig, of_folder, of_file):
    """A file says nothing of its folder's locks, nor of those above."""
    canvas = with_bytes()
    top, inner = canvas.courses[1].lists["folders"]
    inner["parent_folder_id"] = top["id"]
    top |= of_folder
    canvas.courses[1].lists["files"][0] |= of_file
    read = await read_all(rig(canvas).provider)
    assert not read.records[FIRST].published
    assert FIRST in read.files
    assert not (await rig(canvas).provider.fetch([FIRST])).records[0].published


async def test_a_moved_file_has_another_path(rig):
    canvas = with_bytes()
    read = await read_all(rig(canvas).provider)
    assert read.records[FIRST].path == "img/wave71.png"
    canvas.courses[1].lists["folders"][1]["full_name"] = "course files/pictures"
    report = await read.run(rig(canvas).provider)
    assert read.records[FIRST].path == "pictures/wave71.png"
    assert report.written == 2


async def test_files_are_read_where_folders_are_refused(rig):
    canvas = with_bytes()
    canvas.denied["folders"] = 403
    read = await read_all(rig(canvas).provider)
    assert read.records[FIRST].path is None
    assert read.gaps == {}


async def test_an_unchanged_file_is_not_read_again(rig):
    canvas = with_bytes()
    read = await read_all(rig(canvas).provider)
    mine = rig(canvas)
    await read.run(mine.provider)
    assert not mine.sent(FILES)


async def test_a_download_that_fails_later_is_left_to_the_next_run(rig):
    mine = rig(with_bytes())
    mine.faults.add(Status(503), path="uuid71", times=None)
    with pytest.raises(UnavailableError):
        await read_all(mine.provider)
