"""One try: a signed request behind the guard, and what its answer means."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bloop.webhooks.keys import sign
from bloop_sdk import BloopError, Request, RetriableError
from bloop_sdk._http.outcome import retry_after
from bloop_sdk._http.wire import Transport
from bloop_sdk._masking import mask_text
from bloop_sdk.events import CLOUD_EVENT_TYPE
from bloop_sdk.http import Answer

TOTAL_SECONDS = 15.0
ANSWER_BYTES = 1024
ANSWER_CHARACTERS = 1000
REASON_CHARACTERS = 500
REFUSALS = frozenset({400, 413, 415, 422})
"""Statuses about the very event that was sent, not about the endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a try; without a ``reason`` it was delivered. ``answer`` is its beginning."""

    status: int | None = None
    seconds: float = 0.0
    answer: str | None = None
    reason: str | None = None
    retry_after: float = 0.0
    alone: bool = False
    """Whether another event of its topic was taken before this one failed once more."""

    def told(self, delivery: str) -> dict[str, Any]:
        """What is said of a test that was noted as ``delivery``."""
        return {
            "delivery": delivery,
            "delivered": self.reason is None,
            "status": self.status,
            "duration_ms": round(self.seconds * 1000),
            "answer": self.answer,
            "reason": self.reason,
        }

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing more."""
        return self.status == 410

    @property
    def refused(self) -> bool:
        """Whether the receiver refuses this event, whenever it comes."""
        return self.status in REFUSALS


async def post(
    transport: Transport, url: str, event_id: str, body: bytes, secrets: list[bytes], now: datetime
) -> Outcome:
    """Send an event once; never raises for what the other side does. Redirects are failures."""
    timestamp = int(now.timestamp())
    request = Request(
        url=url,
        method="POST",
        headers={
            "content-type": CLOUD_EVENT_TYPE,
            "accept-encoding": "identity",  # A small answer must not become a large one.
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(secrets, event_id, timestamp, body),
        },
        body=body,
    )
    begin = time.perf_counter()
    answer, start, failed = None, "", None
    try:
        async with transport.open(request, total=TOTAL_SECONDS, idle=TOTAL_SECONDS) as answer:
            start = await _start(answer)
    except BloopError as err:
        failed = err
    # The status says whether it was taken, also where the rest breaks off or does not end.
    if answer is None and failed is not None:
        asked = failed.retry_after if isinstance(failed, RetriableError) else None
        return Outcome(
            seconds=time.perf_counter() - begin,
            reason=mask_text(failed.message)[:REASON_CHARACTERS],
            retry_after=asked or 0.0,
        )
    assert answer is not None, "one that opens gives an answer"
    good = 200 <= answer.status < 300
    return Outcome(
        status=answer.status,
        seconds=time.perf_counter() - begin,
        answer=start or None,
        reason=None if good else _reason(answer.status),
        retry_after=retry_after(answer.headers) or 0.0,
    )


def _reason(status: int) -> str:
    if 300 <= status < 400:
        return f"it answered {status}: redirects are not followed, change the endpoint's URL"
    return f"it answered {status}"


async def _start(answer: Answer) -> str:
    """The first bytes of an answer as text that can be kept and shown; the rest is not read."""
    found = b""
    async for chunk in answer.chunks:
        found += chunk
        if len(found) >= ANSWER_BYTES:
            break
    text = found[: 2 * ANSWER_BYTES].decode("utf-8", "replace")
    kept = "".join(c for c in text if c.isprintable() or c in "\n\t")
    # Masked before it is cut: a cut must not halve a secret, and a mask may be longer than one.
    return mask_text(kept, ANSWER_BYTES)[:ANSWER_CHARACTERS]
