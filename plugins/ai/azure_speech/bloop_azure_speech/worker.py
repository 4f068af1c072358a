"""The process that speaks: the one place where Azure's native SDK is loaded.

It is run by its path, in isolation, and imports nothing of Bloop. A request is a JSON object on a
line: ``key``, ``region`` or ``endpoint``, and ``ssml``, the documents to be spoken. The answer is
another one, and behind it as many bytes of sound as it says. The process ends when nothing more
comes: when its parent has closed the pipe, is gone, or has had nothing to say for a while.
"""

from __future__ import annotations

import json
import os
import resource
import select
import threading
from collections.abc import Iterator
from typing import Any

IDLE_SECONDS = 60.0
LOOK_SECONDS = 5.0
"""How often it looks whether its parent is still there."""
LAST_SECONDS = 10.0
"""Events may come behind the result for so long."""


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """What is said when in each document, or how Azure refuses one."""
    import azure.cognitiveservices.speech as sdk

    config = sdk.SpeechConfig(
        subscription=request["key"],
        region=request.get("region"),
        endpoint=request.get("endpoint"),
    )
    config.set_speech_synthesis_output_format(sdk.SpeechSynthesisOutputFormat.Raw24Khz16BitMonoPcm)
    speaker = Speaker(sdk, sdk.SpeechSynthesizer(config, audio_config=None))
    parts, sound = [], bytearray()
    for document in request["ssml"]:
        part, pcm = speaker.say(document)
        if "error" in part:
            return part, b""
        parts.append(part)
        sound += pcm
    return {"parts": parts}, bytes(sound)


class Speaker:
    """A synthesizer, and the events of what it speaks at the moment."""

    def __init__(self, sdk: Any, synthesizer: Any) -> None:
        self._sdk = sdk
        self._synthesizer = synthesizer
        self._words: list[tuple[str, int, int]] = []
        self._visemes: list[tuple[int, int]] = []
        self._over = threading.Event()
        synthesizer.synthesis_word_boundary.connect(self._on_word)
        synthesizer.viseme_received.connect(self._on_viseme)
        synthesizer.synthesis_completed.connect(self._on_end)
        synthesizer.synthesis_canceled.connect(self._on_end)

    def say(self, document: str) -> tuple[dict[str, Any], bytes]:
        """Words and visemes in ticks of 100 ns, and the sound; or the kind of an error."""
        self._words, self._visemes = [], []
        self._over.clear()
        result = self._synthesizer.speak_ssml_async(document).get()
        self._over.wait(LAST_SECONDS)
        if result.reason != self._sdk.ResultReason.SynthesizingAudioCompleted:
            details = result.cancellation_details
            return {"error": details.error_code.name, "details": details.error_details}, b""
        pcm = bytes(result.audio_data)
        part = {"words": self._words, "visemes": self._visemes, "bytes": len(pcm)}
        return part, pcm

    def _on_word(self, event: Any) -> None:
        if event.boundary_type == self._sdk.SpeechSynthesisBoundaryType.Word:
            ticks = round(event.duration.total_seconds() * 10_000_000)
            self._words.append((event.text, event.audio_offset, ticks))

    def _on_viseme(self, event: Any) -> None:
        self._visemes.append((event.viseme_id, event.audio_offset))

    def _on_end(self, _event: Any) -> None:
        self._over.set()


def requests() -> Iterator[dict[str, Any]]:
    """What is asked, until nothing more can come, or has come for long."""
    parent = os.getppid()
    buffer, waited = bytearray(), 0.0
    while True:
        at = buffer.find(b"\n")
        if at >= 0:
            line, waited = bytes(buffer[:at]), 0.0
            del buffer[: at + 1]
            yield json.loads(line)
            continue
        ready, _, _ = select.select([0], [], [], LOOK_SECONDS)
        if ready:
            data = os.read(0, 1 << 20)
            if not data:
                return
            buffer += data
            continue
        waited += LOOK_SECONDS
        if waited >= IDLE_SECONDS or os.getppid() != parent:
            return


def main() -> None:
    """Answer until the end."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # A core would hold keys.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What libraries print is no answer.
    for request in requests():
        try:
            told, sound = answer(request)
        except ImportError as err:
            told, sound = {"missing": str(err)}, b""
        except Exception as err:  # noqa: BLE001 - told to the parent by its kind alone
            told, sound = {"error": type(err).__name__, "details": ""}, b""
        told["bytes"] = len(sound)
        out.write(json.dumps(told).encode() + b"\n" + sound)
        out.flush()


if __name__ == "__main__":
    main()
