"""``--plugin DIR``: run a plugin from the folder it is written in."""

from __future__ import annotations

from pathlib import Path

import click


def _use(ctx: click.Context, _param: click.Parameter, paths: tuple[Path, ...]) -> None:
    """Take the folders up, and say which installed plugins they hide."""
    if not paths:
        return
    from bloop.kernel.discovery import scan
    from bloop.kernel.folders import read_folder, use_folder
    from bloop.ops.serve import forgive_plugins

    folders = [read_folder(path) for path in paths]
    installed = scan().plugins
    for folder in folders:
        use_folder(folder)
        for plugin in folder.points:
            other = installed.get(plugin)
            if other is None or (other.package and other.package.is_relative_to(folder.path)):
                continue
            click.echo(
                f"{plugin} runs from {folder.path}, "
                f"in place of the installed {other.distribution} {other.version}",
                err=True,
            )
    forgive_plugins(ctx.find_root().obj)


plugin_option = click.option(
    "--plugin",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    callback=_use,
    expose_value=False,
    help="Run the plugin in DIR from there, enabled but not installed; can be repeated.",
)
"""Takes the folders up before the command begins; it is handed no value."""
