"""The process that speaks: it keeps models loaded and answers one request after the other.

It is run by its path, in isolation, and is the only place where Piper (GPL-3.0-or-later) is
imported. A request is a JSON object on a line; the answer is another one, and behind it as many
bytes of sound as it says. The process ends when nothing more comes: when its parent has closed the
pipe, is gone, or has had nothing to say for a while.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import sys
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

KEPT = 2
"""Models that stay loaded."""
LONGEST = 250
"""Sounds that are spoken in one go; memory grows with the square of it."""
LOOK_SECONDS = 5.0
"""How often it looks whether its parent is still there."""
LOUDEST = 0.98
ROUNDED = 0.2
STRESS = "ˈˌ"
PAUSES = frozenset(" .,:;!?-—…\"'()¡¿«»“”#|")


class Speaker:
    """The models, the last used ones loaded."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._loaded: OrderedDict[tuple[str, str], Any] = OrderedDict()

    def voice(self, path: str, version: str) -> Any:
        """A model, as Piper's ``PiperVoice``; another file at its place is another one."""
        key = path, version
        if key in self._loaded:
            self._loaded.move_to_end(key)
        else:
            while len(self._loaded) >= KEPT:
                self._loaded.popitem(last=False)
            self._loaded[key] = load(path, self._threads)
        return self._loaded[key]

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The sound of a text, the lengths of its parts, and what each word sounds like alone."""
        voice = self.voice(request["model"], request["version"])
        sound, parts = bytearray(), []
        measured = True
        for phonemes in voice.phonemize(request["text"]):
            known = [one for one in phonemes if one in voice.config.phoneme_id_map]
            if not any(one not in PAUSES for one in known):
                continue
            if sound:
                silence = round(request["pause_seconds"] * voice.config.sample_rate)
                sound += bytes(2 * silence)
                parts.append((" ", silence))
            for some in in_pieces(known):
                pcm, lengths = speak(voice, some, request)
                sound += pcm
                measured = measured and lengths is not None
                parts += timed(voice, some, lengths, len(pcm) // 2)
        told = {
            "rate": voice.config.sample_rate,
            "measured": measured,
            "parts": parts,
            "words": [sounds_of(voice, word) for word in request["words"]],
        }
        return told, bytes(sound)


def load(path: str, threads: int) -> Any:
    """A model that also gives the length of each sound.

    As ``PiperVoice.load`` does it, with a number of threads.
    """
    import onnx
    import onnxruntime
    from piper.config import PiperConfig
    from piper.patch_voice_with_alignment import add_alignment_output
    from piper.voice import PiperVoice

    with open(f"{path}.json", encoding="utf-8") as file:  # noqa: PTH123 - no more imports
        config = PiperConfig.from_dict(json.load(file))
    model = onnx.load(path)
    with contextlib.suppress(ValueError):  # It gives them already, or cannot.
        add_alignment_output(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait by spinning take the processor from those who render.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), sess_options=options, providers=["CPUExecutionProvider"]
    )
    return PiperVoice(config=config, session=session)


def in_pieces(phonemes: list[str]) -> Iterator[list[str]]:
    """A sentence in pieces that are not too long: at commas, else between words."""
    rest = phonemes
    while len(rest) > LONGEST:
        head = rest[:LONGEST]
        commas = [at for at, one in enumerate(head) if one in ",;:"]
        spaces = [at for at, one in enumerate(head) if one == " "]
        far = [at for at in commas if at > LONGEST // 3] or spaces or [LONGEST - 1]
        yield rest[: far[-1] + 1]
        rest = rest[far[-1] + 1 :]
    if any(one not in PAUSES for one in rest):
        yield rest


def speak(
    voice: Any, phonemes: list[str], request: dict[str, Any]
) -> tuple[bytes, list[int] | None]:
    """The sound of some phonemes, and the samples of each id; None where the model has none."""
    import numpy as np
    from piper.config import SynthesisConfig

    config = SynthesisConfig(
        speaker_id=request["speaker"],
        length_scale=voice.config.length_scale * scale_of(request["pace"]),
        noise_scale=request["noise_scale"],
        noise_w_scale=request["noise_w_scale"],
    )
    ids = voice.phonemes_to_ids(phonemes)
    audio, lengths = voice.phoneme_ids_to_audio(ids, config, include_alignments=True)
    audio = np.atleast_1d(audio)
    peak = float(np.abs(audio).max(initial=0.0))
    if peak > LOUDEST:
        audio *= LOUDEST / peak
    pcm = (audio * 32767).astype("<i2").tobytes()
    if lengths is None or len(lengths) != len(ids) or int(lengths.sum()) != len(audio):
        return pcm, None
    return pcm, [int(one) for one in lengths]


def scale_of(pace: float) -> float:
    """By how much to stretch sounds, so that speech is ``pace`` times as fast.

    Models round the length of each sound up to a whole frame, which is half a frame more on
    average; without the scale that is one in five.
    """
    return (1 / pace - ROUNDED) / (1 - ROUNDED)


def timed(
    voice: Any, phonemes: list[str], lengths: list[int] | None, count: int
) -> list[tuple[str, int]]:
    """Sounds and pauses, each with its samples; those sum up to ``count``.

    A mark of stress counts with the sound behind it, a mark of length with the one before it,
    and so does the padding that a model has behind each phoneme. Between two words the next one
    has already begun, as spectrograms show; there it is silent only behind a comma or the like.
    """
    ids = voice.config.phoneme_id_map
    sizes = [len(ids[one]) + 1 for one in phonemes]
    if lengths is None:
        share = count // (sum(sizes) + 3)
        lengths = [share] * (sum(sizes) + 2)
        lengths.append(count - sum(lengths))
    first = len(ids["^"]) + 1
    parts: list[tuple[str, int]] = [(" ", sum(lengths[:first]))]
    at, ahead = first, 0
    for phoneme, size in zip(phonemes, sizes, strict=True):
        samples = sum(lengths[at : at + size])
        at += size
        last, before = parts[-1]
        if phoneme in STRESS:
            ahead += samples
        elif phoneme == " " and last != " ":
            parts.append((" ", 0))
            ahead += samples
        elif phoneme in PAUSES:
            parts.append((" ", samples + ahead))
            ahead = 0
        elif is_mark(phoneme) and last != " ":
            parts[-1] = last + phoneme, before + samples
        else:
            parts.append((phoneme, samples + ahead))
            ahead = 0
    parts.append((" ", sum(lengths[at:]) + ahead))
    return parts


def is_mark(phoneme: str) -> bool:
    """Whether it says more about the sound before it, such as a length."""
    return all(unicodedata.category(char) in {"Lm", "Mn", "Sk"} for char in phoneme)


def sounds_of(voice: Any, word: str) -> list[str]:
    """What a word sounds like by itself."""
    sounds: list[str] = []
    for phoneme in (one for said in voice.phonemize(word) for one in said):
        if phoneme in STRESS or phoneme in PAUSES or phoneme not in voice.config.phoneme_id_map:
            continue
        if is_mark(phoneme) and sounds:
            sounds[-1] += phoneme
        else:
            sounds.append(phoneme)
    return sounds


def requests(idle_seconds: float) -> Iterator[dict[str, Any]]:
    """What is asked, until nothing more can come, or has come for long."""
    parent = os.getppid()
    buffer, waited = b"", 0.0
    while True:
        line, found, rest = buffer.partition(b"\n")
        if found:
            buffer, waited = rest, 0.0
            yield json.loads(line)
            continue
        look = min(LOOK_SECONDS, idle_seconds)
        ready, _, _ = select.select([0], [], [], look)
        waited += look
        if ready:
            data = os.read(0, 1 << 20)
            if not data:
                return
            buffer += data
        elif waited >= idle_seconds or os.getppid() != parent:
            return


def main() -> None:
    """Answer until the end; arguments are threads, MiB and seconds."""
    threads, memory, idle = int(sys.argv[1]), int(sys.argv[2]) * 2**20, float(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What libraries print is no answer.
    speaker = Speaker(threads)
    for request in requests(idle):
        try:
            told, sound = speaker.answer(request)
        except ImportError as err:
            told, sound = {"missing": str(err)}, b""
        except Exception as err:  # noqa: BLE001 - whatever a model does to who loads it
            told, sound = {"error": f"{type(err).__name__}: {err}"[:500]}, b""
        out.write(json.dumps(told | {"bytes": len(sound)}).encode() + b"\n" + sound)
        out.flush()


if __name__ == "__main__":
    main()
