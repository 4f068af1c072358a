"""``bloop video`` and ``bloop studio``."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, BinaryIO

import click

from bloop_sdk import BloopError, CommandContext
from bloop_sdk.storyboard import Storyboard, read_storyboard
from bloop_studio import asking, storyboards, videos, views, voicing
from bloop_studio import logo as logos
from bloop_studio.access import storyboard_of
from bloop_studio.api import read_options
from bloop_studio.config import config_of, defaults
from bloop_studio.script import from_markdown, to_markdown
from bloop_studio.tables import Video

LOOK_SECONDS = 0.3
WORDS = {
    "storyboard": "storyboard",
    "speech": "speech",
    "scenes": "scenes",
    "composing": "putting together",
}


@click.command()
@click.argument("lesson")
@click.option("--storyboard", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Draw this storyboard (JSON or Markdown), not the lesson's own.")  # fmt: skip
@click.option("--storyboarder", help="Who writes it: a plugin's id, or `model`.")
@click.option("--voice", help="Who speaks, as plugin:voice; see bloop studio voices.")
@click.option("--pace", type=float, help="How fast the voice speaks, from 0.5 to 2.")
@click.option("--quality", type=click.Choice(["480p", "720p", "1080p", "1440p"]))
@click.option("--fps", type=click.Choice(["30", "60"]))
@click.option("--aspect", type=click.Choice(["16:9", "9:16", "1:1"]))
@click.option("--theme", type=click.Choice(["light", "dark", "contrast"]))
@click.option("--again", is_flag=True, help="Put it together again; pieces that are there stay.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False),
              help="Write the video here, and its captions beside it.")  # fmt: skip
@click.option("--no-wait", is_flag=True, help="Have it made in the background.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_obj
async def video(
    ctx: CommandContext,
    /,
    *,
    lesson: str,
    storyboard: Path | None,
    again: bool,
    output: Path | None,
    no_wait: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Make a narrated video of LESSON, which is its id (see `bloop content show`).

    A running hub does it, where there is one, and otherwise this command. What was made before is
    found again: a second call draws only what has changed.
    """
    _check_target(output)
    wanted = {key: int(value) if key == "fps" else value for key, value in given.items() if value}
    options = read_options(wanted, defaults(config_of(ctx)))
    async with ctx.working():
        item = await ctx.content.item(lesson)
        number = None
        if storyboard:
            number = (await asking.write(ctx, item, read_file(storyboard), None)).number
        row = await asking.ask(ctx, item, options, number=number, again=again)
        if not no_wait:
            row = await _followed(ctx, row)
    if row.state == "ready" and output:
        await _save(ctx, row, output)
    if as_json:
        click.echo(json.dumps(views.video(row)))
    else:
        _print(row, output)
    if row.state == "failed":
        raise SystemExit(1)


def _check_target(output: Path | None) -> None:
    if output and (not output.parent.is_dir() or output.is_dir()):
        raise click.BadParameter(f"{output.parent} is no folder", param_hint="--output")


async def _followed(ctx: CommandContext, row: Video) -> Video:
    with ctx.bar(row.title[:40]) as told:
        while row.state in WORDS:
            told(row.done, row.total or None, WORDS[row.state])
            await asyncio.sleep(LOOK_SECONDS)
            found = await ctx.read(videos.one, row.id)
            if found is None:
                raise click.ClickException("somebody removed this video meanwhile")
            row = found
    return row


async def _save(ctx: CommandContext, row: Video, output: Path) -> None:
    files = row.files or {}
    for file, target in (
        ("video.mp4", output),
        ("captions.vtt", output.with_suffix(".vtt")),
        ("captions.srt", output.with_suffix(".srt")),
    ):
        if file not in files:
            continue  # It was made before there was one.
        part = target.with_name(f".{target.name}.part")
        await ctx.files.save(files[file], part)
        part.replace(target)


def _print(row: Video, output: Path | None) -> None:
    if row.state == "failed":
        error = row.error or {}
        click.secho("✗ ", fg="red", nl=False)
        click.echo(error.get("message", "it failed"))
        if error.get("cure"):
            click.echo(f"  → {error['cure']}")
        return
    if row.state != "ready":
        click.echo(f"Asked for: {row.id}. See how far it is on the page of the lesson.")
        return
    report = row.report or {}
    click.secho(f"{row.title} ", bold=True, nl=False)
    click.echo(f"is a video of {_clock(row.seconds or 0)}")
    drawn, reused = report.get("drawn", 0), report.get("reused", 0)
    click.echo(f"  {drawn} scenes drawn, {reused} found again; {_spoken(report)}")
    for one in report.get("degraded", ()):
        click.secho(f"! scene {one['scene']} became a title card: {one['reason']}", fg="yellow")
    for one in (one for one in report.get("faults", ()) if not one["mended"]):
        click.secho(f"! scene {one['scene']}: {one['message']}", fg="yellow")
    if output:
        click.echo(f"  {output}")


def _spoken(report: dict[str, Any]) -> str:
    voice = report.get("speech", {}).get("voice")
    took = sum(report.get("seconds", {}).values())
    return f"{f'spoken by {voice}' if voice else 'silent'}, in {took:.1f} s"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.pass_obj
async def voices(ctx: CommandContext, *, as_json: bool) -> None:
    """List who can speak."""
    found = views.voices(await voicing.voices(ctx))
    if as_json:
        click.echo(json.dumps(found))
        return
    for one in found:
        traits = [name for name in ("natural", "exact", "metered") if one[name]]
        click.echo(f"{one['language']:<10} {one['voice']:<32} {one['name']}  {', '.join(traits)}")
    if not found:
        click.echo("Nobody yet.\n  → bloop plugins enable espeak")


@click.command()
@click.argument("lesson")
@click.option("--write", "source", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Replace it by this file (JSON or Markdown).")  # fmt: skip
@click.option("--draft", is_flag=True, help="Have it drafted anew.")
@click.option("--restore", type=click.IntRange(1, 10**8), metavar="VERSION",
              help="Keep an earlier version once more, as the newest.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of Markdown.")
@click.pass_obj
async def storyboard(
    ctx: CommandContext,
    *,
    lesson: str,
    source: Path | None,
    draft: bool,
    restore: int | None,
    as_json: bool,
) -> None:
    """Print the storyboard of LESSON as Markdown, which can be edited and written back."""
    item = await ctx.content.item(lesson)
    found = await storyboard_of(ctx, item)
    newest = await ctx.read(storyboards.newest, item.id)
    over = newest.number if newest else 0
    if restore:
        found = await asking.restore(ctx, item, restore, over)
        click.echo(f"Version {restore} counts again, as version {found.number}.", err=True)
    elif source:
        found = await asking.write(ctx, item, read_file(source), over)
        click.echo(f"Kept as version {found.number}.", err=True)
    elif draft or found is None:
        found = await asking.redraft(ctx, item, config_of(ctx).storyboarder)
    if as_json:
        click.echo(json.dumps(found.body, ensure_ascii=False, indent=1))
    else:
        click.echo(to_markdown(Storyboard.model_validate(found.body)), nl=False)


@click.command()
@click.argument("file", required=False, type=click.File("rb"))
@click.option("--remove", is_flag=True, help="Show the one of hub.toml again, or none.")
@click.pass_obj
async def logo(ctx: CommandContext, *, file: BinaryIO | None, remove: bool) -> None:
    """Show FILE (PNG, JPEG, SVG) in the corner of the institution's videos.

    Videos that are made from now on have it; those that are there stay as they are.
    """
    if remove:
        await logos.forget(ctx)
        click.echo("The logo was removed.")
    elif file is None:
        raise click.UsageError("name a picture, or --remove")
    else:
        await logos.keep(ctx, file.read())
        click.echo(f"Videos show {file.name} from now on.")


def read_file(path: Path) -> Storyboard:
    """A storyboard in a file, by its suffix JSON or Markdown."""
    try:
        text = path.read_text("utf-8")
        return from_markdown(text) if path.suffix == ".md" else read_storyboard(text)
    except (OSError, UnicodeError, BloopError) as err:
        raise click.ClickException(f"{path}: {err}") from err
