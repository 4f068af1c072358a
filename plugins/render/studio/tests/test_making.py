"""From a lesson to a video through a real hub, with a toy voice and a toy renderer."""

from __future__ import annotations

import asyncio
import dataclasses
import errno

import av
import pytest

from bloop.store.faults import from_file
from bloop_sdk import UnavailableError, UnsupportedError
from bloop_sdk.providers.ai import Voice
from bloop_sdk.storyboard import Storyboard
from tests.support.database import make_call


@pytest.fixture
async def lesson(hub, write_lesson):
    """A published lesson; gives its id."""
    return await hub.database.run(write_lesson)


@pytest.fixture
def make(ctx, lesson, made):
    """Have the lesson's video made, of a storyboard of our own or of its own one."""

    async def run(scenes=None, **kwargs):
        from bloop_studio import asking
        from bloop_studio.options import Options

        item = await ctx.content.item(lesson)
        number = None
        if scenes:
            board = Storyboard.model_validate({"title": "Waves", "scenes": scenes})
            number = (await asking.write(ctx, item, board, None)).number
        options = Options(quality="480p", fps=30)
        return await made(await asking.ask(ctx, item, options, number=number, **kwargs))

    return run


def scene(name, text, title=""):
    return {
        "id": name,
        "title": title or name,
        "narration": [{"id": f"{name}-1", "text": text}],
        "visual": {"kind": "bullets", "items": ["one", "two"]},
        "cues": [{"line": f"{name}-1", "word": text.split()[-1], "target": "item-2"}],
    }


def decoded(path):
    """The shades of a video's frames, and the loudness of each frame's time."""
    with av.open(path) as found:
        return [bytes(frame.planes[0])[0] for frame in found.decode(video=0)]


async def test_a_lesson_becomes_a_file_that_plays(ctx, make, toys, tmp_path):
    row = await make()
    assert row.state == "ready", row.error
    assert row.report["storyboard"]["made_by"] == "extraction"
    await ctx.files.save(row.files["video.mp4"], tmp_path / "video.mp4")
    assert len(decoded(tmp_path / "video.mp4")) == round(row.seconds * 30)
    assert set(row.files) == {
        "video.mp4",
        "captions.vtt",
        "captions.srt",
        "chapters.vtt",
        "transcript.txt",
        "transcript.html",
        "thumbnail.jpg",
    }


async def test_the_picture_changes_with_the_word_that_is_said(ctx, make, toys, tmp_path):
    row = await make([scene("one", "Here comes the second")])
    await ctx.files.save(row.files["video.mp4"], tmp_path / "video.mp4")
    shades = decoded(tmp_path / "video.mp4")
    turn = next(at for at, shade in enumerate(shades) if shade != shades[0])
    # The scene begins to speak after 0.4 s, and the fourth word after three quarters of a second.
    assert abs(turn / 30 - (0.4 + 0.75)) <= 1 / 30


async def test_what_two_ask_for_at_once_is_made_once(make, toys):
    said, drawn = toys
    first, second = await asyncio.gather(make(), make())
    assert first.id == second.id
    assert len(drawn) == len(set(drawn)) == first.report["drawn"]
    before = len(said)
    again = await make(again=True)
    assert (again.id, again.state, again.files) == (first.id, "ready", first.files)
    assert (again.report["drawn"], len(said), len(drawn)) == (0, before, first.report["drawn"])


async def test_an_edit_of_one_scene_speaks_and_draws_that_scene_alone(make, toys):
    said, drawn = toys
    scenes = [scene("one", "First words"), scene("two", "More words"), scene("three", "Last words")]
    await make(scenes)
    assert (sorted(drawn), len(said)) == (["one", "three", "two"], 3)
    scenes[1] = scene("two", "Other and longer words")
    row = await make(scenes)
    assert (drawn[3:], said[3:]) == (["two"], ["Other and longer words"])
    assert (row.report["drawn"], row.report["reused"]) == (1, 2)
    # To move a scene draws nothing, and a picture that two scenes share is drawn once.
    await make([scenes[2], scenes[0], scenes[1] | {"id": "other"}])
    assert (len(drawn), len(said)) == (4, 4)


async def test_a_scene_that_cannot_be_drawn_becomes_a_title_card(make, toys):
    row = await make([scene("one", "It works"), scene("two", "It does not", title="BREAK")])
    assert row.state == "ready"
    assert row.report["degraded"] == [{"scene": 2, "reason": "the crayon broke"}]


async def test_a_renderer_that_changes_between_two_scenes_draws_them_alike(make, toys):
    from bloop_crayon.plugin import Crayon

    Crayon.colours = "1"
    row = await make([scene("one", "Before"), scene("two", "After", title="ANOTHER CRAYON")])
    Crayon.colours = "1"
    assert (row.state, row.error) == ("ready", None)
    assert row.round == 2
    assert sorted(toys[1]) == ["one", "one", "two"]


async def test_a_scene_that_does_not_fit_keeps_its_words(make, toys):
    row = await make([scene("one", "All of this", title="TOO MUCH")])
    assert row.state == "ready"
    assert row.storyboard["scenes"][0]["visual"]["kind"] == "title"
    assert [one["code"] for one in row.report["faults"]] == ["off_canvas"]
    assert toys[0] == ["All of this"]


async def test_what_several_scenes_say_is_spoken_once(make, toys):
    row = await make([scene(f"s{number}", "The same words") for number in range(6)])
    assert (row.state, row.error) == ("ready", None)
    assert toys[0] == ["The same words"]


async def test_scenes_that_are_split_have_ids_of_their_own_and_room(make, toys, monkeypatch):
    from bloop_studio import telling

    monkeypatch.setattr(telling, "MOST_SCENES", 5)
    row = await make([scene(f"s{number}", "Words", title="HALVES") for number in range(3)])
    assert row.state == "ready", row.error
    kinds = [(one["id"], one["visual"]["kind"]) for one in row.storyboard["scenes"]]
    assert kinds == [
        *(("s0", "bullets"), ("half", "bullets"), ("s1", "bullets"), ("half-2", "bullets")),
        ("s2", "title"),
    ]
    assert [(one["scene"], one["code"]) for one in row.report["faults"]] == [("s2", "off_canvas")]


async def test_another_version_of_a_voice_is_heard(make, toys, monkeypatch):
    """Also one that speaks in the same time, so that all scenes are found again."""
    from bloop_hum.plugin import Hum

    scenes = [scene("one", "First words")]
    before = await make(scenes)
    monkeypatch.setattr(Hum, "version", "2")
    monkeypatch.setattr(Hum, "loud", 800)
    after = await make(scenes, again=True)
    assert (after.state, len(toys[0])) == ("ready", 2), after.error
    assert after.files["video.mp4"] != before.files["video.mp4"]


async def test_a_voice_that_is_replaced_while_scenes_are_drawn_speaks_in_time(
    make, toys, monkeypatch
):
    from bloop_hum.plugin import Hum

    from bloop_studio import drawing

    draw = drawing._drawn

    async def replaced(*args):
        await draw(*args)
        monkeypatch.setattr(Hum, "version", "2")
        monkeypatch.setattr(Hum, "seconds", 0.255)

    monkeypatch.setattr(drawing, "_drawn", replaced)
    row = await make([scene("one", "Here are some words to be said")])
    assert (row.state, row.round) == ("ready", 2), row.error
    assert row.seconds == pytest.approx(0.4 + 6 * 0.255 + 1.5, abs=1 / 30)


async def test_a_voice_that_fails_in_the_middle_is_asked_again_for_what_is_missing(make, toys):
    from bloop_hum.plugin import Hum

    Hum.fails = 2
    row = await make([scene(f"s{number}", f"Line number {number}") for number in range(6)])
    assert row.state == "ready"
    assert sorted(toys[0]) == sorted({*toys[0]}), "no line is spoken twice"


async def test_a_voice_that_is_away_for_a_moment_is_waited_for(ctx, make, toys):
    from bloop_hum.plugin import Hum

    from bloop_studio.voicing import voices

    Hum.away = 2
    assert await voices(ctx) == {}, "a list of voices is shown without it"
    row = await make([scene("one", "A word")])
    assert (row.state, row.report["speech"]["voice"]) == ("ready", "hum:low"), row.error
    assert Hum.away == 0


def test_a_voice_that_costs_speaks_where_nobody_else_does():
    from bloop_studio.voicing import best_of

    def voice(id_, language, **traits):
        return Voice(id=id_, name=id_, language=language, version="1", **traits)

    cloud = [voice("a", "en-GB", natural=True, metered=True), voice("b", "de-DE", metered=True)]
    house = [voice("c", "en-US"), voice("d", "en-US", natural=True, exact=False)]
    known = {"cloud": cloud, "house": house}
    assert best_of(known, "en-GB") == ("house", house[1])
    assert best_of(known, "de") == ("cloud", cloud[1])
    assert best_of(known, "fr") is None
    oslo = voice("e", "nb-NO")
    assert best_of({"house": [oslo]}, "no") == ("house", oslo)


async def test_a_line_that_cannot_be_said_is_read(make, toys):
    from bloop_hum.plugin import REFUSED

    row = await make([scene("one", "A word"), scene("two", "An unspeakable word")])
    assert len(REFUSED) == 1, "it is not asked for again as the video is put together"
    assert row.state == "ready"
    assert row.report["speech"]["unsaid"] == [
        {"scene": "two", "line": "two-1", "reason": "this cannot be said"}
    ]


async def test_a_video_that_cannot_be_made_says_why_and_can_be_tried_again(ctx, lesson, made):
    from bloop_studio import asking
    from bloop_studio.options import Options
    from bloop_studio.voicing import choose

    item = await ctx.content.item(lesson)
    row = await made(await asking.ask(ctx, item, Options(voice="nobody:at-all")))
    assert (row.state, row.error["code"]) == ("failed", "no_voice")
    assert "bloop studio voices" in row.error["cure"]
    with pytest.raises(UnsupportedError, match="in which language"):
        await choose(ctx, "", "und")
    again = await asking.ask(ctx, item, Options(voice="nobody:at-all"))
    assert (again.id, again.round) == (row.id, 2)
    await made(again)


async def test_a_video_that_is_removed_while_it_is_made_ends(ctx, lesson, made, toys):
    from bloop_studio import asking, videos
    from bloop_studio.options import Options

    item = await ctx.content.item(lesson)
    row = await asking.ask(ctx, item, Options(quality="480p"))
    await ctx.transaction(videos.remove, row.id)
    assert await ctx.read(videos.one, row.id) is None
    again = await asking.ask(ctx, item, Options(quality="480p"))
    assert again.id != row.id
    found = await made(again)
    assert found.state == "ready", found.error


@pytest.mark.parametrize("kind", ["storyboard", "speech", "scene", "video"])
async def test_a_job_that_comes_once_more_after_its_stage_changes_nothing(hub, ctx, make, kind):
    """As where a process is killed between the stage's commit and the end of its job."""
    from bloop_studio import videos

    row = await make([scene("one", "First words"), scene("two", "More words")])
    clips = [one.clip for one in await ctx.read(videos.scenes, row.id)]
    payload = {"video": row.id, "round": row.round} | ({"scene": 1} if kind == "scene" else {})
    assert "skipped" in await once_more(hub, kind, payload)
    found = await ctx.read(videos.one, row.id)
    assert (found.state, found.files, found.report) == ("ready", row.files, row.report)
    assert [one.clip for one in await ctx.read(videos.scenes, row.id)] == clips


async def once_more(hub, kind, payload):
    """Run one of the studio's jobs as the ledger would; gives its result."""
    from bloop.jobs.context import RunningJob
    from bloop.jobs.ledger import Claim

    claim = Claim(
        "again", 1, "me", f"studio.{kind}", "studio", payload, 1, 5,
        make_call(hub.institution, role="educator"),
    )  # fmt: skip
    return await hub._run_plugin_job(claim.kind, RunningJob(claim), payload)


async def test_a_storyboard_that_was_drafted_is_not_asked_for_again(make, toys, monkeypatch):
    """A model is paid for it, and what comes after it may fail for a moment."""
    from bloop_studio import drafting, telling

    drafts, checks, check, draft = [], [], telling.check, drafting.draft

    async def drafted(*args):
        drafts.append(await draft(*args))
        return dataclasses.replace(drafts[-1], note="the language model wrote none: it was busy")

    async def away_once(*args):
        checks.append(1)
        if len(checks) == 1:
            raise UnavailableError("the renderer is away", retry_after=0.01)
        return await check(*args)

    monkeypatch.setattr(drafting, "draft", drafted)
    monkeypatch.setattr(telling, "check", away_once)
    row = await make()
    assert (row.state, len(checks), len(drafts)) == ("ready", 2, 1), row.error
    assert "it was busy" in row.report["storyboard"]["note"]


async def test_a_fault_of_our_own_ends_a_video_and_says_so(make, toys, monkeypatch):
    from bloop_studio import joining

    def breaks(*_args, **_kwargs):
        raise ZeroDivisionError("no such picture")

    monkeypatch.setattr(joining, "thumbnail", breaks)
    async with asyncio.timeout(30):
        row = await make([scene("one", "First words")])
    assert (row.state, row.error["code"]) == ("failed", "job_crashed")
    assert "no such picture" in row.error["message"]


async def test_a_disk_that_was_full_for_a_moment_fails_no_video(hub, make, toys, monkeypatch):
    from bloop_studio import joining

    real, tries = joining.thumbnail, []

    def full_once(*args):
        tries.append(1)
        if len(tries) == 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(args[0]))
        return real(*args)

    monkeypatch.setattr(joining, "thumbnail", full_once)
    row = await make([scene("one", "First words")])
    assert (row.state, len(tries)) == ("ready", 2), row.error


async def test_a_store_that_is_full_for_a_moment_fails_no_video(hub, make, toys, monkeypatch):
    from bloop.store.files import PluginFiles

    real, tries = PluginFiles.put, []

    async def full_once(self, name, source, media_type):
        tries.append(1)
        if len(tries) == 1:
            raise from_file(OSError(errno.ENOSPC, "No space left on device"), source)
        return await real(self, name, source, media_type)

    monkeypatch.setattr(PluginFiles, "put", full_once)
    row = await make([scene("one", "First words")])
    assert (row.state, row.round) == ("ready", 1), row.error


async def test_tidying_leaves_what_a_video_in_the_making_needs(ctx, make, toys):
    from datetime import timedelta

    from sqlalchemy import update

    from bloop_studio import videos
    from bloop_studio.tables import Video, now

    row = await make([scene("one", "First words")])
    (clip,) = [one.clip for one in await ctx.read(videos.scenes, row.id)]
    before = now() + timedelta(days=1)

    def state(unit, value):
        unit.session.execute(update(Video).where(Video.id == row.id).values(state=value))

    assert clip in await ctx.read(videos.unused, before)
    await ctx.transaction(state, "scenes")
    assert clip not in await ctx.read(videos.unused, before)


async def test_tidying_leaves_what_was_used_since_it_looked(ctx, make, toys):
    from bloop_studio import pieces, videos
    from bloop_studio.tables import now

    row = await make([scene("one", "First words")])
    (clip,) = [one.clip for one in await ctx.read(videos.scenes, row.id)]
    before = now()
    assert clip in await ctx.read(videos.unused, before)
    assert await pieces.use(ctx, clip)
    assert not await ctx.transaction(videos.forget_piece, clip, before)
    assert await ctx.transaction(videos.forget_piece, clip, now())
