"""``bloop piper say`` and ``bloop piper voices``."""

from __future__ import annotations

from pathlib import Path

import click

from bloop_sdk import CallContext, ConfigError
from bloop_sdk.speech import write_wav


@click.command()
@click.argument("text")
@click.option("--voice", default="", help="Id of a voice; without it the first one.")
@click.option("--pace", default=1.0, show_default=True, type=click.FloatRange(0.5, 2.0))
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="WAV."
)
@click.pass_obj
async def say(ctx: CallContext, text: str, voice: str, pace: float, output: Path) -> None:
    """Speak TEXT into a WAV file, and tell when each word is said."""
    from bloop_piper.provider import PiperVoices

    provider = PiperVoices(ctx)
    if not voice:
        found = await provider.voices()
        if not found:
            raise ConfigError("no voice is installed", cure="pip install 'bloop-piper[joe]'")
        voice = found[0].id
    speech = await provider.synthesize(text, voice, pace)
    write_wav(speech, output)
    for word in speech.words:
        click.echo(f"{word.begins:8.3f} {word.ends:8.3f}  {text[word.start : word.end]}")
    click.echo(f"{output}: {speech.seconds:.3f} s")


@click.command()
@click.argument("language", default="")
@click.pass_obj
async def voices(ctx: CallContext, language: str) -> None:
    """List the voices, or those of a LANGUAGE such as de."""
    from bloop_piper.provider import PiperVoices

    for voice in await PiperVoices(ctx).voices():
        if not language or voice.language.split("-")[0] == language:
            click.echo(f"{voice.id:32} {voice.language:8} {voice.name}")
