"""Lines spoken: which voice, what it is given to say, and its speech kept by content."""

from __future__ import annotations

import asyncio
import json
import struct
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bloop_sdk import BloopError, CallContext, RetriableError, UnsupportedError, gettext_noop
from bloop_sdk.providers.ai import Phoneme, Speech, SpeechProvider, Voice, Word
from bloop_sdk.storyboard import Line, Storyboard
from bloop_studio import pieces
from bloop_studio.config import config_of
from bloop_studio.languages import primary, same
from bloop_studio.options import Options
from bloop_studio.spoken import speak
from bloop_studio.timing import Voiced

AT_ONCE = 4
REFUSALS = frozenset({"unsupported"})
"""What a voice may say of one line, while it can say the others."""
_HEAD = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Chosen:
    """A voice, and who has it."""

    plugin_id: str
    voice: Voice
    provider: SpeechProvider

    @property
    def name(self) -> str:
        """As people choose it."""
        return f"{self.plugin_id}:{self.voice.id}"


@dataclass(slots=True)
class Narration:
    """What is said in a video; ``unsaid`` says of lines why not."""

    voice: str = ""
    version: str = ""
    exact: bool = True
    lines: dict[tuple[str, str], Voiced] = field(default_factory=dict)
    unsaid: dict[tuple[str, str], str] = field(default_factory=dict)
    made: int = 0

    def of_scene(self, scene: str) -> dict[str, Voiced]:
        """The lines of one scene."""
        return {line: voiced for (where, line), voiced in self.lines.items() if where == scene}


async def voices(
    ctx: CallContext, plugin_id: str = "", failures: list[BloopError] | None = None
) -> Mapping[str, Sequence[Voice]]:
    """All voices, or those of one plugin, by who has them.

    A plugin that fails has none; its error is added to ``failures``.
    """
    found: dict[str, Sequence[Voice]] = {}
    offers = await ctx.providers.offers("speech")
    for offer in (one for one in offers if plugin_id in {"", one.plugin_id}):
        try:
            provider: SpeechProvider = await ctx.providers.get("speech", offer.plugin_id)
            found[offer.plugin_id] = await provider.voices()
        except BloopError as err:
            ctx.log.warning("voices cannot be listed", plugin=offer.plugin_id, reason=str(err))
            if failures is not None:
                failures.append(err)
    return found


async def choose(ctx: CallContext, wanted: str, language: str) -> Chosen:
    """The voice that was asked for, or the best of the language; raises with a cure.

    Where there is none, but may be one in a while, raises that RetriableError.
    """
    plugin_id, _, id_ = wanted.partition(":")
    failures: list[BloopError] = []
    known = await voices(ctx, plugin_id, failures)
    if wanted:
        found = [one for one in known.get(plugin_id, ()) if one.id == id_ or not id_]
    else:
        best = best_of(known, language)
        plugin_id = best[0] if best else ""
        found = [best[1]] if best else []
    if not found:
        for err in failures:
            if isinstance(err, RetriableError):
                raise err
        raise _nobody(wanted, language)
    provider: SpeechProvider = await ctx.providers.get("speech", plugin_id)
    return Chosen(plugin_id, found[0], provider)


def _nobody(wanted: str, language: str) -> UnsupportedError:
    """Says why nobody speaks, and what to do."""
    if not wanted and primary(language) == "und":
        return UnsupportedError(
            gettext_noop("nothing says in which language this video is to be"),
            code="no_voice",
            cure=gettext_noop("say it on the storyboard's page, or choose a voice"),
        )
    what = (
        gettext_noop("there is no voice {voice}").format(voice=repr(wanted))
        if wanted
        else gettext_noop("no voice speaks {language}").format(language=repr(language))
    )
    return UnsupportedError(
        what,
        code="no_voice",
        cure=gettext_noop(
            "see which there are with `bloop studio voices`, or enable a plugin with voices: "
            "bloop plugins enable espeak"
        ),
    )


def best_of(known: Mapping[str, Sequence[Voice]], language: str) -> tuple[str, Voice] | None:
    """Who speaks a language when nobody is named, with the plugin's id; nobody costs money so."""

    def rank(found: tuple[str, Voice]) -> tuple[bool, ...]:
        voice = found[1]
        elsewhere = voice.language.lower() != language.lower()
        return voice.metered, elsewhere, not voice.natural, not voice.exact

    fitting = (
        (plugin_id, voice)
        for plugin_id, some in known.items()
        for voice in some
        if same(voice.language, language)
    )
    return min(fitting, key=rank, default=None)


async def narrate(
    ctx: CallContext,
    storyboard: Storyboard,
    options: Options,
    folder: Path,
    told: Callable[[int, int], Awaitable[None]] | None = None,
    refused: Mapping[tuple[str, str], str] | None = None,
) -> Narration:
    """Have all lines spoken; what has been said before is found again.

    A line that the voice refuses is read instead, and named; any other failure ends it. Those that
    it ``refused`` before (by scene and line, with why) are not asked for again.
    """
    made = Narration(unsaid=dict(refused or {}))
    lines = [
        (scene.id, line)
        for scene in storyboard.scenes
        for line in scene.narration
        if (scene.id, line.id) not in made.unsaid
    ]
    if storyboard.presenter == "none" or not lines:
        return made
    chosen = await choose(ctx, options.voice, storyboard.language)
    made.voice, made.version = chosen.name, chosen.voice.version
    done = 0

    speaker = Speaker(ctx, chosen, storyboard.language, options.pace, folder)

    async def say(scene: str, line: Line) -> None:
        nonlocal done
        try:
            made.lines[scene, line.id] = await speaker.say(line)
        except RetriableError:
            raise
        except BloopError as err:
            if err.code not in REFUSALS:
                raise
            made.unsaid[scene, line.id] = str(err)
        done += 1
        if told:
            await told(done, len(lines))

    await together((say(scene, line) for scene, line in lines), AT_ONCE)
    made.exact, made.made = all(one.speech.exact for one in made.lines.values()), speaker.made
    return made


@dataclass(slots=True)
class Speaker:
    """One voice that speaks lines; ``made`` counts those that were not found."""

    ctx: CallContext
    chosen: Chosen
    language: str
    pace: float
    folder: Path
    made: int = 0
    _turns: defaultdict[str, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )

    async def say(self, line: Line) -> Voiced:
        """A line's speech, kept by what it depends on; one that stands twice is spoken once."""
        spoken = speak(line.text, self.language, config_of(self.ctx).lexicon)
        voice = self.chosen.voice
        key = pieces.digest(self.chosen.plugin_id, voice.id, voice.version, self.pace, spoken.text)
        name, path = f"speech/{key}", self.folder / f"{key}.speech"
        async with self._turns[key]:
            if not await pieces.fetch(self.ctx, name, path):
                speech = await self.chosen.provider.synthesize(spoken.text, voice.id, self.pace)
                await self.ctx.run_sync(path.write_bytes, pack(speech))
                await pieces.keep(self.ctx, name, path, "application/octet-stream")
                self.made += 1
            data = await self.ctx.run_sync(path.read_bytes)
        return Voiced(spoken=spoken, speech=unpack(data))


async def together(work: Iterable[Coroutine[Any, Any, None]], at_once: int) -> None:
    """Do all of it, some at once. After a failure nothing more begins; what runs ends first.

    What was begun may have cost something, and is kept. Raises the first failure.
    """
    waiting = iter(work)
    failures: list[BaseException] = []

    async def take() -> None:
        for one in waiting:
            if failures:
                one.close()
                continue
            try:
                await one
            except Exception as err:  # noqa: BLE001 - raised below, once the others have ended
                failures.append(err)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(take())
    if failures:
        raise failures[0]


def pack(speech: Speech) -> bytes:
    """Speech as one file: the length of a JSON head, the head, the sound."""
    head: dict[str, Any] = {
        "rate": speech.rate,
        "exact": speech.exact,
        "words": [[one.start, one.end, one.begins, one.ends] for one in speech.words],
        "phonemes": [asdict(one) for one in speech.phonemes],
    }
    text = json.dumps(head).encode()
    return _HEAD.pack(len(text)) + text + speech.pcm


def unpack(data: bytes) -> Speech:
    """The reverse of :func:`pack`."""
    (size,) = _HEAD.unpack_from(data)
    head = json.loads(data[_HEAD.size : _HEAD.size + size])
    words = tuple(
        Word(start=start, end=end, begins=begins, ends=ends)
        for start, end, begins, ends in head["words"]
    )
    return Speech(
        pcm=data[_HEAD.size + size :],
        rate=head["rate"],
        words=words,
        exact=head["exact"],
        phonemes=tuple(Phoneme(**one) for one in head["phonemes"]),
    )
