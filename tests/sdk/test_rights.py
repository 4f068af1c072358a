"""What a plugin asks for is read from its manifest, each right once and in words."""

import pytest

from bloop_sdk.hooks import HookKind, hook_traits
from bloop_sdk.manifest import parse_manifest
from bloop_sdk.providers import CAPABILITIES
from bloop_sdk.rights import SENTENCES, Right, names, rights_of

EVERYTHING = """
id = "wiki"
family = "lms"
name = "Wiki"
summary = "A wiki."
api = "1.0"
hooks = ["content_changed", "filter_lesson_html"]
imports = [".wiki"]
secrets = ["token"]
uses = ["speech"]
[provides]
lms = "bloop_wiki.provider:Wiki"
[network]
hosts = ["wiki.example.org", "{base_url}"]
[requires]
system = ["pandoc"]
[contributes]
routes = [{ path = "/a", handler = "bloop_wiki.v:a", action = "content:read" }]
pages = [{ path = "/b", view = "bloop_wiki.v:b", action = "wiki:edit", title = "B" }]
panels = [{ slot = "lesson", view = "bloop_wiki.v:p", action = "content:read" }]
tables = { metadata = "bloop_wiki.m:metadata", migrations = "bloop_wiki.migrations" }
jobs = [
    { kind = "sweep", handler = "bloop_wiki.j:sweep" },
    { kind = "draw", handler = "bloop_wiki.j:draw", queue = "render" },
    { kind = "tidy", handler = "bloop_wiki.j:tidy" },
]
schedules = [
    { job = "sweep", every = "15m" },
    { job = "draw", every = "30 3 * * *", zone = "Europe/Berlin" },
]
consumers = [
    { name = "index", topics = ["content.*", "user.*"], handler = "bloop_wiki.c:index" },
    { name = "count", topics = ["content.*"], handler = "bloop_wiki.c:count" },
]
commands = [{ name = "lint", command = "bloop_wiki.cli:lint", help = "Lint." }]
actions = [{ name = "wiki:edit", role = "learner", help = "Edit the wiki." }]
[[contributes.setup]]
name = "first"
title = "Write a first entry"
text = "Anything."
way = "Write it"
path = "/b"
action = "wiki:edit"
done = "bloop_wiki.v:done"
"""


def test_every_part_of_a_manifest_is_a_right_and_each_once():
    rights = {right.name: right.detail for right in rights_of(parse_manifest(EVERYTHING, "here"))}
    assert rights == {
        "capability:lms": "",
        "imports:.wiki": "",
        "network:wiki.example.org": "",
        "network:{base_url}": "",
        "secret:token": "",
        "uses:speech": "",
        "events:content_changed": "",
        "hook:filter_lesson_html": "",
        "tables:wiki_": "",
        "events:content.*": "",
        "events:user.*": "",
        "routes:/x/wiki/": "GET /a (content:read), /b (wiki:edit)",
        "panel:lesson": "content:read",
        "panel:setup": "Write a first entry",
        "jobs:default": "sweep, tidy, sweep: 15m",
        "jobs:render": "draw, draw: 30 3 * * * Europe/Berlin",
        "command:lint": "Lint.",
        "action:wiki:edit (learner)": "Edit the wiki.",
        "system:pandoc": "",
    }


def test_a_plugin_that_declares_nothing_asks_for_nothing():
    text = 'id="wiki"\nfamily="feature"\nname="W"\nsummary="S"\napi="1.0"\n'
    assert names(rights_of(parse_manifest(text, "here"))) == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("network:a.example", "It exchanges data with a.example."),
        (
            "network:{base_url}",
            "It exchanges data with the address in its setting “base_url”.",
        ),
        ("hook:filter_lesson_html", "It can change the text of lessons before it is shown."),
        ("events:payment.*", "It is told what happens in the hub: payment.*."),
    ],
)
def test_a_right_is_said_in_words(name, words):
    assert Right(name).words == words


def test_a_right_is_said_in_the_readers_language():
    german = {"It keeps the hub's files.": "Es verwahrt die Dateien des Hubs."}
    right = Right("capability:blobs")
    assert right.in_words(german.__getitem__) == "Es verwahrt die Dateien des Hubs."


def test_every_hook_and_capability_of_the_contract_has_words_of_its_own():
    kinds = {
        name: "events" if traits.kind is HookKind.EVENT else "hook"
        for name, traits in hook_traits().items()
    }
    wanted = {f"{kind} {name}" for name, kind in kinds.items()}
    wanted |= {f"capability {name}" for name in CAPABILITIES}
    wanted |= {f"uses {name}" for name, one in CAPABILITIES.items() if one.lent}
    assert wanted - SENTENCES.keys() == set()
