"""``bloop import`` and ``bloop export``: courses from files and to files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from bloop.cli.content import complete_course, find_course
from bloop.cli.output import (
    asynchronous,
    console,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_conflicts,
    print_json,
    progress_bar,
)
from bloop.cli.plugins import complete_id

if TYPE_CHECKING:
    from bloop.content.imports import Importer
    from bloop.content.runs import RunReport
    from bloop.hub import Hub
    from bloop_sdk import Call, ExportReport
    from bloop_sdk.manifest import Manifest

AGAIN = "Stopped. The same command again continues where this one stopped."


@click.command("import")
@click.argument("file", metavar="PATH", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--into",
    metavar="COURSE",
    shell_complete=complete_course,
    help="Put it into this course: its id, the beginning of that, or its exact title.",
)
@click.option(
    "--plugin",
    metavar="ID",
    shell_complete=complete_id,
    help="The plugin that reads it, instead of the one that knows the file's suffix.",
)
@click.option(
    "--confirm-deletes",
    is_flag=True,
    help="Accept that most of the course is gone from a newer file of it.",
)
@json_option
@asynchronous
async def import_file(
    file: Path, into: str | None, plugin: str | None, *, confirm_deletes: bool, as_json: bool
) -> None:
    """Import a course or a notebook from PATH: a file like course.imscc, or a folder of notes.

    What is imported again updates its course: what did not change is not written. An import that
    was stopped continues when it is run again.
    """
    async with open_hub() as hub:
        await hub.database.run(hub.tables.prepare)
        call = hub_call(hub)
        course = find_course(hub, call, into)["id"] if into else None
        try:
            report = await _imported(hub, call, file, plugin, course, confirm_deletes)
        except asyncio.CancelledError:
            click.echo(AGAIN, err=True)
            raise
        titles = [_title(hub, call, container) for container in report.containers]
    if as_json:
        print_json(asdict(report))
    else:
        _print_report(report, titles)


async def _imported(
    hub: Hub,
    call: Call,
    file: Path,
    plugin: str | None,
    course: str | None,
    confirm_deletes: bool,  # noqa: FBT001 - the command's own flag
) -> RunReport:
    from bloop.content import imports

    await _load(hub, lambda manifest: bool(manifest.imports), plugin)
    file, importer = _importer(hub, file, plugin)
    with progress_bar(file.name, "records") as told:
        return await imports.import_file(
            hub.database,
            hub.blobs,
            lambda connection, path: hub.open_file_provider(call, importer, connection, path),
            call,
            importer,
            file,
            into=course,
            confirm_deletes=confirm_deletes,
            file_limit=hub.config.value.limits.upload_bytes,
            progress=told,
        )


def _importer(hub: Hub, path: Path, plugin: str | None) -> tuple[Path, Importer]:
    from bloop.content.imports import importer_for, suffixes_in

    path = path if path.name else path.resolve()  # "." has no name.
    plugins, folder = hub.kernel.plugins.values(), path.is_dir()
    inside = suffixes_in(path) if folder else None
    return path, importer_for(plugins, path.name, plugin, folder=folder, inside=inside)


async def _load(hub: Hub, serves: Callable[[Manifest], bool], plugin_id: str | None) -> None:
    """Load the plugins that this command may need; the others can't get in its way."""
    if plugin_id is not None and plugin_id not in hub.kernel.plugins:
        hub.kernel.provider("lms", plugin_id)  # Raises, with the cure.
    wanted = hub.wanted()
    needed = {
        record.id
        for record in hub.kernel.plugins.values()
        if record.manifest is not None and serves(record.manifest)
        if plugin_id in {None, record.id}
    }
    await asyncio.to_thread(hub.kernel.apply, replace(wanted, enabled=wanted.enabled & needed))


def _title(hub: Hub, call: Call, container: str) -> str:
    from bloop.content.queries import CONTAINER

    rows = hub.database.read_now(CONTAINER, call, id=container)
    return str(CONTAINER.as_dict(rows[0])["title"]) if rows else container


def _print_report(report: RunReport, titles: list[str]) -> None:
    out = console()
    for title, container in zip(titles, report.containers, strict=True):
        out.print(f"[bold]{plain(title)}[/]  [dim]{container}[/]")
    counts = {
        "seen": report.seen,
        "written": report.written,
        "unchanged": report.unchanged,
        "quarantined": report.quarantined,
        "deleted": report.deleted,
    }
    width = max(len(str(count)) for count in counts.values())
    for name, count in counts.items():
        style = "yellow" if count and name in {"quarantined", "deleted"} else None
        out.print(f"  {name:<11} {count:>{width}}", style=style)
    kinds = ", ".join(f"{count} {kind}" for kind, count in report.by_kind.items())
    if kinds:
        out.print(f"  [dim]{plain(kinds)}[/]")
    for gap in report.gaps:
        out.print(f"[yellow]![/] not read: {plain(gap)}")
    if report.conflicts:
        print_conflicts(report.conflicts)
    for problem in report.problems:
        out.print(f"[yellow]![/] {plain(problem.ref)}: {plain(problem.reason)}")
    if report.written or report.deleted:
        out.print(f"[dim]Take it back with: bloop content undo {report.run}[/]")
    else:
        out.print("[dim]Nothing has changed since the last import.[/]")


@click.command()
@click.argument("course", shell_complete=complete_course)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file to write; one that is there is replaced once the new one is whole.",
)
@click.option(
    "--plugin", metavar="ID", default="cartridge", show_default=True, shell_complete=complete_id
)
@json_option
@asynchronous
async def export(course: str, output: Path, plugin: str, *, as_json: bool) -> None:
    """Write COURSE to a file: its id, the beginning of that, or its exact title."""
    from bloop.content.exports import HubExportSource

    async with open_hub() as hub:
        call = hub_call(hub)
        found = find_course(hub, call, course)
        await _load(hub, lambda manifest: "exporter" in manifest.provides, plugin)
        exporter = hub.open_exporter(plugin)

        def write() -> ExportReport:
            source = HubExportSource(hub.database, hub.blobs, call, found["id"])
            return _replaced(output, lambda target: exporter.export(source, target))

        report = await asyncio.to_thread(write)
    if as_json:
        print_json({"course": found["id"], "file": str(output), **asdict(report)})
        return
    out = console()
    out.print(f"[bold]{plain(found['title'])}[/] → {plain(str(output))}")
    out.print(f"  [dim]{', '.join(f'{n} {plain(kind)}' for kind, n in report.written.items())}[/]")
    for loss in report.lost:
        out.print(f"[yellow]![/] {plain(str(loss))}")


def _replaced(path: Path, write: Callable[[BinaryIO], ExportReport]) -> ExportReport:
    """Write beside ``path``, and put it there when it is whole."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            report = write(file)
        part.replace(path)
    except OSError as err:
        raise click.ClickException(f"{path}: cannot be written: {err.strerror or err}") from err
    finally:
        part.unlink(missing_ok=True)
    return report
