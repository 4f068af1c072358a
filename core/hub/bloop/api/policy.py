"""Why somebody may do something or may not, for admins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop_sdk import Role

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1/policy", tags=["accounts"])

Text = Annotated[str, Field(max_length=400)]


class PolicyOut(BaseModel):
    """A policy that decided; ``plugin`` is who contributed it."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str = Field(examples=["educator"])
    effect: str = Field(examples=["permit"])
    words: str = Field(examples=["educators may do this, and so does everybody above them"])
    plugin: str | None


class FactorOut(BaseModel):
    """One of what has to agree: the ``user``, the ``token``, the ``plugin`` that acts for them."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    factor: str = Field(examples=["user"])
    allowed: bool
    policies: list[PolicyOut]
    missing: str | None = Field(description="What would be needed, in words")
    needs: Role | None = Field(description="The least role that would do")


class ExplainedUser(BaseModel):
    """Whom it is about."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    name: str
    role: Role
    disabled: bool


class ExplainedResource(BaseModel):
    """What it is done to."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    kind: str = Field(examples=["Item"])
    id: str
    published: bool | None


class Explanation(BaseModel):
    """Whether it is allowed, and why: it is when all factors agree."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    allowed: bool
    action: str
    user: ExplainedUser
    resource: ExplainedResource
    factors: list[FactorOut]


@router.get("/explain", action="policy:read", response_model=Explanation, problems=(404, 422))
async def explain_policy(
    request: Request,
    user: Text,
    action: Text,
    resource: Text = "",
    scopes: Text = "",
    plugin: Text = "",
) -> Response:
    """Whether ``user`` (id, e-mail address or ``guest``) may do ``action`` to ``resource``.

    ``resource`` is ``kind:id`` (``item``, ``container``, ``job``, ...) or, left out, the
    institution; ``scopes`` are those of a token, with spaces between; ``plugin`` acts for the user.
    """
    return json_response(await explained(request, user, action, resource, scopes, plugin))


async def explained(
    request: Request, user: str, action: str, resource: str, scopes: str, plugin: str
) -> dict[str, Any]:
    """The explanation that a request asks for."""
    from bloop.hub.explaining import Question, explain

    asked = Question(user, action, resource, scopes.split() if scopes else None, plugin or None)
    return await asyncio.to_thread(explain, cast("Hub", hub_of(request)), call_of(request), asked)
