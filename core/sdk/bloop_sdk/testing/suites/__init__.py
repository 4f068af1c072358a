"""The suites by capability. A new capability adds a module here, and a line below."""

from __future__ import annotations

from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.suites import (
    faults,
    folders,
    interruptions,
    notes,
    payment_faults,
    subscriptions,
    watching,
    writes,
)
from bloop_sdk.testing.suites.content import CONTENT
from bloop_sdk.testing.suites.embedding import EMBEDDING
from bloop_sdk.testing.suites.identity import IDENTITY
from bloop_sdk.testing.suites.language import LANGUAGE
from bloop_sdk.testing.suites.mastery import MASTERY
from bloop_sdk.testing.suites.payments import PAYMENTS
from bloop_sdk.testing.suites.plugin import EVERY_PLUGIN
from bloop_sdk.testing.suites.search import SEARCH
from bloop_sdk.testing.suites.sink import SINK
from bloop_sdk.testing.suites.speech import SPEECH
from bloop_sdk.testing.suites.storyboarder import STORYBOARDER

SUITES: dict[str, Suite] = {
    "lms": CONTENT,
    "notes": CONTENT,
    "embedding": EMBEDDING,
    "identity": IDENTITY,
    "language": LANGUAGE,
    "mastery": MASTERY,
    "payments": PAYMENTS,
    "search": SEARCH,
    "sink": SINK,
    "speech": SPEECH,
    "storyboarder": STORYBOARDER,
}
"""A capability and what holds for each of its providers."""

__all__ = [
    "EVERY_PLUGIN",
    "SUITES",
    "faults",
    "folders",
    "interruptions",
    "notes",
    "payment_faults",
    "subscriptions",
    "watching",
    "writes",
]
