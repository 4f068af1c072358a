"""``bloop users``: people's accounts."""

from __future__ import annotations

import click

from bloop.cli.privacy import erase, export


@click.group()
def users() -> None:
    """Hand a person's data out, or erase it."""


users.add_command(export)
users.add_command(erase)
