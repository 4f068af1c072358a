"""Bodies made to hurt get a clear refusal and change nothing."""

from __future__ import annotations

import pytest

DEEP = 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'{"title": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"title": "x", "title": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}",
        b'{"title": 1' + b"0" * 200_000 + b"}",
        b'{"title": "\\ud800"}',
        b'{"title": NaN}',
        b"\xff\xfe{}",
        b'{"title": "x"',
        b"",
    ],
    ids=["lists", "objects", "field", "900 deep", "long", "half a pair", "NaN", "BOM", "cut", "no"],
)
async def test_json_that_is_no_json_or_too_deep(operator, body):
    headers = {"content-type": "application/json"}
    answer = await operator.post("/api/v1/containers", content=body, headers=headers)
    assert answer.status_code in {400, 413, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await operator.get("/api/v1/containers")).json()["items"] == []


async def test_a_body_longer_than_a_route_takes(operator):
    answer = await operator.post("/api/v1/containers", content=b" " * (1024 * 1024 + 1))
    assert answer.status_code == 413
