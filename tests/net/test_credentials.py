"""Connections that the other side counts as one have one pace, and no secret stands in its name."""

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from bloop.hub.outside import Outside, credential_of
from bloop.kernel.config_model import NetSection
from bloop_blackboard.config import BlackboardConfig
from bloop_canvas.config import CanvasConfig
from bloop_moodle.config import MoodleConfig
from bloop_notion.config import NotionConfig
from bloop_onenote.config import OneNoteConfig
from bloop_sdk import Manifest, PluginConfig, RateLimitedError, Request
from bloop_sdk.manifest import load_manifest

PLUGINS = Path(__file__).parents[2] / "plugins"
SECRET = "s3cr3t-of-a-school"
APP = "11111111-2222-3333-4444-555555555555"


class Settings(PluginConfig):
    site: str = "main"
    token: SecretStr | None = None


def school(**network):
    return Manifest.model_validate(
        {
            "id": "school",
            "family": "lms",
            "name": "School",
            "summary": "A school.",
            "api": "1.0",
            "network": {"hosts": ["127.0.0.1"], "credential": ["site", "token"], **network},
        }
    )


@pytest.fixture
async def outside():
    made = Outside(NetSection(allow=("127.0.0.1",)))
    yield made
    await made.close()


async def test_connections_with_one_token_share_its_windows(server, outside):
    manifest = school(windows=[[3, 3600]])

    async def send(token, connection, institution="one"):
        config = Settings(token=token)
        client = outside.client(manifest, config, institution, connection=connection)
        await client.send(Request(url=server.url))

    def ahead(token, connection):
        return outside.ahead(manifest, Settings(token=token), "one", connection, 1)

    await send(SECRET, "a")
    await send(SECRET, "b")
    assert ahead(SECRET, "c") == 0.0
    await send(SECRET, "a")
    assert 3500 < ahead(SECRET, "c") <= 3600
    with pytest.raises(RateLimitedError):
        await send(SECRET, "b")
    # Another token begins anew, and so do no token and the same one elsewhere.
    for token, connection, institution in [
        ("renewed", "a", "one"),
        (None, "a", "one"),
        ("", "b", "one"),
        (SECRET, "a", "two"),
    ]:
        await send(token, connection, institution)
    assert ahead("renewed", "b") == ahead(None, "a") == 0.0
    assert len(server.seen) == 7


async def test_connections_with_one_token_share_what_is_in_flight(server, outside):
    running, most = 0, 0

    async def slow(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return web.Response()

    server.say(slow)
    manifest, config = school(at_once=2), Settings(token=SECRET)
    clients = [outside.client(manifest, config, "one", connection=name) for name in "abc"]
    await asyncio.gather(*(one.send(Request(url=server.url)) for one in clients * 3))
    assert most == 2


def test_no_secret_stands_in_the_name_of_a_credential():
    named = {
        credential_of(school(), Settings(token=token, site=site), institution, "a")
        for token in (SECRET, f"{SECRET}2")
        for site in ("main", "other")
        for institution in ("one", "two")
    }
    assert len(named) == 8
    assert SECRET not in str(named)
    # Nor could one who has the name of one institution tell that another has the same token.
    assert len({name.rpartition("/")[2] for name in named}) == 8


def login(account, refresh):
    cache = {"Account": {"x": {"home_account_id": account}}, "RefreshToken": {"y": refresh}}
    return json.dumps({"way": "web", "cache": cache})


CANVAS = {"base_url": "https://canvas.example", "client_id": "1"}
BLACKBOARD = {"base_url": "https://bb.example", "application_secret": "x"}
NOTION = {"client_id": "1"}


@pytest.mark.parametrize(
    ("folder", "model", "one", "other", "shared"),
    [
        ("lms/canvas", CanvasConfig, {"token": "t"}, {"token": "t"}, True),
        ("lms/canvas", CanvasConfig, {"token": "t"}, {"token": "u"}, False),
        # A login's token is renewed while its run goes on: it counts as its connection.
        ("lms/canvas", CanvasConfig, *[{"token": "t", "refresh_token": "r"}] * 2, False),
        ("lms/moodle", MoodleConfig, {"token": "t"}, {"token": "t"}, True),
        ("lms/moodle", MoodleConfig, *[{"username": "ada", "password": "p"}] * 2, False),
        # All tokens of an application have one allowance.
        ("lms/blackboard", BlackboardConfig, {}, {"refresh_token": "r"}, True),
        ("lms/blackboard", BlackboardConfig, {}, {"application_key": "other"}, False),
        ("notes/notion", NotionConfig, {"token": "t"}, {"token": "t"}, True),
        ("notes/notion", NotionConfig, *[{"token": "t", "refresh_token": "r"}] * 2, False),
        # For an app and a user, whatever is renewed of the login.
        (
            "notes/onenote",
            OneNoteConfig,
            {"login": login("ada", 1)},
            {"login": login("ada", 2)},
            True,
        ),
        (
            "notes/onenote",
            OneNoteConfig,
            {"login": login("ada", 1)},
            {"login": login("bo", 1)},
            False,
        ),
        ("notes/onenote", OneNoteConfig, {"login": "{"}, {"login": "{"}, False),
        ("notes/onenote", OneNoteConfig, {"login": "[]"}, {}, False),
    ],
)
def test_each_system_counts_by_what_it_says(folder, model, one, other, shared):
    manifest = load_manifest(PLUGINS / folder / "bloop-plugin.toml")
    always = {
        CanvasConfig: CANVAS,
        MoodleConfig: {"base_url": "https://moodle.example"},
        BlackboardConfig: BLACKBOARD | {"application_key": "k"},
        NotionConfig: NOTION,
        OneNoteConfig: {"client_id": APP},
    }[model]
    first = credential_of(manifest, model(**always | one), "one", "a")
    second = credential_of(manifest, model(**always | other), "one", "b")
    assert (first == second) is shared
