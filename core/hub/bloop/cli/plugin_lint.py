"""``bloop plugins lint``: what is wrong with a plugin, before anybody installs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bloop.cli.output import console, json_option, plain, print_json

if TYPE_CHECKING:
    from bloop.ops.lint import Finding, Subject

STYLES = {"error": "red", "warning": "yellow", "hint": "dim"}


@click.command(short_help="Check plugins before anybody installs them.")
@click.argument("plugins", nargs=-1, metavar="[NAME|DIR]...")
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
@json_option
@click.pass_context
def lint(ctx: click.Context, plugins: Sequence[str], *, strict: bool, as_json: bool) -> None:
    """Check plugins by name or by folder; all that are installed where none is named.

    Each is imported in a process of its own. Exits with 1 on errors, with --strict on warnings.
    The rules stand in docs/plugins/lint.md.
    """
    from bloop.ops import lint as linter

    subjects = linter.find_subjects(plugins)
    found = [(subject, linter.lint(subject)) for subject in subjects]
    if as_json:
        print_json({"items": [_row(subject, findings) for subject, findings in found]})
    else:
        for subject, findings in found:
            _print(subject, findings)
    bad = {"error", "warning"} if strict else {"error"}
    if any(str(one.severity) in bad for _, findings in found for one in findings):
        ctx.exit(1)


def _row(subject: Subject, findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "id": subject.id,
        "version": subject.version,
        "folder": str(subject.root or subject.package or ""),
        "findings": [asdict(one) for one in findings],
    }


def _print(subject: Subject, findings: Sequence[Finding]) -> None:
    out = console()
    place = subject.root or subject.package or ""
    fine = "" if findings else "  [green]nothing to say[/]"
    out.print(f"[bold]{plain(subject.id)}[/] [dim]{plain(f'{subject.version}  {place}')}[/]{fine}")
    for one in findings:
        style = STYLES[str(one.severity)]
        at = f"{one.file}:{one.line}" if one.line else one.file
        head = f"[{style}]{one.severity:<7}[/] [dim]{one.code}[/]"
        out.print(f"  {head} {plain(at)}  {plain(one.message)}")
        out.print(f"  [cyan]{'→':>12}[/] {plain(one.cure)}")
