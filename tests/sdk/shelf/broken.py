"""Providers that break rules of the kit, with the rules that they break."""

from bloop_sdk.testing import System
from tests.sdk.shelf.fake_shelf import BAD, EXPIRED, GOOD, FakeJournal, FakeShelf

COURSES = System(make=FakeShelf, good=GOOD, bad=BAD, expired=EXPIRED)
JOURNAL = System(make=FakeJournal, good=GOOD, bad=BAD, expired=EXPIRED)
BROKEN = []


def breaks(*rules, subject=COURSES):
    """Say which rules a provider breaks."""

    def mark(provider):
        BROKEN.extend((rule, provider, subject) for rule in rules)
        return provider

    return mark
