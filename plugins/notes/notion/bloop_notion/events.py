"""Webhooks: signed hints, aggregated and in no order; the fetched state alone is believed.

A subscription begins with a call that brings its verification token, which somebody pastes into
Notion and which signs all later calls (HMAC-SHA256 over the raw body, ``X-Notion-Signature``). It
is one of the connection's secrets; the plugin's store only knows whether it was pasted.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from bloop_notion.config import NotionConfig
from bloop_notion.fields import dashed, obj, text
from bloop_sdk import AuthError, ConnectionContext, Hint, Kind, Ref, WebhookRequest
from bloop_sdk.records import JSONObject

MAX_TOKEN = 200
_CURE = "make the subscription anew in Notion, with the address that the connection's page shows"


def hints(ctx: ConnectionContext, config: NotionConfig, request: WebhookRequest) -> Sequence[Hint]:
    """What a call hints at; raises AuthError where it is not signed."""
    signature = _signature(request)
    if signature is None:
        raise AuthError("an event came without a signature", cure=_CURE)
    if config.webhook_token is None:
        raise AuthError("there is no verification token yet to verify events with", cure=_CURE)
    key = config.webhook_token.get_secret_value()
    digest = hmac.new(key.encode(), request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"sha256={digest}".encode(), signature.strip().encode()):
        raise AuthError("an event is not signed with this subscription's token", cure=_CURE)
    if ctx.store.get(_name(ctx)) is not None:
        ctx.store.delete(_name(ctx))  # Somebody has pasted it.
    return _hints(_json(request.body))


async def subscribe(ctx: ConnectionContext, config: NotionConfig, request: WebhookRequest) -> bool:
    """Keep the token of a new subscription, unless there is one that works already."""
    event = None if _signature(request) else _json(request.body)
    token = event.get("verification_token") if isinstance(event, dict) else None
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN or not token.isprintable():
        return False
    if config.webhook_token is not None and to_confirm(ctx, config) is None:
        raise AuthError(
            "a new subscription was begun, and the old one still counts",
            cure="set the connection's webhook_token to the new one, or remove it and begin anew",
        )
    await ctx.keep_secrets({"webhook_token": token})
    ctx.store.set(_name(ctx), _digest(token))
    return True


def to_confirm(ctx: ConnectionContext, config: NotionConfig) -> str | None:
    """The token that came with a subscription, until the first event is signed with it."""
    token = config.webhook_token.get_secret_value() if config.webhook_token else ""
    return token if token and ctx.store.get(_name(ctx)) == _digest(token) else None


def _signature(request: WebhookRequest) -> str | None:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return headers.get("x-notion-signature")


def _digest(token: str) -> str:
    """What tells that it is this token, without telling it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _name(ctx: ConnectionContext) -> str:
    return f"webhook/{ctx.connection}"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as err:
        raise AuthError("the call is no event of Notion's", cure=_CURE) from err


def _hints(event: Any) -> list[Hint]:
    """The page or data source of an event; what is about anything else leaves it at a change."""
    if not isinstance(event, dict):
        return []
    own, entity = text(event, "id"), obj(event, "entity")
    name = own or hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()
    about, kind = dashed(entity.get("id")), text(event, "type")
    if text(entity, "type") == "page" and about is not None:
        refs = [Ref(Kind.NOTE, about)]
        if not kind.endswith("content_updated"):
            # Its place or its title may be another too.
            refs.append(Ref(Kind.MODULE, about))
        return [Hint(ref=ref, event_id=f"{name}/{ref.kind}") for ref in refs]
    if text(entity, "type") == "comment":
        return []
    if text(entity, "type") == "block":
        return _page_of(event, name)
    return [Hint(ref=None, event_id=name)]


def _page_of(event: JSONObject, name: str) -> list[Hint]:
    parent = obj(obj(event, "data"), "parent")
    page = dashed(parent.get("id")) if text(parent, "type") == "page" else None
    return [Hint(ref=Ref(Kind.NOTE, page) if page else None, event_id=name)]
