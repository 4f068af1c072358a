"""What the contract asks of every plugin and every notes system, of a small OneNote."""

from __future__ import annotations

from bloop_sdk.testing import System, plugin_tests
from plugins.notes.onenote.tests.fake_entra import APP, LOGIN, SECRET, kept
from plugins.notes.onenote.tests.fake_graph import GRAPH, FakeGraph

LEAST = {"client_id": APP, "graph_url": GRAPH, "login_url": LOGIN}
GOOD = {**LEAST, "client_secret": SECRET, "login": kept()}

TestOneNote = plugin_tests(
    "bloop_onenote",
    settings=LEAST,
    notes=System(
        make=FakeGraph,
        good=GOOD,
        bad={**GOOD, "login": kept("never", "never")},
        expired={**GOOD, "login": kept("valid once", "valid once")},
        without={"unknown": "OneNote lists nothing but pages"},
    ),
)
