"""Two good providers, over courses that are listed and over a log of changes, pass every rule."""

from bloop_sdk.testing import System, plugin_tests
from tests.sdk.shelf.fake_shelf import BAD, EXPIRED, GOOD, FakeJournal, FakeShelf

TestShelf = plugin_tests(
    "bloop_shelf",
    lms=System(make=FakeShelf, good=GOOD, bad=BAD, expired=EXPIRED),
    notes=System(
        make=FakeJournal,
        good=GOOD,
        bad=BAD,
        without={"expired": "a token of a journal does not expire"},
    ),
)
