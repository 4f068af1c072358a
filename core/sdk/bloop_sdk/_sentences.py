"""Sentences that the SDK has and the hub translates."""

from __future__ import annotations


def sentence(text: str) -> str:
    """Mark a sentence for translation."""
    return text
