"""A process for one answer of eSpeak NG's C library: a request on stdin, the answer on stdout.

It is run by its path, in isolation, and imports nothing but the standard library: it starts in a
few hundredths of a second, and a crash or a hang of the C code costs one call. The request is a
JSON object; the answer is one of a line, and the sound behind it.

The interface is that of ``speak_lib.h``: https://github.com/espeak-ng/espeak-ng
"""

from __future__ import annotations

import bisect
import ctypes
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

MEMORY = 2**30
"""Bytes of address space: far more than a long text takes."""

RETRIEVAL = 1
PHONEMES_IN_IPA = 0x3
DONT_EXIT = 0x8000
UTF8 = 1
IPA_WITH_SEPARATOR = 0x02 | ord("_") << 8
RATE, SLOWEST, FASTEST = 1, 80, 450
END, WORD, PHONEME = 0, 1, 7


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("string", ctypes.c_char * 8), ("name", ctypes.c_void_p))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class WorkerError(Exception):
    """What the answer tells."""


class Library:
    """The library, ready to speak."""

    def __init__(self, name: str) -> None:
        try:
            self._lib = ctypes.CDLL(name)
        except OSError as err:
            raise WorkerError(f"the library can't be loaded: {err}") from err
        self._lib.espeak_Info.restype = ctypes.c_char_p
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self.rate = self._lib.espeak_Initialize(RETRIEVAL, 0, None, PHONEMES_IN_IPA | DONT_EXIT)
        if self.rate <= 0:
            raise WorkerError(f"the library does not start ({self.rate}): is its data installed?")

    @property
    def version(self) -> str:
        """Such as ``1.51``."""
        return str(self._lib.espeak_Info(None).decode())

    def voices(self) -> Iterator[dict[str, Any]]:
        """Its voices, without those that need MBROLA's data."""
        found = self._lib.espeak_ListVoices(None)
        number = 0
        while found[number]:
            voice = found[number].contents
            number += 1
            identifier = voice.identifier.decode()
            if not identifier.startswith("mb/"):
                languages = list(_languages(voice.languages))
                name = voice.name.decode().strip()
                yield {"identifier": identifier, "name": name, "languages": languages}

    def choose(self, name: str, words_per_minute: int) -> None:
        """Speak with a voice from now on."""
        if self._lib.espeak_SetVoiceByName(name.encode()):
            raise WorkerError(f"the voice {name} can't be loaded")
        pace = min(max(words_per_minute, SLOWEST), FASTEST)
        self._lib.espeak_SetParameter(RATE, pace, 0)

    def speak(self, text: str) -> tuple[bytearray, list[tuple[int, int, int, str]]]:
        """The sound, and its events: type, place in the text, sample, IPA."""
        sound, events = bytearray(), []

        def take(wave: Any, count: int, event: Any) -> int:
            if wave and count > 0:
                sound.extend(ctypes.string_at(wave, 2 * count))
            number = 0
            while (one := event[number]).type != END:
                number += 1
                if one.type in {WORD, PHONEME}:
                    ipa = _string(one) if one.type == PHONEME else ""
                    events.append((one.type, one.text_position - 1, one.sample, ipa))
            return 0

        callback = _Callback(take)
        self._lib.espeak_SetSynthCallback(callback)
        data = text.encode() + b"\0"
        failed = self._lib.espeak_Synth(data, len(data), 0, 1, 0, UTF8, None, None)
        if failed or self._lib.espeak_Synchronize():
            raise WorkerError(f"the text can't be spoken ({failed})")
        return sound, events

    def sounds(self, text: str) -> list[str]:
        """The IPA of a text by itself, a string a sound."""
        buffer = ctypes.create_string_buffer(text.encode())
        rest = ctypes.c_void_p(ctypes.addressof(buffer))
        said = ""
        while rest.value:
            part = self._lib.espeak_TextToPhonemes(ctypes.byref(rest), UTF8, IPA_WITH_SEPARATOR)
            said += "_" + part.decode("utf-8", "ignore")
        plain = said.replace(" ", "_").replace("ˈ", "").replace("ˌ", "")
        return [sound for sound in plain.split("_") if sound]


def _languages(address: int) -> Iterator[tuple[int, str]]:
    """Priority (low is better) and language: bytes, each behind its priority, up to a zero."""
    while priority := ctypes.string_at(address, 1)[0]:
        language = ctypes.string_at(address + 1)
        address += len(language) + 2
        yield priority, language.decode()


def _string(event: Any) -> str:
    # It need not end with a zero, and may break off within a character.
    start = ctypes.addressof(event) + _Event.id.offset
    return ctypes.string_at(start, 8).partition(b"\0")[0].decode("utf-8", "ignore")


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes | bytearray]:
    """What is asked for."""
    library = Library(request["library"])
    told: dict[str, Any] = {"version": library.version, "rate": library.rate}
    if "text" not in request:
        return told | {"voices": list(library.voices())}, b""
    library.choose(request["voice"], request["words_per_minute"])
    text: str = request["text"]
    sound, events = library.speak(text)
    merged = _merged([at for kind, at, _, _ in events if kind == WORD], request["runs"])
    sounds = {number: library.sounds(text[slice(*request["runs"][number])]) for number in merged}
    return told | {"events": events, "sounds": sounds}, sound


def _merged(places: list[int], runs: list[list[int]]) -> set[int]:
    """The runs without a word event of their own, and those whose event says them."""
    ordered = sorted(places)
    alone = set()
    for number, (start, end) in enumerate(runs):
        at = bisect.bisect_left(ordered, start)
        if at == len(ordered) or ordered[at] >= end:
            alone |= {number - 1, number}
    return alone - {-1}


def main() -> None:
    """Answer once."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    request = json.load(sys.stdin.buffer)
    try:
        told, sound = answer(request)
    except WorkerError as err:
        told, sound = {"error": str(err)}, b""
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n")
    sys.stdout.buffer.write(sound)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
