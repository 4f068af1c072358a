"""``bloop smtp check``."""

from __future__ import annotations

import click

from bloop_sdk import CallContext


@click.command()
@click.option("--to", help="Send a message to this address as well.")
@click.pass_obj
async def check(ctx: CallContext, to: str | None) -> None:
    """Say whether the mail server is reached and lets the hub in."""
    from bloop_sdk.providers.services import Notification
    from bloop_smtp.provider import SmtpNotifier

    notifier = SmtpNotifier(ctx)
    click.echo(f"{await notifier.check()} lets the hub in")
    if to is not None:
        text = "This message shows that the hub can reach you by e-mail.\n"
        await notifier.notify(Notification(to=to, subject="A message from Bloop", text=text))
        click.echo("A message is on its way.")
