"""``bloop elevenlabs voices``."""

from __future__ import annotations

import click

from bloop_sdk import CallContext


@click.command()
@click.argument("language", default="")
@click.pass_obj
async def voices(ctx: CallContext, language: str) -> None:
    """List the voices of the account, or those of a LANGUAGE such as de."""
    from bloop_elevenlabs.provider import ElevenLabsVoices

    for voice in await ElevenLabsVoices(ctx).voices():
        if not language or voice.language.split("-")[0] == language:
            click.echo(f"{voice.id:28} {voice.language:10} {voice.name}")
