"""``bloop keys``: the keys of programs, and of the hub itself."""

from __future__ import annotations

import click

from bloop.cli import api_keys


@click.group()
def keys() -> None:
    """Make and revoke API keys; rotate the keys that sign."""


for _command in (api_keys.list_keys, api_keys.create, api_keys.revoke, api_keys.rotate_signing):
    keys.add_command(_command)
