"""Tokens and money of a month: kept with each request, held against the budget before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from bloop_openai.config import OpenAIConfig
from bloop_openai.prices import cost_of
from bloop_openai.tables import Usage
from bloop_sdk import BudgetError, CallContext, Unit

MOST = 2**40
"""More tokens than that is no count but nonsense of a server."""


def this_month() -> str:
    """The month that is now, in UTC, as ``2026-11``."""
    return datetime.now(UTC).strftime("%Y-%m")


def named(month: str | None) -> str:
    """The month of that name, or this one; raises ValueError."""
    if month is None:
        return this_month()
    try:
        return datetime.strptime(month, "%Y-%m").strftime("%Y-%m")  # noqa: DTZ007 - no day, no zone
    except ValueError:
        raise ValueError(f"{month!r} is no month such as 2026-11") from None


def begins_at(month: str) -> datetime:
    """When it begins."""
    year, number = map(int, month.split("-"))
    return datetime(year, number, 1, tzinfo=UTC)


def resets_at(month: str) -> datetime:
    """When the month after it begins."""
    year, number = map(int, month.split("-"))
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A month of an institution; ``budget`` is 0 where there is no limit."""

    name: str
    budget: int
    models: Sequence[Usage]

    @property
    def tokens(self) -> int:
        """All of them, in and out."""
        return sum(one.tokens_in + one.tokens_out for one in self.models)

    @property
    def left(self) -> int | None:
        """Tokens that may still be used; None where there is no limit."""
        return max(0, self.budget - self.tokens) if self.budget else None

    @property
    def cost(self) -> float | None:
        """US dollars, as far as prices are known; None where none is."""
        known = [one.cost for one in self.models if one.cost is not None]
        return sum(known) / 1e6 if known else None

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "month": self.name,
            "tokens": self.tokens,
            "budget": self.budget or None,
            "left": self.left,
            "resets_at": resets_at(self.name).isoformat(),
            "cost": self.cost,
            "models": [
                {
                    "model": one.model,
                    "calls": one.calls,
                    "failed": one.failed,
                    "tokens_in": one.tokens_in,
                    "tokens_out": one.tokens_out,
                    "cost": None if one.cost is None else one.cost / 1e6,
                }
                for one in self.models
            ],
        }


def of_month(unit: Unit, month: str) -> list[Usage]:
    """The rows of a month, the model that has used most first."""
    rows = select(Usage).where(Usage.month == month)
    return sorted(unit.session.scalars(rows), key=lambda one: -(one.tokens_in + one.tokens_out))


async def month_of(ctx: CallContext, config: OpenAIConfig, month: str) -> Month:
    """What the institution has used in a month."""
    rows = await ctx.read(of_month, month)
    return Month(name=month, budget=config.monthly_tokens, models=rows)


async def check_budget(ctx: CallContext, config: OpenAIConfig) -> None:
    """Raise BudgetError, with when it begins anew, where the month's budget is used up."""
    if not config.monthly_tokens:
        return
    month = await month_of(ctx, config, this_month())
    if month.left:
        return
    raise BudgetError(
        f"this month's {config.monthly_tokens:,} tokens of language models are used up",
        cure=f"wait until {resets_at(month.name):%Y-%m-%d} 00:00 UTC, or raise monthly_tokens "
        "in the settings of the plugin openai",
    )


async def keep(
    ctx: CallContext, config: OpenAIConfig, tokens_in: int, tokens_out: int, *, failed: bool = False
) -> int | None:
    """Commit what a request has used; gives its cost in millionths of a US dollar."""
    tokens = min(max(tokens_in, 0), MOST), min(max(tokens_out, 0), MOST)
    cost = cost_of(config.price, *tokens)
    amounts = {"calls": 1, "failed": int(failed), "tokens_in": tokens[0], "tokens_out": tokens[1]}
    key = this_month(), config.model
    try:
        await ctx.transaction(_add, key, amounts, cost)
    except IntegrityError:  # Another process has begun this month's row meanwhile.
        await ctx.transaction(_add, key, amounts, cost)
    return cost


def _add(unit: Unit, key: tuple[str, str], amounts: dict[str, int], cost: int | None) -> None:
    month, model = key
    changes: dict[str, Any] = {
        name: getattr(Usage, name) + amount for name, amount in amounts.items()
    }
    if cost is not None:
        changes["cost"] = func.coalesce(Usage.cost, 0) + cost
    same = update(Usage).where(Usage.month == month, Usage.model == model).values(changes)
    found: Any = unit.session.execute(same.execution_options(synchronize_session=False))
    if not found.rowcount:
        row = Usage(institution_id=unit.institution, month=month, model=model, cost=cost, **amounts)
        unit.session.add(row)
        unit.session.flush()
