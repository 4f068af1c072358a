"""What holds for every ``speech`` provider: voices, words and their times, odd texts, outages."""

from __future__ import annotations

import asyncio
import re
from itertools import pairwise

from bloop_sdk.errors import AuthError, BloopError, RetriableError, UnsupportedError
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.speaking import CALL_SECONDS, SpeechCase, samples_of, sane

TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{1,8})*")
PLAIN = "The sum of the squares is small, and so is the rest. Why? Nobody knows."
ODD = (
    "Ça coûte 3,50 € — 1.5 fois plus qu'hier, l'ami.",
    "مرحبا بالعالم, שלום you.",
    "学习。第2章 こんにちは",
    "नमस्ते! สวัสดี",
    "Cafe\u0301 \u202eto left\u202c zero\u200bwidth soft\u00adhyphen",
    "I 😀 👩\u200d👩\u200d👧 🇩🇪, 1\ufe0f\u20e3 or x² + ½ ≤ π.",
    "a\x00b \x1b[31mred\x07 tab\there\r\nnew\u2028 \ud800 end",
)
NOTHING_TO_SAY = ("?! … — ;", "\u200b\ufeff", "***", "😀🎉")
MARKUP = 'So <break time="9s"/> or [[h@l,oU]] &amp; {x} \\pause=9000\\ now.'


SPEECH = Suite("`speech`", SpeechCase)


@SPEECH.rule()
async def voices(case: SpeechCase) -> None:
    """Voices have ids of their own, names, languages and versions; they stay the same."""
    async with case.rig() as rig:
        found = list(await rig.provider.voices())
        hold(found, "voices() gives none")
        ids = [one.id for one in found]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        hold(not twice, f"voices(): several are called {', '.join(twice[:5])}")
        for one in found:
            complete = one.id.strip() and one.name.strip() and one.version.strip()
            hold(complete, f"voices(): {one} lacks an id, a name or a version")
            hold(TAG.fullmatch(one.language), f"voices(): {one.language!r} is no BCP 47 tag")
        again, other = await rig.provider.voices(), await rig.another().voices()
        hold(list(again) == found == list(other), "voices() gives others each time")


@SPEECH.rule()
async def words(case: SpeechCase) -> None:
    """Words cover each letter and digit once, in order, do not overlap, and take some time."""
    async with case.rig() as rig:
        speech = await rig.say(PLAIN)
        hold(len(speech.words) == 15, f"{len(speech.words)} words; {PLAIN!r} has 15")
        for word in speech.words:
            hold(word.ends > word.begins, f"{PLAIN[word.start : word.end]!r} takes no time")
        voice = await rig.voice()
        hold(speech.exact == voice.exact, f"exact is {speech.exact}, but the voice's {voice.exact}")


@SPEECH.rule()
async def the_sound(case: SpeechCase) -> None:
    """The sound is one of speech: audible, not clipped, and about as long as the text takes."""
    async with case.rig() as rig:
        speech = await rig.say(PLAIN)
        samples = samples_of(speech)
        loudest = max(map(abs, samples), default=0)
        hold(loudest >= 1000, f"the loudest sample is {loudest} of 32767: that is silence")
        clipped = sum(abs(one) >= 32767 for one in samples) / len(samples)
        hold(clipped < 0.001, f"{clipped:.1%} of the samples are clipped")
        letter = speech.seconds / sum(map(str.isalnum, PLAIN))
        hold(0.02 < letter < 0.3, f"{letter:.3f} s a letter at a rate of {speech.rate} Hz")


@SPEECH.rule()
async def the_times(case: SpeechCase) -> None:
    """Where words are said it is louder than where none is; without exact times that is open."""
    async with case.rig() as rig:
        text = "Stop, please. Go on, friends. Well, well. Sleep."
        speech = await rig.say(text)
        samples, said = samples_of(speech), [False] * (len(speech.pcm) // 2)
        for word in speech.words:
            begins, ends = round(word.begins * speech.rate), round(word.ends * speech.rate)
            said[begins:ends] = [True] * (ends - begins)
        inside = [abs(one) for one, is_said in zip(samples, said, strict=False) if is_said]
        outside = [abs(one) for one, is_said in zip(samples, said, strict=False) if not is_said]
        if not speech.exact or len(outside) < 0.05 * len(samples):
            return
        ratio = (sum(inside) / len(inside)) / max(sum(outside) / len(outside), 1e-9)
        hold(ratio > 3, f"words are {ratio:.1f} times as loud as the pauses between them")


@SPEECH.rule()
async def pace(case: SpeechCase) -> None:
    """At twice the pace the sound takes about half the time, and has the same words."""
    async with case.rig() as rig:
        text = "It is said faster, and it is said slower."
        usual = await rig.say(text)
        for factor in (0.5, 1.3, 2.0):
            where = f"synthesize() at a pace of {factor}"
            speech = await rig.say(text, factor, where=where)
            faster = usual.seconds / max(speech.seconds, 1e-9)
            hold(0.75 < faster / factor < 1.33, f"{where} is {faster:.2f} times as fast")
            hold(len(speech.words) == len(usual.words), f"{where} has other words")


@SPEECH.rule()
async def the_same_again(case: SpeechCase) -> None:
    """The same text, voice and version give the same words again, also in another process."""
    async with case.rig() as rig:
        text = "It is the same again."
        first, second = await rig.say(text), await rig.say(text)
        rig.provider = rig.another()
        for speech in (second, await rig.say(text)):
            same = [(one.start, one.end) for one in first.words] == [
                (one.start, one.end) for one in speech.words
            ]
            hold(same, f"{text!r} has other words the next time")
            hold(
                speech.pcm == first.pcm or 0.8 < speech.seconds / first.seconds < 1.25,
                f"{first.seconds:.2f} s become {speech.seconds:.2f} s the next time",
            )


@SPEECH.rule()
async def unknown_voice(case: SpeechCase) -> None:
    """A voice that there is not is refused with UnsupportedError, which has a cure."""
    async with case.rig() as rig:
        for id_ in ("no-such-voice", "", "../../etc/passwd"):
            try:
                await rig.provider.synthesize("hello", id_)
            except UnsupportedError as err:
                hold(err.cure, f"the voice {id_!r}: {err.message!r} has no cure")
            except Exception as err:
                raise ContractError(
                    f"the voice {id_!r}: {type(err).__name__}: {err}; raise UnsupportedError"
                ) from err
            else:
                raise ContractError(f"synthesize() speaks with the voice {id_!r}")


@SPEECH.rule()
async def empty_text(case: SpeechCase) -> None:
    """Text that is empty or all white gives no sound and no words."""
    async with case.rig() as rig:
        for text in ("", " \n\t \u2003"):
            speech = await rig.say(text)
            hold(not speech.pcm, f"synthesize({text!r}) gives {speech.seconds:.2f} s of sound")


@SPEECH.rule()
async def nothing_to_say(case: SpeechCase) -> None:
    """Text without letters and digits has no words, whether it is said or not."""
    async with case.rig() as rig:
        for text in NOTHING_TO_SAY:
            await rig.say(text)


@SPEECH.rule()
async def odd_texts(case: SpeechCase) -> None:
    """Text of any script, with emoji and control characters, has its words, said or not."""
    async with case.rig() as rig:
        for text in ODD:
            speech = await rig.say(text, 2.0)
            hold(speech.pcm, f"synthesize({text!r}): no sound, but words")


@SPEECH.rule()
async def markup(case: SpeechCase) -> None:
    """Markup is text, and tells the voice nothing."""
    async with case.rig() as rig:
        without = re.sub(r"[^\w]+", " ", MARKUP)
        plain, speech = await rig.say(without, 2.0), await rig.say(MARKUP, 2.0)
        longer = speech.seconds - plain.seconds
        hold(longer < 7, f"with markup it takes {longer:.1f} s more: a pause of 9 s was obeyed")
        hold(longer > -0.3 * plain.seconds, f"of {MARKUP!r} some is not said")


@SPEECH.rule()
async def long_text(case: SpeechCase) -> None:
    """A long text is spoken to its end."""
    async with case.rig() as rig:
        count = case.subject.long_words
        sentence = "Here are exactly eight words, as you see."
        text = " ".join([sentence] * -(-count // 8))
        speech = await rig.say(text, 2.0, where=f"synthesize() of {count} words")
        short = await rig.say(sentence, 2.0)
        hold(len(speech.words) == text.count(" ") + 1, f"{len(speech.words)} of {count} words")
        expected = short.seconds * len(text) / len(sentence)
        hold(
            0.7 < speech.seconds / expected < 1.5,
            f"{count} words take {speech.seconds:.0f} s; the first eight {short.seconds:.1f} s",
        )
        last = speech.words[-1]
        hold(speech.seconds - last.ends < 1, f"behind the last word {speech.seconds:.1f} s go on")


@SPEECH.rule()
async def at_once(case: SpeechCase) -> None:
    """Calls at once do not get into each other's way."""
    async with case.rig() as rig:
        texts = [" ".join(["word"] * number) + "." for number in range(1, 6)]
        alone = await rig.say(texts[4])
        found = await asyncio.gather(*(rig.say(text) for text in texts))
        lengths = [one.seconds for one in found]
        longer = all(one < other for one, other in pairwise(lengths))
        hold(longer, f"1 to 5 words at once take {lengths} s")
        same = 0.8 < found[4].seconds / alone.seconds < 1.25
        hold(same, f"at once it takes {found[4].seconds:.2f} s, and {alone.seconds:.2f} alone")


@SPEECH.rule()
async def cancelled(case: SpeechCase) -> None:
    """A call that is cancelled at any time ends soon, and the next one is answered."""
    async with case.rig() as rig:
        voice = await rig.voice()
        for wait in (0.0, 0.05):
            task = asyncio.create_task(rig.provider.synthesize(PLAIN, voice.id))
            await asyncio.sleep(wait)
            task.cancel()
            _, pending = await asyncio.wait({task}, timeout=10)
            hold(not pending, f"a call that was cancelled after {wait} s goes on")
            speech = await rig.say("And now this.", where="after a cancelled call")
            hold(len(speech.words) == 3 and speech.pcm, "after a cancelled call it says no more")


@SPEECH.rule("kill")
async def killed(case: SpeechCase) -> None:
    """When its process is killed, a call is answered or RetriableError, and the next goes well."""
    async with case.rig() as rig:
        kill = case.subject.kill
        assert kill is not None
        voice = await rig.voice()
        task = asyncio.ensure_future(rig.provider.synthesize(PLAIN, voice.id))
        hit = False
        while not task.done() and not hit:
            hit = kill(rig.provider)
            await asyncio.sleep(0.005)
        try:
            async with asyncio.timeout(CALL_SECONDS):
                sane(PLAIN, await task, "a call whose process was killed")
        except TimeoutError as err:
            raise ContractError("when its process is killed, synthesize() hangs") from err
        except RetriableError as err:
            hold(err.cure, f"when its process is killed: {err.message!r} has no cure")
        except ContractError:
            raise
        except Exception as err:
            raise ContractError(
                f"when its process is killed: {type(err).__name__}: {err}; raise UnavailableError"
            ) from err
        hold(hit, "kill() found no process to end")
        await rig.say("And now this.", where="after its process was killed")


@SPEECH.rule("stop", "start")
async def an_outage(case: SpeechCase) -> None:
    """While the system is away, it is RetriableError that is raised; then it speaks again."""
    async with case.rig() as rig:
        voice = await rig.voice()
        rig.cloud.stop()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await rig.provider.synthesize(PLAIN, voice.id)
        except RetriableError:
            pass
        except Exception as err:
            raise ContractError(
                f"while the system is away: {type(err).__name__}: {err}; raise UnavailableError"
            ) from err
        else:
            raise ContractError("synthesize() speaks although the system is away")
        rig.cloud.start()
        await rig.say(PLAIN, where="after the outage")


@SPEECH.rule("bad")
async def bad_credentials(case: SpeechCase) -> None:
    """A credential that is refused is AuthError, which has a cure."""
    async with case.rig() as rig:
        voice = await rig.voice()
        provider = rig.another(**dict(case.subject.bad or {}))
        try:
            await provider.synthesize(PLAIN, voice.id)
        except AuthError as err:
            hold(err.cure, f"with bad credentials: {err.message!r} has no cure")
        except BloopError as err:
            raise ContractError(f"bad credentials: {type(err).__name__}; raise AuthError") from err
        except Exception as err:
            raise ContractError(f"bad credentials: {type(err).__name__}: {err}") from err
        else:
            raise ContractError("synthesize() speaks with bad credentials")
