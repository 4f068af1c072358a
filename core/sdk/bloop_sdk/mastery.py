"""The sentences in which an estimate of mastery says its reasons; the hub translates them."""

from __future__ import annotations

from bloop_sdk._sentences import sentence

__all__ = ["SENTENCES"]

SENTENCES = {
    "concept": sentence("Of a hundred first answers about it, {share} are right."),
    "unknown": sentence("Nothing is known yet of how hard it is."),
    "answers": sentence("Of {answers} answers about it, {right} were right."),
    "recent": sentence("Of the last {answers} answers about it, {right} were right."),
    "forgotten": sentence("The last answer about it was {days} days ago."),
    "others": sentence("Of {answers} answers about other concepts, {right} were right."),
    "none": sentence("There is no answer about it yet."),
}
"""By kind; the names in braces are whole numbers."""
