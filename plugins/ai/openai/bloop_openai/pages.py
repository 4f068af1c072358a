"""The page for admins: what was used this month and the one before."""

from __future__ import annotations

from datetime import timedelta

from bloop_openai import usage
from bloop_openai.config import config_of
from bloop_sdk import PageView, RequestContext, WebRequest


async def overview(_request: WebRequest, ctx: RequestContext) -> PageView:
    """Tokens and money by model."""
    config = config_of(ctx)
    now = usage.this_month()
    before = (usage.begins_at(now) - timedelta(days=1)).strftime("%Y-%m")
    months = [await usage.month_of(ctx, config, name) for name in (now, before)]
    html = ctx.render(
        "usage.html", config=config, months=months, resets=usage.resets_at(now).date()
    )
    return PageView(title=ctx.words.gettext("Language model"), html=html)
