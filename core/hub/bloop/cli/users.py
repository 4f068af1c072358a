"""``bloop users``: the people of the hub."""

from __future__ import annotations

import click

from bloop.cli.passwords import password


@click.group()
def users() -> None:
    """See and help the people of the hub."""


users.add_command(password)
