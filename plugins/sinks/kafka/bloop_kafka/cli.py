"""``bloop kafka check``."""

from __future__ import annotations

import click

from bloop_sdk import CallContext


@click.command()
@click.pass_obj
async def check(ctx: CallContext) -> None:
    """Say which cluster is reached, as whom, and which topics are missing."""
    from bloop_kafka.provider import KafkaSink

    found = await KafkaSink(ctx).check()
    click.echo(f"Kafka at {found.site} answers {found.account}")
    for gap in found.gaps:
        click.echo(f"  {gap}")
