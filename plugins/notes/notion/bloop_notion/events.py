"""Webhooks: signed hints, aggregated and in no order; the fetched state alone is believed.

A subscription begins with a call that brings its verification token, which somebody pastes into
Notion and which signs all later calls (HMAC-SHA256 over the raw body, ``X-Notion-Signature``).
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
_CURE = (
    "make the subscription anew in Notion, and paste the token that checking the connection shows"
)


def hints(ctx: ConnectionContext, config: NotionConfig, request: WebhookRequest) -> Sequence[Hint]:
    """What a call hints at; raises AuthError where it is not signed."""
    signature = {name.lower(): value for name, value in request.headers.items()}.get(
        "x-notion-signature"
    )
    event = _json(request.body)
    key = _token(ctx, config)
    if signature is None:
        _begin(ctx, config, event)
        return []
    if key is None:
        raise AuthError("there is no verification token yet to verify events with", cure=_CURE)
    digest = hmac.new(key.encode(), request.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(f"sha256={digest}".encode(), signature.strip().encode()):
        raise AuthError("an event is not signed with this subscription's token", cure=_CURE)
    kept = ctx.store.get(_name(ctx))
    if isinstance(kept, dict) and not kept.get("confirmed"):
        ctx.store.set(_name(ctx), {**kept, "confirmed": True})
    return _hints(event)


def to_confirm(ctx: ConnectionContext, config: NotionConfig) -> str | None:
    """What somebody has to do about a subscription that has begun."""
    kept = ctx.store.get(_name(ctx))
    if config.webhook_token is not None or not isinstance(kept, dict) or kept.get("confirmed"):
        return None
    return f"webhooks, until you paste this verification token into Notion: {kept.get('token')}"


def _begin(ctx: ConnectionContext, config: NotionConfig, event: Any) -> None:
    """Keep the token of a new subscription, unless there is one that works already."""
    token = event.get("verification_token") if isinstance(event, dict) else None
    kept = ctx.store.get(_name(ctx))
    confirmed = isinstance(kept, dict) and kept.get("confirmed")
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN or not token.isprintable():
        raise AuthError("an event came without a signature", cure=_CURE)
    if config.webhook_token is not None or confirmed:
        raise AuthError(
            "a new subscription was begun, and the old one still counts",
            cure="set webhook_token of the connection to the new token",
        )
    ctx.store.set(_name(ctx), {"token": token, "confirmed": False})


def _token(ctx: ConnectionContext, config: NotionConfig) -> str | None:
    if config.webhook_token is not None:
        return config.webhook_token.get_secret_value()
    kept = ctx.store.get(_name(ctx))
    token = kept.get("token") if isinstance(kept, dict) else None
    return token if isinstance(token, str) else None


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
