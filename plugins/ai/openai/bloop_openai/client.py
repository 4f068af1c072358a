"""The SDK's client, sending through the hub."""

from __future__ import annotations

import logging

import httpx2
from openai import AsyncOpenAI

from bloop_openai.config import OpenAIConfig
from bloop_sdk import CallContext
from bloop_sdk.bridges.httpx2 import AsyncTransport

# When it debugs, the SDK logs what it sends: prompts have no business in a log.
logging.getLogger("openai").setLevel(logging.INFO)


def open_client(ctx: CallContext, config: OpenAIConfig) -> AsyncOpenAI:
    """A client that tries nothing again, and takes nothing from the hub's environment."""
    client = AsyncOpenAI(
        # A server that needs no key gets one that means nothing.
        api_key=config.api_key.get_secret_value() if config.api_key else "none",
        base_url=str(config.base_url),
        max_retries=0,
        timeout=config.timeout,
        http_client=httpx2.AsyncClient(transport=AsyncTransport(ctx.http)),
    )
    client.organization = config.organization or None
    client.project = config.project or None
    return client
