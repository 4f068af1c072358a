"""``bloop connect``: from a plugin's name to a connection that works and knows what to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from bloop.cli.connecting import (
    ask_secret,
    is_asking,
    load_plugin,
    pairs,
    parsed,
    print_state,
    read_secrets,
    secret_options,
)
from bloop.cli.device_login import can_log_in, log_in
from bloop.cli.output import (
    asynchronous,
    console,
    counted,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
)
from bloop.cli.plugins import complete_id

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop_sdk import Call, Container, PluginConfig

SHOWN = 50


@click.command()
@click.argument("plugin", shell_complete=complete_id)
@click.option("--name", help="What people call it; otherwise its address.")
@click.option("--set", "given", metavar="KEY=VALUE", multiple=True, help="A setting.")
@secret_options
@click.option("--every", metavar="INTERVAL", help="How often it is read by itself; 6h, or never.")
@click.option("--all", "whole", is_flag=True, help="Read every course.")
@click.option("--course", "courses", metavar="ID", multiple=True, help="Read this course.")
@click.option(
    "--login/--no-login", default=True, help="Log in by a code, where the system has that."
)
@json_option
@asynchronous
async def connect(
    plugin: str,
    name: str | None,
    given: Sequence[str],
    asked: Sequence[str],
    files: Sequence[str],
    environment: Sequence[str],
    every: str | None,
    *,
    whole: bool,
    courses: Sequence[str],
    login: bool,
    as_json: bool,
) -> None:
    """Connect PLUGIN with a system of yours: `bloop connect canvas`.

    What it needs is asked for; a secret is never taken from the command line. Then the other system
    is asked who the credential is, what it lacks, and which courses there are to choose from.
    """
    from bloop.hub import connections
    from bloop.hub.connection_views import asked as asked_of
    from bloop.hub.connection_views import view

    async with open_hub() as hub:
        await hub.database.run(hub.tables.prepare)
        call = hub_call(hub)
        await load_plugin(hub, plugin)
        model = hub.kernel.context(plugin).model
        _, names = asked_of(model)
        secrets = read_secrets(names, asked, files, environment)
        settings = _settings(model, parsed(model, pairs(given, "--set")), secrets)
        new = connections.NewConnection(
            plugin=plugin,
            name=name or _name(plugin, settings),
            settings=settings,
            secrets={key: value for key, value in secrets.items() if value},
            every="" if every == "never" else every,
        )
        made = await connections.create(hub, call, new)
        if login and await can_log_in(hub, call, made):
            await log_in(hub, call, made)
        status = await connections.check(hub, call, made)
        found = await view(hub, call, made)
        if not as_json:
            print_state(found)
        # Who the credential is, a check that failed does not know, and nothing else would work.
        works = status.state in {"active", "degraded"} and bool(found["checked"])
        if works:
            await _choose(hub, call, made, courses, whole=whole, quiet=as_json)
        found = await view(hub, call, made)
    if as_json:
        print_json(found)
    else:
        lacks_secret = found["state"] == "auth_failed" or (names and not found["held"])
        place = f"{hub.config.value.public_url}/connections/{made}"
        _say_next(plain(_word(found["name"])), works=works, login=place if lacks_secret else None)
    if not works:
        raise SystemExit(1)


def _say_next(word: str, *, works: bool, login: str | None) -> None:
    """What to do next with a new connection; ``login`` is where to log in, if that is missing."""
    if works:
        console().print(f"Read it with: [bold]bloop sync {word}[/]")
    elif login is not None:
        console().print(
            f"Give it another secret with: [bold]bloop connections rotate {word}[/]\n"
            f"or log in at the other side from {login}"
        )
    else:
        console().print(f"When that is mended: [bold]bloop connections check {word}[/]")


def _settings(
    model: type[PluginConfig], settings: dict[str, Any], secrets: dict[str, str]
) -> dict[str, Any]:
    """The settings, completed by whoever sits there; ``secrets`` too."""
    from bloop.hub.connection_views import asked

    names, hidden = asked(model)
    for key in names:
        field = model.model_fields[key]
        if field.is_required() and key not in settings:
            if not is_asking():
                raise click.UsageError(f"{key} is missing: --set {key}=...")
            words = f"{field.description or key} ({key})"
            settings |= parsed(model, {key: click.prompt(words, err=True)})
    for key in hidden:
        if model.model_fields[key].is_required() and key not in secrets:
            if not is_asking():
                raise click.UsageError(f"{key} is missing: --secret-env {key}=NAME, or --secret")
            secrets[key] = ask_secret(key)
    if hidden and not secrets and is_asking():
        # Most systems take a token, and some a login at their own pages in its place.
        secrets[hidden[0]] = ask_secret(hidden[0], optional=True)
    return settings


def _name(plugin: str, settings: dict[str, Any]) -> str:
    return urlsplit(str(settings.get("base_url", ""))).netloc or plugin


def _word(name: str) -> str:
    """A name as one word of a shell."""
    import shlex

    return shlex.quote(name)


async def _choose(
    hub: Hub, call: Call, connection: str, courses: Sequence[str], *, whole: bool, quiet: bool
) -> None:
    """Have the courses chosen that are read; all, where nobody says."""
    from bloop.hub.connection_views import survey
    from bloop.kernel.connections import choose
    from bloop.store.database import in_unit

    if whole and not courses:
        return
    found = (await survey(hub, call, connection)).containers
    chosen: Sequence[str] | None
    if courses:
        chosen = known(courses, found)
    elif quiet or not is_asking():
        if not quiet:
            words = "all of which are read: choose with `bloop connections select`"
            click.echo(f"There are {counted(len(found), 'course')}, {words}.")
        return
    else:
        print_courses(found)
        chosen = _picked(found)
    if chosen is not None:
        await hub.database.run(
            in_unit, hub.database, call, choose, connection, containers=chosen, streams=None
        )


def known(courses: Sequence[str], found: Sequence[Container]) -> list[str]:
    """These courses, where all of them are there; raises UsageError."""
    there = {one.remote_id for one in found}
    for course in courses:
        if course not in there:
            raise click.UsageError(
                f"there is no course {course[:60]!r}; `bloop connections courses` shows them all"
            )
    return list(courses)


def print_courses(found: Sequence[Container], chosen: Sequence[str] | None = None) -> None:
    """Courses with their numbers; those that are read have a mark."""
    from bloop.hub.connection_views import about_course

    out = console()
    for number, one in enumerate(found, start=1):
        is_read = chosen is None or one.remote_id in chosen
        mark = "[green]✓[/]" if is_read else " "
        about = f"{about_course(one)}  {one.remote_id}"
        out.print(f"{number:>4} {mark} {plain(one.title)}  [dim]{plain(about)}[/]")


def _picked(found: Sequence[Container]) -> list[str] | None:
    """The courses that somebody names by their numbers; None for all."""
    while True:
        words = "Which are read? Numbers like 1,3-5, or all"
        text = click.prompt(words, default="all", err=True).strip().lower()
        if text == "all":
            return None
        numbers = numbers_of(text, len(found))
        if numbers:
            return [found[number - 1].remote_id for number in numbers]
        click.echo(f"Numbers from 1 to {len(found)}, please.", err=True)


def numbers_of(text: str, most: int) -> list[int]:
    """``1,3-5`` as numbers from 1 to ``most``; nothing for what is none."""
    found: set[int] = set()
    for part in text.replace(" ", ",").split(","):
        first, dash, last = part.partition("-")
        if not first:
            continue
        if not first.isdecimal() or (dash and not last.isdecimal()):
            return []
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= most:
            return []
        found |= set(range(low, high + 1))
    return sorted(found)
