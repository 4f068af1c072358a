"""Providers: imported on first use, and checked against their protocol."""

from __future__ import annotations

import functools
import sys

import pytest

from bloop.kernel.breaker import Breakers
from bloop.kernel.discovery import scan
from bloop.kernel.faults import CircuitOpenError, PluginUnavailableError
from bloop.kernel.loader import Runner
from bloop.kernel.registry import offers
from bloop_sdk._protocols import protocol_faults
from bloop_sdk.providers import CAPABILITIES
from bloop_sdk.testing.distributions import write_plugin

SINK = """
class Provider:
    def __init__(self, ctx):
        self.ctx = ctx

    async def check(self):
        pass

    async def publish(self, events):
        pass

    async def close(self):
        pass
"""


def handle(site, code, plugin_id="deliver"):
    path = f"bloop_{plugin_id}.provider:Provider"
    write_plugin(
        site, plugin_id, manifest={"provides": {"sink": path}}, files={"provider.py": code}
    )
    providers, _ = offers(Runner(), Breakers(), [scan().plugins[plugin_id]])
    return providers["sink"][0]


def test_code_is_imported_by_the_first_create_and_once(site):
    sink = handle(site, SINK)
    assert "bloop_deliver" not in sys.modules
    assert sink.create("one").ctx == "one"
    module = sys.modules["bloop_deliver.provider"]
    assert isinstance(sink.create("two"), module.Provider)


FAULTY = {
    "missing vendor": ("import no_such_vendor", "No module named", "pip install 'no_such_vendor'"),
    "exits on import": ("raise SystemExit", "SystemExit", "disable deliver"),
    "no such class": ("", "has no attribute 'Provider'", "disable deliver"),
    "cannot be made": (
        "class Provider:\n    def __init__(self): pass",
        "creation of provider sink failed: TypeError",
        "disable deliver",
    ),
    "lacks a method": (
        SINK.replace("publish", "publsh"),
        "no SinkProvider: publish is missing",
        "update bloop-deliver",
    ),
    "is not async": (
        SINK.replace("async ", ""),
        "publish must be async def",
        "update bloop-deliver",
    ),
    "raises when looked at": (
        SINK.replace("    async", "    @property\n    async")
        .replace("async def", "def")
        .replace("pass", "1 / 0")
        .replace(", events", ""),
        "check of provider sink failed: ZeroDivisionError",
        "disable deliver",
    ),
}


@pytest.mark.parametrize(("code", "reason", "cure"), FAULTY.values(), ids=FAULTY)
def test_a_provider_that_cannot_be_used_says_why(site, code, reason, cure):
    with pytest.raises(PluginUnavailableError) as caught:
        handle(site, code).create(None)
    assert reason in caught.value.message
    assert cure in caught.value.cure


def test_a_provider_that_fails_again_and_again_is_left_alone(site):
    sink = handle(site, "1 / 0")
    for _ in range(5):
        with pytest.raises(PluginUnavailableError):
            sink.create(None)
    with pytest.raises(CircuitOpenError, match="create sink"):
        sink.create(None)


def faults(capability, provider):
    return list(protocol_faults(CAPABILITIES[capability].protocol, provider))


class Content:
    def spec(self): ...
    async def check(self): ...
    async def discover(self): ...
    async def read(self, partition, state):
        yield 1

    async def fetch(self, refs): ...
    async def write(self, op, precondition): ...
    def verify_webhook(self, request): ...


def test_an_async_generator_is_an_iterator_of_batches():
    assert faults("lms", Content()) == []


def test_inherited_parts_of_a_protocol_are_asked_for_too():
    class Half(Content):
        check = None
        fetch = None

        async def read(self, partition, state):
            return [1]

    assert sorted(faults("notes", Half())) == [
        "check is no method",
        "fetch is no method",
        "read must be def, or an async generator",
    ]
    assert len(faults("lms", object())) == 7


def test_attributes_of_a_protocol_must_be_there():
    class Exporter:
        media_type = "application/zip"

        def export(self, source, target): ...

    assert faults("exporter", Exporter()) == ["suffix is missing"]


def test_decorated_methods_pass_where_the_decorator_tells_what_it_wraps():
    def retried(function):
        @functools.wraps(function)
        def retry(*args):
            return function(*args)

        return retry

    class Sink:
        @retried
        async def publish(self, events): ...

        async def check(self): ...
        async def close(self): ...

    class Callable:
        def __call__(self, events): ...

    assert faults("sink", Sink()) == []
    Sink.publish = Callable()
    assert faults("sink", Sink()) == []
