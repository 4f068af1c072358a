"""A disk that is full while a video is made: said with its cure, nothing half-kept, then made.

What writes the files itself is held by the kernel to fewer bytes than it needs (RLIMIT_FSIZE: the
write that a full disk refuses with ENOSPC is refused with EFBIG). Where the database would be
held to it as well, the lowest call of ours is refused.
"""

from __future__ import annotations

import errno
import os
import pathlib
import resource
from contextlib import contextmanager

import pytest
from studio_media import speak

from bloop.jobs import ledger
from bloop.store import blobs
from bloop_sdk import RetriableError
from bloop_sdk.storyboard import Storyboard
from bloop_studio.compose import Metadata, compose
from bloop_studio.sound import Placed, make_sound
from bloop_studio.thumbnail import thumbnail


@contextmanager
def room_for(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_nothing_that_is_joined_is_left_half(three_clips, tmp_path, share):
    spoken = speak("Some words that a voice has said")
    whole, sound, folder = tmp_path / "whole.mp4", tmp_path / "sound.m4a", tmp_path / "cut"
    seconds = sum(one.seconds for one in three_clips)

    def sounded(target):
        make_sound([Placed(0.1, lambda: spoken)], seconds, target)

    def joined(target):
        compose(three_clips, sound, target, metadata=Metadata(title="All"))

    def pictured(target):
        thumbnail(whole, 1.0, target, 640)

    picture = tmp_path / "whole.jpg"
    folder.mkdir()
    for make, full in ((sounded, sound), (joined, whole), (pictured, picture)):
        make(full)
        with room_for(int(full.stat().st_size * share)), pytest.raises(OSError) as raised:
            make(folder / full.name)
        assert raised.value.errno == errno.EFBIG
        assert list(folder.iterdir()) == []


class Disk:
    """A disk that one kind of file no longer fits on."""

    def __init__(self, monkeypatch):
        self.full_for = None
        self.refused = 0
        monkeypatch.setattr(ledger, "backoff", lambda _attempt: 0.0)
        self._stand_in(monkeypatch)

    def refuse(self, what, path):
        if what == self.full_for:
            self.refused += 1
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    def _stand_in(self, monkeypatch):
        from bloop_crayon import plugin as crayon

        from bloop_studio import joining

        write, sync, draw = pathlib.Path.write_bytes, os.fsync, crayon.draw

        def write_bytes(path, data):
            if path.suffix == ".speech":
                write(path, data[: len(data) // 2])
                self.refuse("speaking", path)
            return write(path, data)

        def fsync(handle):
            # The last thing before a blob has its name.
            self.refuse("keeping", "a blob")
            return sync(handle)

        def drawn(plan, target, progress):
            try:
                self.refuse("drawing", target)
            except OSError as err:
                raise RetriableError(f"the disk is full: {err}", code="store_full") from err
            return draw(plan, target, progress)

        real = joining.compose

        def composed(clips, sound, target, **more):
            self.refuse("joining", target)
            return real(clips, sound, target, **more)

        monkeypatch.setattr(pathlib.Path, "write_bytes", write_bytes)
        monkeypatch.setattr(blobs.os, "fsync", fsync)
        monkeypatch.setattr(crayon, "draw", drawn)
        monkeypatch.setattr(joining, "compose", composed)


@pytest.mark.parametrize("step", ["speaking", "drawing", "joining", "keeping"])
async def test_a_full_disk_is_said_and_with_room_the_video_is_made(
    hub, ctx, write_lesson, made, toys, monkeypatch, step
):
    from bloop_studio import asking
    from bloop_studio.options import Options

    item = await ctx.content.item(await hub.database.run(write_lesson))
    visual = {"kind": "bullets", "items": ["one"]}
    line = {"id": "line", "text": "Some words"}
    scene = {"id": "one", "title": "One", "narration": [line], "visual": visual}
    board = Storyboard.model_validate({"title": "Waves", "scenes": [scene]})
    number = (await asking.write(ctx, item, board, None)).number
    disk = Disk(monkeypatch)
    disk.full_for = step
    row = await made(await asking.ask(ctx, item, Options(quality="480p"), number=number))
    assert (row.state, row.error["code"]) == ("failed", "store_full"), row.error
    assert "the disk is full" in row.error["message"] and "free some space" in row.error["cure"]
    assert disk.refused == 5, "each attempt met it"
    assert [one.name for one in ctx.data_dir.iterdir()] == []
    assert list(hub.blobs.root.glob("incoming-*")) == []
    for name in await ctx.files.names():
        assert (await ctx.files.get(name)).size, name
    disk.full_for = None
    row = await made(await asking.ask(ctx, item, Options(quality="480p"), number=number))
    assert (row.state, row.round, row.report["degraded"]) == ("ready", 2, []), row.error
    assert len(toys[1]) == 1, "what was drawn before is not drawn again"
