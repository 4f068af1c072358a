"""Time that passes only while everybody waits, so that hours take milliseconds."""

import asyncio
import functools
import selectors


class _Skipping(selectors.DefaultSelector):
    """Instead of waiting it lets the time pass."""

    now = 0.0

    def select(self, timeout=None):
        events = super().select(0)
        if not events and timeout:
            self.now += timeout
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self):
        return self._skipping.now


def virtually(function):
    """Run a test, or what one calls, in virtual time."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        loop = VirtualLoop()
        try:
            return loop.run_until_complete(function(*args, **kwargs))
        finally:
            loop.close()

    return run


def now():
    return asyncio.get_running_loop().time()
