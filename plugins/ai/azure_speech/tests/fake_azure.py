"""A stand-in for Azure Speech: the list of voices, and the WebSocket that its SDK speaks with.

The list is https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech. The
protocol is the one of Microsoft's own open client, microsoft/cognitive-services-speech-sdk-js:
messages with headers, ``turn.start``, ``response``, ``audio.metadata``, ``audio``, ``turn.end``.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import uuid
from pathlib import Path
from xml.etree import ElementTree as ET

from aiohttp import web

from bloop_sdk.testing import reply
from bloop_sdk.testing.voices import LETTER_SECONDS, tones

KEY = "0123456789abcdef0123456789abcdef"
AVA = "en-US-AvaMultilingualNeural"
RATE = 24000
TICKS = 10_000_000
SPEAK = "{http://www.w3.org/2001/10/synthesis}"
PATH = "/cognitiveservices/websocket/v1"
LIST = "/cognitiveservices/voices/list"


def described(name, locale, local, **more):
    return {
        "Name": f"Microsoft Server Speech Text to Speech Voice ({locale}, {name})",
        "DisplayName": local,
        "LocalName": local,
        "ShortName": f"{locale}-{name}",
        "Gender": "Female",
        "Locale": locale,
        "LocaleName": locale,
        "SampleRateHertz": "24000",
        "VoiceType": "Neural",
        "Status": "GA",
        "WordsPerMinute": "150",
        **more,
    }


VOICES = [
    described("NewNeural", "en-US", "New", Status="Preview"),
    described("AvaMultilingualNeural", "en-US", "Ava Multilingual"),
    described("Ava:DragonHDLatestNeural", "en-US", "Ava Dragon HD"),
    described("OldNeural", "en-US", "Old", Status="Deprecated"),
    described("KatjaNeural", "de-DE", "Katja"),
    described("XiaobeiNeural", "zh-CN-liaoning", "晓北"),
]


class FakeAzure:
    """``planned`` are statuses or names of failures, which the next connections meet."""

    def __init__(self, folder: Path | None = None, tls=None) -> None:
        del folder
        self._tls = tls
        self.planned = []
        self.answers = []
        self.documents = []
        self.contexts = []
        self.connections = 0
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.settings = {
            "key": KEY,
            "base_url": f"{'https' if tls else 'http'}://127.0.0.1:{self._port}",
        }
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner = None
        self.away = False
        self.start()

    def start(self):
        self.away = False
        self._do(self._begin())

    def stop(self):
        self.away = True
        self._do(self._runner.cleanup())

    def close(self):
        self._do(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work):
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _begin(self):
        app = web.Application()
        app.router.add_get(PATH, self._connected)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls)
        await site.start()

    async def answer(self, request):
        """What comes over ctx.http: the list."""
        if self.away:
            return reply(b"", status=503)
        if self.answers:
            return self.answers.pop(0)
        assert (request.method, request.url) == ("GET", self.settings["base_url"] + LIST)
        if request.headers["ocp-apim-subscription-key"] != KEY:
            return reply(b"", status=401)
        return reply(VOICES)

    async def _connected(self, request):
        self.connections += 1
        plan = self.planned.pop(0) if self.planned else None
        if isinstance(plan, int):
            return web.Response(status=plan)
        if request.headers.get("Ocp-Apim-Subscription-Key") != KEY:
            return web.Response(status=401)
        ws = web.WebSocketResponse(protocols=("USP",))
        await ws.prepare(request)
        async for message in ws:
            head, _, body = message.data.partition("\r\n\r\n")
            headers = dict(line.split(":", 1) for line in head.split("\r\n"))
            if headers["Path"] == "synthesis.context":
                self.contexts.append(json.loads(body)["synthesis"]["audio"])
            if headers["Path"] == "ssml":
                self.documents.append(body)
                await self._speak(Turn(ws, headers["X-RequestId"]), body, plan, request)
        return ws

    async def _speak(self, turn, document, plan, request):
        root = ET.fromstring(document)
        (voice,) = root.findall(f"{SPEAK}voice")
        if voice.get("name") not in {one["ShortName"] for one in VOICES}:
            reason = f"Unsupported voice {voice.get('name')}."
            await turn.ws.close(code=1007, message=reason[:120].encode())
        elif plan == "bad":
            await turn.ws.close(code=1007, message=f"Bad: {voice.text}"[:120].encode())
        elif plan == "cut":
            request.transport.abort()
        else:
            await turn.begin()
            if plan != "silent":  # Azure's for a text in a language that the voice does not speak.
                await turn.say(voice, plan)
            if plan == "half":
                request.transport.abort()
            else:
                await turn.end()


class Turn:
    """One request of a connection."""

    def __init__(self, ws, request_id):
        self.ws = ws
        self.request_id = request_id
        self.stream_id = uuid.uuid4().hex
        self.ticks = 0

    async def begin(self):
        await self._told("turn.start", {"context": {"serviceTag": "fake"}})
        audio = {"type": "inline", "streamId": self.stream_id}
        await self._told("response", {"context": {"serviceTag": "fake"}, "audio": audio})

    async def say(self, voice, plan):
        """Words as they stand in the text, each letter a tone; silence is 0.1 s at both ends."""
        prosody = voice.find(f"{SPEAK}prosody")
        pace = 1.0 if prosody is None else float(prosody.get("rate"))
        text = "".join(voice.itertext())
        pcm, _ = tones(text, RATE, pace)
        silence = bytes(2 * RATE // 10)
        letter = LETTER_SECONDS / pace
        shapes = []
        for number, found in enumerate(re.finditer(r"\w[\w'’.,]*\w|\w", text)):
            begins, ends = (round((0.1 + at * letter) * TICKS) for at in found.span())
            shapes.append(entry("Viseme", begins, VisemeId=1 + number % 21))
            shapes.append(entry("Viseme", ends, VisemeId=0))
            if plan != "no words":
                await self._told("audio.metadata", {"Metadata": [word(found[0], begins, ends)]})
        for shape in shapes:
            await self._told("audio.metadata", {"Metadata": [shape]})
        for sign in re.finditer(r"[.!?]", text):
            begins = round((0.1 + sign.start() * letter) * TICKS)
            mark = word(sign[0], begins, begins + 500_000, kind="PunctuationBoundary")
            await self._told("audio.metadata", {"Metadata": [mark]})
        sound = silence + pcm + silence
        self.ticks = round(len(sound) / 2 / RATE * TICKS)
        for at in range(0, len(sound), 1 << 16):
            await self._audio(sound[at : at + (1 << 16)])

    async def end(self):
        await self._audio(b"")
        await self._told("audio.metadata", {"Metadata": [entry("SessionEnd", self.ticks)]})
        await self._told("turn.end", {})

    async def _told(self, path, body):
        head = f"X-RequestId:{self.request_id}\r\nContent-Type:application/json; charset=utf-8"
        await self.ws.send_str(f"{head}\r\nPath:{path}\r\n\r\n{json.dumps(body)}")

    async def _audio(self, sound):
        head = f"X-RequestId:{self.request_id}\r\nX-StreamId:{self.stream_id}\r\nPath:audio\r\n"
        data = head.encode()
        await self.ws.send_bytes(len(data).to_bytes(2, "big") + data + sound)


def entry(kind, offset, **more):
    return {"Type": kind, "Data": {"Offset": offset, **more}}


def word(text, begins, ends, kind="WordBoundary"):
    told = {"Text": text, "Length": len(text), "BoundaryType": kind}
    return entry("WordBoundary", begins, Duration=ends - begins, text=told)
