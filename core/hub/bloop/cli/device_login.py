"""A login by code: what to type where, and waiting until somebody has."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import click

from bloop.cli.output import plain
from bloop_sdk import AuthError, RateLimitedError

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop_sdk import Call


async def can_log_in(hub: Hub, call: Call, connection: str) -> bool:
    """Whether a connection's credential can come from a login by code."""
    from bloop.hub.connections import open_provider

    return (await open_provider(hub, call, connection)).can_authorize_device()


async def log_in(hub: Hub, call: Call, connection: str) -> None:
    """Show a code, and wait until it was typed; raises AuthError where nobody comes."""
    from bloop.hub.authorizing import begin_device, poll_device

    login = await begin_device(hub, call, connection)
    until, pause = time.monotonic() + login.expires_in, login.interval
    click.echo(f"Open {plain(login.verification_url)}", err=True)
    click.echo(f"and type the code {plain(login.user_code)}", err=True)
    click.echo(f"It is good for {login.expires_in / 60:.0f} minutes; waiting ...", err=True)
    while time.monotonic() < until:
        await asyncio.sleep(pause)
        try:
            if await poll_device(hub, call, connection, login) is not None:
                return
        except RateLimitedError:
            pause += 5.0  # RFC 8628, 3.5
    raise AuthError("nobody logged in in time", code="login_expired", cure="begin again")
