"""The contract's own suite, over a course with everything in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bloop_cartridge import CartridgePlugin
from bloop_cartridge.config import CartridgeConfig
from bloop_cartridge.exporter import CartridgeExporter
from bloop_cartridge.provider import CartridgeProvider
from bloop_sdk import Exporter, LMSProvider, UnsupportedError, WebhookRequest, load_manifest
from bloop_sdk.providers.content import ContentProvider
from bloop_sdk.testing import FakeContext, content_provider_tests

HERE = Path(__file__).parent
COURSE: dict[str, Path] = {}


@pytest.fixture(autouse=True)
def course(build):
    items = '<item identifier="i1" identifierref="p"><title>Page</title></item>'
    page = '<resource identifier="p" type="webcontent" href="p.html"><file href="p.html"/>'
    page += '<file href="pic.png"/></resource>'
    link = '<resource identifier="l" type="imswl_xmlv1p3" href="l.xml"><file href="l.xml"/>'
    link += "</resource>"
    files = {
        "p.html": '<body><img src="pic.png"></body>',
        "pic.png": b"png",
        "l.xml": '<webLink><title>L</title><url href="https://example.org/"/></webLink>',
    }
    COURSE["path"] = build(items, page + link, files)


TestContract = content_provider_tests(
    lambda: CartridgeProvider(
        FakeContext(source=COURSE["path"], config=CartridgeConfig(batch_records=1))
    )
)


def test_the_manifest_names_what_the_package_holds():
    manifest = load_manifest(HERE.parent / "bloop-plugin.toml")
    assert manifest.compatible
    assert manifest.imports == (".imscc", ".zip")
    assert manifest.provides == {
        "lms": f"{CartridgeProvider.__module__}:{CartridgeProvider.__name__}",
        "exporter": f"{CartridgeExporter.__module__}:{CartridgeExporter.__name__}",
    }
    assert manifest.config == f"{CartridgeConfig.__module__}:{CartridgeConfig.__name__}"


def test_the_classes_are_of_their_protocols(provider):
    assert isinstance(provider(COURSE["path"]), ContentProvider)
    assert isinstance(CartridgeExporter(FakeContext()), Exporter)
    assert issubclass(LMSProvider, ContentProvider)
    assert CartridgePlugin(FakeContext()).ctx is not None


def test_a_cartridge_sends_no_webhooks(provider):
    with pytest.raises(UnsupportedError):
        provider(COURSE["path"]).verify_webhook(
            WebhookRequest(headers={}, body=b"", received_at=0.0)
        )


async def test_check_counts_what_is_in_the_file(provider):
    result = await provider(COURSE["path"]).check()
    assert result.account == "A course (1 item, 1 link, 1 page)"
    assert (result.site, result.version) == ("made.imscc", "1.3.0")
