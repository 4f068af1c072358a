"""What models of OpenAI cost, as far as it is known here."""

from __future__ import annotations

import re

PRICES = {
    "gpt-5": (1.25, 10.0),
    "gpt-5-mini": (0.25, 2.0),
    "gpt-5-nano": (0.05, 0.4),
    "gpt-5.1": (1.25, 10.0),
    "gpt-5.2": (1.75, 14.0),
    "gpt-4.1": (2.0, 8.0),
    "gpt-4.1-mini": (0.4, 1.6),
    "gpt-4.1-nano": (0.1, 0.4),
    "gpt-4o": (2.5, 10.0),
    "gpt-4o-2024-05-13": (5.0, 15.0),
    "gpt-4o-mini": (0.15, 0.6),
    "o3": (2.0, 8.0),
    "o4-mini": (1.1, 4.4),
}
"""US dollars for a million tokens in and out, as OpenAI listed them in March 2026."""


def known_price(model: str) -> tuple[float, float] | None:
    """The price of a model, also of a dated version such as ``gpt-5-mini-2025-08-07``."""
    return PRICES.get(model) or PRICES.get(re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model))


def cost_of(price: tuple[float, float] | None, tokens_in: int, tokens_out: int) -> int | None:
    """Millionths of a US dollar, None where no price is known.

    Tokens that the vendor had cached cost less than this says.
    """
    if price is None:
        return None
    return round(tokens_in * price[0] + tokens_out * price[1])
