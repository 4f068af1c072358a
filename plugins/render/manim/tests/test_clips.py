"""Clips: as long as they should be, joinable, there whole or not at all."""

from __future__ import annotations

import asyncio
import resource
from fractions import Fraction

import av
import pytest

from bloop_manim.pool import shared
from bloop_sdk import FatalError, RetriableError, UnsupportedError
from bloop_sdk.providers.render import Look
from plugins.render.manim.tests.plans import LOOK, plan


def numbers(path):
    """The numbers of a clip's frames, those of its key frames, and how many frames it lasts."""
    with av.open(path) as file:
        stream = file.streams.video[0]
        frames = [(frame.time * LOOK.fps, frame.key_frame) for frame in file.decode(video=0)]
        lasts = stream.duration * stream.time_base * LOOK.fps
    assert all(abs(number - round(number)) < 1e-6 for number, _ in frames)
    return [round(one) for one, _ in frames], [round(one) for one, key in frames if key], lasts


@pytest.mark.parametrize(
    ("seconds", "frames"), [(2.0, 20), (1.26, 13), (0.01, 1), (0.1, 1), (0.2, 2), (4.1, 41)]
)
async def test_a_clip_lasts_as_many_frames_as_its_plan_says(renderer, tmp_path, seconds, frames):
    clip = await renderer.render(plan("moves", seconds), tmp_path / "a.mp4")
    shown, _, lasts = numbers(clip.path)
    assert (clip.frames, clip.seconds, lasts) == (frames, frames / LOOK.fps, frames)
    assert (shown[0], shown[-1]) == (0, frames - 1)


async def test_what_stands_still_is_encoded_once_a_second_and_for_every_key_frame(
    renderer, tmp_path
):
    clip = await renderer.render(plan("still", 9.5), tmp_path / "a.mp4")
    shown, keys, lasts = numbers(clip.path)
    assert shown == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 94]
    assert keys == [0, 40, 80]
    assert lasts == 95


async def test_what_moves_is_encoded_frame_by_frame(renderer, tmp_path):
    clip = await renderer.render(plan("moves", 3.0), tmp_path / "a.mp4")
    shown, keys, _ = numbers(clip.path)
    # The first frame of a step shows it at its beginning, where nothing has changed yet.
    assert shown == [0, 6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 29]
    assert keys == [0]


async def test_clips_of_one_look_are_joined_without_decoding(renderer, tmp_path):
    clips = [
        await renderer.render(plan("moves", 1.5), tmp_path / "a.mp4"),
        await renderer.render(plan("still", 1.2), tmp_path / "b.mp4"),
        await renderer.render(plan("long", 1.0), tmp_path / "c.mp4"),
    ]
    heads, offset = set(), 0
    with av.open(tmp_path / "all.mp4", "w") as out:
        made = None
        for clip in clips:
            with av.open(clip.path) as file:
                stream = file.streams.video[0]
                heads.add((bytes(stream.codec_context.extradata), stream.time_base))
                made = made or out.add_stream_from_template(stream)
                for packet in file.demux(stream):
                    if packet.dts is None:
                        continue
                    assert packet.dts == packet.pts
                    packet.dts = packet.pts = packet.pts + offset
                    packet.stream = made
                    out.mux(packet)
                offset += stream.duration
    assert len(heads) == 1
    shown, keys, lasts = numbers(tmp_path / "all.mp4")
    assert lasts == 15 + 12 + 10
    assert shown[-10:] == list(range(27, 37))
    assert {0, 15, 27} <= set(keys)


async def test_colours_are_those_of_high_definition_and_say_so(renderer, tmp_path):
    clip = await renderer.render(plan("still", 1.0), tmp_path / "a.mp4")
    with av.open(clip.path) as file:
        context = file.streams.video[0].codec_context
        frame = next(file.decode(video=0))
    assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
    red, green, blue = frame.reformat(format="rgb24").to_ndarray()[120, 213]
    assert abs(int(red) - 0x20) < 6
    assert abs(int(green) - 0x40) < 6
    assert abs(int(blue) - 0x80) < 6


async def test_pictures_are_those_of_the_times_asked_for(renderer, tmp_path):
    paths = await renderer.still(plan("moves", 3.0), [2.9, 0.0, 1.2, 99.0], tmp_path)
    shots = [av.open(path) for path in paths]
    pixels = [next(shot.decode(video=0)).reformat(format="rgb24").to_ndarray() for shot in shots]
    for shot in shots:
        shot.close()
    middle, aside = (120, 213), (120, 213 + 3 * 30)
    assert [tuple(one[middle]) for one in pixels] == [
        (250, 250, 250), (32, 64, 128), (250, 250, 250), (250, 250, 250)]  # fmt: skip
    assert [tuple(one[aside]) for one in pixels] == [
        (250, 250, 250), (250, 250, 250), (32, 64, 128), (250, 250, 250)]  # fmt: skip


async def test_images_are_drawn_and_moved(renderer, tmp_path):
    paths = await renderer.still(plan("image", 3.0), [0.0, 2.0], tmp_path)
    assert [spots(path) for path in paths] == [
        # Red and half of blue above, then below.
        [(255, 0, 0), (125, 125, 253), (250, 250, 250), (250, 250, 250)],
        [(250, 250, 250), (250, 250, 250), (255, 0, 0), (125, 125, 253)],
    ]


def spots(path):
    """Colours at the left and right, above and below the middle."""
    with av.open(path) as shot:
        pixels = next(shot.decode(video=0)).reformat(format="rgb24").to_ndarray()
    return [tuple(map(int, pixels[120 + dy, 213 + dx])) for dy in (-30, 30) for dx in (-110, 110)]


async def test_a_check_is_made_by_a_worker(renderer):
    assert (await renderer.check(plan("refused"))).refused
    layout = await renderer.check(plan("fine"))
    assert layout.scenes == (plan("fine").scene,)


async def test_progress_is_told_and_ends_a_rendering_that_raises(renderer, tmp_path):
    told = []

    def stop(done, of):
        told.append((done, of))
        raise RetriableError("the job was cancelled")

    with pytest.raises(RetriableError, match="the job was cancelled"):
        await renderer.render(plan("long", 300.0), tmp_path / "a.mp4", stop)
    assert len(told) == 1
    assert told[0][1] == 3000
    assert list(tmp_path.iterdir()) == []
    await renderer.render(plan("still", 0.5), tmp_path / "b.mp4")


async def test_a_cancelled_scene_leaves_nothing_and_its_worker_goes_on(renderer, tmp_path):
    begun = asyncio.Event()
    task = asyncio.create_task(
        renderer.render(plan("long", 300.0), tmp_path / "a.mp4", lambda *_: begun.set())
    )
    await begun.wait()
    before = shared(renderer._limits).processes()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await renderer.render(plan("still", 0.5), tmp_path / "b.mp4")
    assert shared(renderer._limits).processes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["b.mp4"]


async def test_a_drawing_that_raises_costs_its_scene_alone(renderer, tmp_path):
    with pytest.raises(FatalError, match="ZeroDivisionError: a drawing's own") as caught:
        await renderer.render(plan("raises"), tmp_path / "a.mp4")
    assert caught.value.code == "scene_undrawable"
    await renderer.render(plan("still", 0.5), tmp_path / "b.mp4")


async def test_where_nothing_can_be_written_nothing_is_left(renderer, tmp_path):
    with pytest.raises(RetriableError, match="No such file or directory"):
        await renderer.render(plan("still", 0.5), tmp_path / "missing" / "a.mp4")


async def test_a_full_disk_leaves_no_part_of_a_clip(renderer, tmp_path):
    await renderer.render(plan("still", 0.5), tmp_path / "warm.mp4")
    pids = shared(renderer._limits).processes()
    (tmp_path / "a.mp4").write_bytes(b"of before")
    for pid in pids:  # A file that may not grow fails as one on a full disk does.
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
    try:
        with pytest.raises(RetriableError, match="File too large") as caught:
            await renderer.render(plan("moves", 2.0), tmp_path / "a.mp4")
    finally:
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert (caught.value.code, caught.value.cure) == ("store_full", "free some space")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "warm.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"of before"


async def test_odd_sizes_are_refused(renderer, tmp_path):
    with pytest.raises(UnsupportedError, match="even sizes"):
        await renderer.render(plan("still", 1, Look(width=427, height=240)), tmp_path / "a.mp4")


def test_time_stamps_are_exact_at_every_rate():
    # What an MP4 counts in has to hold whole frames of every rate that is offered.
    assert all(Fraction(15360, fps).denominator == 1 for fps in (10, 15, 24, 30, 60))
