"""A stand-in for ElevenLabs' API, after its documentation."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from pathlib import Path

from bloop_sdk.testing import reply
from bloop_sdk.testing.voices import tones

KEY = "sk_0123456789abcdef"
VOICES = [
    {
        "voice_id": "JBFqnCBsd6RMkjVDRZzb",
        "name": "George",
        "category": "premade",
        "labels": {"accent": "british", "language": "en", "gender": "male"},
        "verified_languages": [
            {"language": "en", "model_id": "eleven_multilingual_v2", "locale": "en-GB"},
            {"language": "de", "model_id": "eleven_multilingual_v2", "locale": "de-DE"},
            {"language": "fr", "model_id": "eleven_turbo_v2_5", "locale": "fr-FR"},
        ],
    },
    {"voice_id": "EXAVITQu4vr4xnSDxMaL", "name": "Our  headmaster", "labels": {}},
    {"voice_id": "onwK4e9ZLuTAKqWW03F9", "name": "Daniel", "labels": {"language": "de"}},
]
BREAK = re.compile(r"<break time=\"([0-9.]+)s\" ?/>")


def error(status, code, kind, message):
    """As https://elevenlabs.io/docs/eleven-api/resources/errors tells of errors."""
    detail = {"type": kind, "code": code, "message": message, "status": code, "request_id": "42"}
    return reply({"detail": detail}, status=status)


class FakeElevenLabs:
    """https://elevenlabs.io/docs/api-reference: voices (v2), and speech with timestamps."""

    def __init__(self, folder: Path | None = None) -> None:
        del folder
        self.settings = {"api_key": KEY}
        self.requests = []
        self.said = []
        self.planned = []
        self.away = False

    def stop(self):
        self.away = True

    def start(self):
        self.away = False

    def close(self):
        pass

    async def answer(self, request):
        self.requests.append(request)
        if self.away:
            return error(503, "service_unavailable", "service_unavailable", "Try again later.")
        if self.planned:
            return self.planned.pop(0)
        if request.headers.get("xi-api-key") != KEY:
            return error(401, "invalid_api_key", "authentication_error", "Invalid API key")
        path = request.url.partition("?")[0].removeprefix("https://api.elevenlabs.io")
        if (request.method, path) == ("GET", "/v2/voices"):
            return self._voices(request.params)
        spoken = re.fullmatch(r"/v1/text-to-speech/([^/]+)/with-timestamps", path)
        assert request.method == "POST" and spoken, f"{request.method} {path}"
        return self._speech(spoken[1], request.params, request.json_body)

    def _voices(self, params):
        """A page; that its size is a hint makes two pages of it here."""
        assert int(params["page_size"]) <= 100
        start = int(params.get("next_page_token", 0))
        end = start + 2
        more = end < len(VOICES)
        return reply(
            {
                "voices": VOICES[start:end],
                "has_more": more,
                "total_count": 0,
                "next_page_token": str(end) if more else None,
            }
        )

    def _speech(self, voice, params, body):
        if voice not in {one["voice_id"] for one in VOICES}:
            return error(404, "voice_not_found", "not_found", f"No voice {voice}.")
        text, speed = body["text"], body["voice_settings"]["speed"]
        assert params["output_format"] == "pcm_24000"
        if not 0.7 <= speed <= 1.2:
            return error(400, "invalid_voice_settings", "validation_error", "Invalid speed")
        if not text.strip():
            return error(400, "empty_text", "validation_error", "Text must not be empty.")
        if len(text) > 10_000:
            return error(400, "text_too_long", "validation_error", f"{text} is too long.")
        if body["model_id"] == "eleven_multilingual_v2" and "language_code" in body:
            return error(400, "invalid_parameters", "validation_error", "No language_code.")
        self.said.append(body)
        # A pause that is asked for is made, and no character of it is said.
        shown = BREAK.sub(lambda found: " " * round(float(found[1]) / 0.06), text)
        pcm, times = tones(shown, 24000, speed)
        alignment = {
            "characters": list(shown),
            "character_start_times_seconds": [round(begin, 3) for begin, _ in times],
            "character_end_times_seconds": [round(end, 3) for _, end in times],
        }
        return reply(
            {
                "audio_base64": base64.b64encode(pcm).decode(),
                "alignment": alignment,
                "normalized_alignment": alignment,
            }
        )


def changed(response, **changes):
    """An answer of the fake with other parts; None takes one away."""
    body = {**json.loads(response.body), **changes}
    kept = {name: value for name, value in body.items() if value is not None}
    return dataclasses.replace(response, body=json.dumps(kept).encode())
