"""``bloop completion bash`` prints what the shell needs; where it goes is its help text."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    r"""Print the completion script of SHELL.

    \b
    bash   bloop completion bash > ~/.local/share/bash-completion/completions/bloop
    zsh    bloop completion zsh > ~/.zfunc/_bloop
    fish   bloop completion fish > ~/.config/fish/completions/bloop.fish
    """
    from bloop.cli.main import cli

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(cli, {}, "bloop", "_BLOOP_COMPLETE").source())
