"""``bloop users``: people of the hub's first institution."""

from __future__ import annotations

import click

from bloop.cli.mfa import reset_mfa


@click.group()
def users() -> None:
    """Look after people's accounts."""


users.add_command(reset_mfa)
