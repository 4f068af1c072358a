from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from bloop.accounts.access import Router
from bloop.accounts.actions import VISIT
from bloop.accounts.http import json_response
from bloop.api.compression import LEAST_BYTES, compressing

TEXT = "the ear and the wave " * 500


def texts() -> Router:
    router = Router(prefix="/texts")

    @router.get("/{kind}", action=VISIT)
    async def show(request: Request, kind: str) -> Response:
        def pieces():
            yield from (TEXT, TEXT)

        return {
            "page": lambda: HTMLResponse(TEXT, headers={"vary": "cookie"}),
            "data": lambda: JSONResponse({"text": TEXT}),
            "long": lambda: HTMLResponse(TEXT * 20),
            "row": lambda: json_response({"text": TEXT}, version=3),
            "short": lambda: HTMLResponse("short"),
            "picture": lambda: Response(TEXT.encode(), media_type="image/png"),
            "part": lambda: HTMLResponse(TEXT, 206, {"content-range": "bytes 0-9/100"}),
            "stream": lambda: StreamingResponse(pieces(), media_type="text/html"),
        }[kind]()

    return router


@pytest.fixture
def extra():
    return [texts()]


@pytest.mark.parametrize("kind", ["page", "data", "long"])
async def test_whole_texts_are_compressed(client, kind):
    answer = await client.get(f"/texts/{kind}")
    assert answer.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in answer.headers["vary"]
    assert int(answer.headers["content-length"]) == answer.num_bytes_downloaded < 2_000
    plain = await client.get(f"/texts/{kind}", headers={"accept-encoding": "br, gzip;q=0"})
    assert "content-encoding" not in plain.headers and plain.content == answer.content


@pytest.mark.parametrize("kind", ["row", "short", "picture", "part", "stream"])
async def test_what_would_lose_by_it_goes_as_it_is(client, kind):
    answer = await client.get(f"/texts/{kind}")
    assert "content-encoding" not in answer.headers


async def test_a_page_keeps_what_it_varies_by(client):
    answer = await client.get("/texts/page")
    assert answer.headers["vary"] == "cookie, accept-encoding"


@pytest.mark.parametrize(
    ("site", "cookie", "packed"),
    [
        ("same-origin", True, True),
        ("none", True, True),
        ("cross-site", True, False),
        ("same-site", True, False),
        (None, True, False),
        ("cross-site", False, False),
        (None, False, True),
    ],
)
async def test_another_site_learns_nothing_from_lengths(client, site, cookie, packed):
    headers = {"sec-fetch-site": site} if site else {}
    if cookie:
        headers["cookie"] = "bloop_session=guessed"
    answer = await client.get("/texts/page", headers=headers)
    assert ("content-encoding" in answer.headers) is packed


async def test_a_problem_after_a_start_without_body_is_told_once():
    sent = []

    async def send(message):
        sent.append(message)

    send_on = compressing(send)
    html = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"text/html")],
    }
    problem = {"type": "http.response.start", "status": 500, "headers": []}
    await send_on(html)
    await send_on(problem)
    await send_on({"type": "http.response.body", "body": b"wrong"})
    assert [one.get("status") for one in sent] == [500, None]


@given(st.binary(min_size=LEAST_BYTES, max_size=4 * LEAST_BYTES))
async def test_every_body_comes_out_again(body):
    sent = []

    async def send(message):
        sent.append(message)

    send_on = compressing(send)
    headers = [(b"content-type", b"text/html"), (b"content-length", b"%d" % len(body))]
    await send_on({"type": "http.response.start", "status": 200, "headers": headers})
    await send_on({"type": "http.response.body", "body": body})
    start, whole = sent
    assert gzip.decompress(whole["body"]) == body
    assert dict(start["headers"])[b"content-length"] == b"%d" % len(whole["body"])
