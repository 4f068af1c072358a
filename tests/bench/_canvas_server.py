"""A Canvas for benchmarks: a process of its own, 20 ms away, that enforces Canvas's throttle.

    python _canvas_server.py MODULES ITEMS PAGES     # prints its address

Answers are those of the plugin's fake (plugins/lms/canvas/tests), written once for each address.
Every token has a leaky bucket of its own, as in Canvas. ``POST /control`` with ``{"edit": N}``
changes a page; ``GET /control`` gives, and forgets, what was asked: ``{"requests", "refused"}``.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import orjson
from aiohttp import web

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from bloop_sdk import Request  # noqa: E402
from plugins.lms.canvas.tests.fake_canvas import ADDRESS, FakeCanvas, Sizes, Throttle  # noqa: E402

LATENCY_SECONDS = 0.02
COST = 0.5
MOST_KEPT = 2000
"""So many answers are kept; a course with more is written anew each time."""

_WORDS = (
    *("wave", "energy", "light", "sound", "medium", "frequency", "amplitude", "surface"),
    *("boundary", "reflection", "diffraction", "interference", "source", "observer", "motion"),
    *("velocity", "pressure", "temperature", "density", "crest", "trough"),
)


def body_of(number: int, kilobytes: tuple[int, int] = (2, 5)) -> str:
    """A lesson's HTML, of some kilobytes: headings, lists, links, a table and a picture."""
    chance = random.Random(number)
    size = chance.randint(kilobytes[0] * 1000, kilobytes[1] * 1000)

    def text(words: int) -> str:
        return " ".join(chance.choice(_WORDS) for _ in range(words)).capitalize() + "."

    parts = [f"<h2>{text(4)}</h2>"]
    link = f'<a href="{ADDRESS}/courses/1/pages/page-{chance.randint(101, 1100)}">{text(3)}</a>'
    kinds = [
        lambda: f"<p>{text(25)} <strong>{text(2)}</strong> {text(12)} {link}</p>",
        lambda: f'<p><span style="font-size: 14pt;">{text(18)}</span> {text(14)}</p>',
        lambda: "<ul>" + "".join(f"<li>{text(8)}</li>" for _ in range(5)) + "</ul>",
        lambda: f'<p><img src="{ADDRESS}/courses/1/files/71/preview" alt="{text(3)}" /></p>',
        lambda: f"<table><tbody><tr><td>{text(4)}</td><td>{text(4)}</td></tr></tbody></table>",
    ]
    while sum(map(len, parts)) < size:
        parts.append(chance.choices(kinds, weights=(5, 3, 2, 1, 1))[0]())
    return "".join(parts)


def course_of(modules: int, items: int, pages: int) -> FakeCanvas:
    """A course whose items show its pages, each once while there are enough."""
    fake = FakeCanvas(Sizes(modules=modules, items=0, pages=pages, assignments=0, quizzes=0))
    course = fake.courses[1]
    small = (0, 1) if pages > MOST_KEPT else (2, 5)
    for number, page in enumerate(course.lists["pages"]):
        page["body"] = body_of(number, small)
    for number, module in enumerate(course.lists["modules"]):
        course.items[module["id"]] = [
            {
                "id": 500_000 + (at := number * items + place),
                "title": f"Page {at}",
                "position": place + 1,
                "indent": 0,
                "module_id": module["id"],
                "published": True,
                "html_url": f"{ADDRESS}/courses/1/modules/items/{500_000 + at}",
                "type": "Page",
                "page_url": course.lists["pages"][at % pages]["url"],
            }
            for place in range(items)
        ]
    fake.tokens = _Anybody()  # type: ignore[assignment]
    return fake


class _Anybody(dict[str, str]):
    """Every token is one."""

    def __contains__(self, _token: object) -> bool:
        return True


@dataclass
class Server:
    """Answers over HTTP."""

    fake: FakeCanvas

    def __post_init__(self) -> None:
        self.address = ""
        self.requests = self.refused = 0
        self._kept: dict[str, tuple[bytes, dict[str, str]]] = {}
        self._throttles: defaultdict[str, Throttle] = defaultdict(Throttle)

    async def answer(self, request: web.Request) -> web.Response:
        """Behind the token's bucket, after the latency."""
        throttle = self._throttles[request.headers.get("Authorization", "")]
        self.requests += 1
        if not throttle.enter():
            self.refused += 1
            return web.Response(status=429, text="403 Forbidden (Rate Limit Exceeded)\n")
        began = time.perf_counter()
        status, (body, headers) = self._answer(request)
        await asyncio.sleep(LATENCY_SECONDS - (time.perf_counter() - began))
        left = throttle.leave(COST)
        told = {"X-Request-Cost": str(COST), "X-Rate-Limit-Remaining": f"{left:.4f}"}
        return web.Response(status=status, body=body, headers=headers | told)

    def _answer(self, request: web.Request) -> tuple[int, tuple[bytes, dict[str, str]]]:
        if (kept := self._kept.get(request.path_qs)) is not None:
            return 200, kept
        params = {
            name: values if name.endswith("[]") else values[-1]
            for name, values in parse_qs(request.query_string).items()
        }
        asked = Request(
            url=ADDRESS + request.path_qs, headers={"authorization": "Bearer x"}, params=params
        )
        found = self.fake.respond(asked)
        self.fake.requests.clear()
        headers = {"Content-Type": found.headers["content-type"]}
        if "link" in found.headers:
            headers["Link"] = found.headers["link"].replace(ADDRESS, self.address)
        made = found.body.replace(ADDRESS.encode(), self.address.encode()), headers
        if found.status == 200 and len(self._kept) < MOST_KEPT:
            self._kept[request.path_qs] = made
        return found.status, made

    async def control(self, request: web.Request) -> web.Response:
        """Change the course, or tell what was asked of it."""
        if request.method == "POST":
            page = self.fake.courses[1].lists["pages"][(await request.json())["edit"]]
            page |= {"body": f"{page['body']}<p>Edited.</p>", "updated_at": "2026-05-04T09:00:00Z"}
            self._kept.clear()
        told: dict[str, Any] = {"requests": self.requests, "refused": self.refused}
        self.requests = self.refused = 0
        return web.json_response(told)


async def _serve(sizes: list[int]) -> None:
    server = Server(course_of(*sizes))
    app = web.Application()
    app.router.add_route("*", "/control", server.control)
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    print(server.address, flush=True)
    await asyncio.Event().wait()


@contextmanager
def canvas(modules: int, items: int, pages: int) -> Iterator[str]:
    """A server with such a course; gives its address."""
    command = [sys.executable, __file__, str(modules), str(items), str(pages)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


def control(address: str, **change: Any) -> dict[str, int]:
    """What was asked since the last time; with ``edit=N`` page N is changed."""
    import urllib.request

    data = orjson.dumps(change) if change else None
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/control", data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        told: dict[str, int] = orjson.loads(answer.read())
    return told


if __name__ == "__main__":
    asyncio.run(_serve([int(one) for one in sys.argv[1:]]))
