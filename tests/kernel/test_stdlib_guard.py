"""What a plugin replaces in the standard library is put back, and named."""

from __future__ import annotations

import builtins
import json
import logging
import os
import random
import signal
import socket
import ssl
import sys
import threading
import time

import pytest

from bloop.kernel import stdlib_guard
from bloop.kernel.discovery import scan
from bloop.kernel.faults import PluginUnavailableError
from bloop.kernel.host import Host
from bloop.kernel.kernel import Kernel
from bloop.kernel.stdlib_guard import StandardLibrary, _put_handlers
from bloop.kernel.wanted import Wanted
from bloop_sdk.testing.distributions import CODE, write_plugin


class Liar:
    """Says that it is whatever it is compared with."""

    def __eq__(self, other):
        return True

    __hash__ = None


HANDLERS = {"logging.root.handlers": (lambda: tuple(logging.root.handlers), _put_handlers)}


@pytest.fixture
def library():
    noted = StandardLibrary()
    noted.note()
    yield noted
    noted.restore()


@pytest.mark.parametrize(
    ("owner", "name", "told"),
    [
        (json, "dumps", "json.dumps"),
        (json.JSONEncoder, "default", "json.encoder.JSONEncoder.default"),
        (time, "time", "time.time"),
        (socket, "socket", "socket.socket"),
        (socket.socket, "accept", "socket.socket.accept"),
        (ssl, "create_default_context", "ssl.create_default_context"),
        (builtins, "open", "builtins.open"),
        (os, "path", "os.path"),
        (os, "environ", "os.environ"),
        (random, "random", "random.random"),
        (threading, "excepthook", "threading.excepthook"),
        (logging.Logger, "error", "logging.Logger.error"),
        (sys, "excepthook", "sys.excepthook"),
    ],
)
@pytest.mark.parametrize("value", [None, Liar()], ids=["none", "liar"])
def test_what_is_replaced_is_named_and_put_back(library, owner, name, told, value):
    before = getattr(owner, name)
    setattr(owner, name, value)
    assert library.restore() == (told,)
    assert getattr(owner, name) is before
    assert library.restore() == ()


def test_what_is_deleted_comes_back(library):
    before = json.loads
    del json.loads
    assert library.restore() == ("json.loads",)
    assert json.loads is before


def test_variables_of_the_environment_may_be_added_and_not_changed(library, monkeypatch):
    monkeypatch.setenv("BLOOP_TEST_OURS", "before")
    library.note()
    os.environ["BLOOP_TEST_OURS"] = "after"
    os.environ["BLOOP_TEST_NEW"] = "new"
    assert library.restore() == ("os.environ['BLOOP_TEST_OURS']",)
    assert os.environ["BLOOP_TEST_OURS"] == "before"
    assert os.environ.pop("BLOOP_TEST_NEW") == "new"
    del os.environ["BLOOP_TEST_OURS"]
    assert library.restore() == ("os.environ['BLOOP_TEST_OURS']",)


def test_handlers_of_signals_and_logs_are_restored(library, monkeypatch):
    monkeypatch.setattr(stdlib_guard, "_SETTINGS", stdlib_guard._SETTINGS | HANDLERS)
    library.note()
    handlers, handler = list(logging.root.handlers), signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.root.addHandler(logging.NullHandler())
    sys.setrecursionlimit(sys.getrecursionlimit() + 1)
    assert set(library.restore()) == {
        "the handler of SIGTERM",
        "logging.root.handlers",
        "sys.setrecursionlimit",
    }
    assert logging.root.handlers == handlers
    assert signal.getsignal(signal.SIGTERM) == handler


def test_what_is_added_stays(library):
    json.extra = len
    try:
        assert library.restore() == ()
        assert json.extra is len
        library.note()
    finally:
        del json.extra
    library.note()
    assert library.restore() == ()


def test_who_replaced_it_does_not_run_and_the_next_one_is_not_blamed(site, host):
    write_plugin(site, "patches", code=f"import json\njson.dumps = None\n{CODE}")
    write_plugin(site, "quiet")
    before = json.dumps
    kernel = Kernel(scan(), host)
    wanted = Wanted(frozenset({"patches", "quiet"}))
    assert kernel.apply(wanted).failed == ("patches",)
    status = kernel.plugins["patches"].status
    assert "it replaced json.dumps" in status.reason
    assert "restart the hub" in status.cure
    assert kernel.plugins["quiet"].status.state == "ready"
    assert json.dumps is before
    # What it has imported is still here, so it may not come in by a second try.
    assert kernel.apply(wanted, scan()).failed == ("patches",)


def test_a_part_that_is_imported_later_is_looked_at_as_well(site, host: Host):
    files = {"late.py": "import time\ntime.sleep = None\nasync def go(request, ctx): return 1\n"}
    route = {"path": "/go", "handler": "bloop_late.late:go", "action": "content:read"}
    write_plugin(site, "late", files=files, manifest={"contributes": {"routes": [route]}})
    kernel = Kernel(scan(), host)
    kernel.apply(Wanted(frozenset({"late"})))
    before = time.sleep
    [part] = kernel.contributions("routes")
    for _ in range(2):
        with pytest.raises(Exception, match=r"it replaced time\.sleep"):
            part.target()
    assert time.sleep is before


def test_parts_that_are_imported_at_once_are_told_apart(site, host: Host):
    """A trace function is a thread's own; another plugin's harm is not this one's."""
    slow = "import time\ntime.sleep(0.05)\nasync def go(request, ctx): return 1\n"
    names = [f"at_once_{number}" for number in range(4)]
    for name in names:
        path = f"bloop_{name}.late:go"
        route = {"path": "/go", "handler": path, "action": "content:read"}
        manifest = {"contributes": {"routes": [route]}}
        code = f"import json\njson.dumps = None\n{slow}" if name == names[0] else slow
        write_plugin(site, name, files={"late.py": code}, manifest=manifest)
    kernel = Kernel(scan(), host)
    kernel.apply(Wanted(frozenset(names)))
    failed = []

    def take(part, trace):
        sys.settrace(trace)
        try:
            part.target()
        except PluginUnavailableError as err:
            failed.append((part.plugin_id, str(err)))

    threads = [
        threading.Thread(target=take, args=(part, lambda *_: None))
        for part in kernel.contributions("routes")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [(culprit, why)] = failed
    assert culprit == names[0]
    assert "it replaced json.dumps, which" in why
