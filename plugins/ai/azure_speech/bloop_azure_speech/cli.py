"""``bloop azure_speech voices``."""

from __future__ import annotations

import click

from bloop_sdk import CallContext


@click.command()
@click.argument("language", default="")
@click.pass_obj
async def voices(ctx: CallContext, language: str) -> None:
    """List the voices of the region, or those of a LANGUAGE such as de."""
    from bloop_azure_speech.provider import AzureVoices

    for voice in await AzureVoices(ctx).voices():
        if not language or voice.language.split("-")[0] == language:
            click.echo(f"{voice.id:40} {voice.language:10} {voice.name}")
