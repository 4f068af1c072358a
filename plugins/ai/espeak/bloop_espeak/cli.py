"""``bloop espeak say`` and ``bloop espeak voices``."""

from __future__ import annotations

from pathlib import Path

import click

from bloop_sdk import CallContext
from bloop_sdk.speech import write_wav


@click.command()
@click.argument("text")
@click.option("--voice", default="en-us", show_default=True, help="Id of a voice.")
@click.option("--pace", default=1.0, show_default=True, type=click.FloatRange(0.5, 2.0))
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="WAV."
)
@click.pass_obj
async def say(ctx: CallContext, text: str, voice: str, pace: float, output: Path) -> None:
    """Speak TEXT into a WAV file, and tell when each word is said."""
    from bloop_espeak.provider import EspeakVoices

    speech = await EspeakVoices(ctx).synthesize(text, voice, pace)
    write_wav(speech, output)
    for word in speech.words:
        click.echo(f"{word.begins:8.3f} {word.ends:8.3f}  {text[word.start : word.end]}")
    click.echo(f"{output}: {speech.seconds:.3f} s")


@click.command()
@click.argument("language", default="")
@click.pass_obj
async def voices(ctx: CallContext, language: str) -> None:
    """List the voices, or those of a LANGUAGE such as de."""
    from bloop_espeak.provider import EspeakVoices

    for voice in await EspeakVoices(ctx).voices():
        if not language or voice.language.split("-")[0] == language:
            click.echo(f"{voice.id:24} {voice.language:22} {voice.name}")
