"""A plugin runs with what it was granted, and not at all when it asks for more."""

import pytest

from bloop.kernel.config import parse
from bloop.kernel.discovery import scan
from bloop.kernel.kernel import Kernel
from bloop.kernel.wanted import Wanted
from bloop_sdk import ConfigError
from bloop_sdk.testing.distributions import write_plugin

CODE = """
from bloop_sdk import Plugin, hookimpl

class Main(Plugin):
    @hookimpl
    def navigation(self, principal):
        return "here"
"""
HOSTS = {"hosts": ["a.example", "b.example"]}


def wanted(*plugins, **granted):
    return Wanted(frozenset({*plugins, *granted}), granted=granted)


def spoken(kernel):
    return dict(kernel.hooks.navigation(None).by_plugin())


@pytest.fixture
def kernel(site, host):
    write_plugin(site, "asks", code=CODE, manifest={"hooks": ["navigation"], "network": HOSTS})
    write_plugin(site, "other", code=CODE, manifest={"hooks": ["navigation"]})
    return Kernel(scan(), host)


def test_without_a_word_from_the_operator_everything_declared_is_granted(kernel):
    kernel.apply(wanted("asks"))
    assert spoken(kernel) == {"asks": "here"}


def test_a_plugin_that_asks_for_more_is_held_back_and_the_others_go_on(kernel):
    kernel.apply(wanted("other", asks=["hook:navigation", "network:a.example"]))
    status = kernel.plugins["asks"].status
    assert status.state == "blocked"
    assert status.reason == "it asks for what was not granted: network:b.example"
    assert "`bloop plugins enable asks`" in status.cure
    assert spoken(kernel) == {"other": "here"}


def test_a_plugin_that_is_held_back_is_not_imported_and_starts_once_it_is_granted(kernel):
    import sys

    kernel.apply(wanted(asks=[]))
    assert "bloop_asks" not in sys.modules
    everything = ["hook:navigation", "network:a.example", "network:b.example"]
    assert kernel.apply(wanted(asks=everything)).started == ("asks",)
    assert spoken(kernel) == {"asks": "here"}


def test_a_grant_that_is_withdrawn_stops_the_plugin(kernel):
    kernel.apply(wanted("asks", "other"))
    changes = kernel.apply(wanted("other", asks=["hook:navigation"]))
    assert changes.stopped == ("asks",)
    assert kernel.plugins["asks"].status.state == "blocked"
    assert spoken(kernel) == {"other": "here"}
    kernel.apply(wanted("asks", "other"))
    assert spoken(kernel) == {"asks": "here", "other": "here"}


def test_an_update_on_the_disk_is_not_taken_for_the_code_in_memory(kernel, site):
    everything = ["hook:navigation", "network:a.example", "network:b.example"]
    kernel.apply(wanted(asks=everything))
    write_plugin(site, "asks", code=CODE, manifest={"hooks": ["navigation"]}, version="2.0")
    kernel.apply(wanted(asks=["hook:navigation"]))
    status = kernel.plugins["asks"].status
    assert (status.state, "restart the hub" in status.cure) == ("blocked", True)


def test_tables_are_not_touched_before_they_are_granted(site, host):
    from dataclasses import replace

    asked = []
    write_plugin(
        site,
        "tabled",
        manifest={
            "contributes": {
                "tables": {"metadata": "bloop_tabled.m:m", "migrations": "bloop_tabled"}
            }
        },
    )
    kernel = Kernel(scan(), replace(host, pending_upgrade=lambda m: asked.append(m.id)))
    kernel.apply(wanted(tabled=[]))
    assert kernel.plugins["tabled"].status.state == "blocked"
    assert asked == []
    kernel.apply(wanted(tabled=["tables:tabled_"]))
    assert asked == ["tabled"]
    assert kernel.plugins["tabled"].status.state == "ready"


def test_a_grant_that_is_no_list_is_refused_with_its_line():
    with pytest.raises(ConfigError, match=r"\[plugins.asks\] granted"):
        parse('[plugins.asks]\ngranted = "everything"\n', None, {})


def test_what_is_granted_is_part_of_what_is_wanted():
    one, two = wanted(asks=["b", "a"]), wanted(asks=["a", "b"])
    assert one.generation == two.generation != wanted("asks").generation
