"""A hub with a plugin that brings messages; other folders have hubs of their own."""

from __future__ import annotations

import pytest

from bloop.hub import Hub
from bloop_sdk.testing.distributions import write_plugin
from tests.accounts.posting import CODE


@pytest.fixture
async def posting_hub(hub_toml, site):
    manifest = {"family": "notify", "provides": {"notifier": "bloop_post.provider:Provider"}}
    write_plugin(site, "post", files={"provider.py": CODE}, manifest=manifest)
    hub_toml.write_text(hub_toml.read_text() + "[plugins.post]\nenabled = true\n")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()
