"""For every rule of the kit, a deliberately broken provider that it finds."""

import pytest
from bloop_shelf.files import FileProvider

from bloop_sdk.testing import ContractError
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites import watching
from bloop_sdk.testing.suites.case import ContentCase
from bloop_sdk.testing.suites.content import CONTENT
from tests.sdk.shelf import (
    broken_changes,
    broken_faults,
    broken_folders,
    broken_notes,
    broken_reading,
    broken_watches,
    broken_writes,
)
from tests.sdk.shelf.broken import BROKEN
from tests.sdk.shelf.fake_desk import DESK, FOLDERS, FolderDesk
from tests.sdk.shelf.fake_folder import FOLDER

PLUGIN = PluginUnderTest("bloop_shelf")
# Importing them has filled BROKEN.
assert all(
    (
        broken_changes,
        broken_faults,
        broken_folders,
        broken_notes,
        broken_reading,
        broken_watches,
        broken_writes,
    )
)


async def check(rule, provider, subject, folder):
    case = ContentCase(PLUGIN, "lms", subject, folder)
    case.make = provider
    await CONTENT.rules[rule].check(case)


@pytest.mark.parametrize("rule", [rule.name for rule in CONTENT.applying(FOLDER)])
async def test_a_good_provider_of_a_folder_passes(rule, tmp_path):
    await check(rule, FileProvider, FOLDER, tmp_path)


@pytest.mark.parametrize(
    "rule",
    [rule.name for rule in CONTENT.applying(DESK) if rule.name.startswith(("note_", "watch_"))],
)
async def test_a_good_provider_that_writes_notes_passes(rule, tmp_path):
    await check(rule, FolderDesk, DESK, tmp_path)


@pytest.mark.parametrize(
    "rule", [rule.name for rule in CONTENT.applying(FOLDERS) if rule.name.startswith("folder_")]
)
async def test_a_good_provider_that_writes_folders_passes(rule, tmp_path):
    await check(rule, FolderDesk, FOLDERS, tmp_path)


@pytest.mark.parametrize(
    ("rule", "provider", "subject"),
    BROKEN,
    ids=[f"{rule}-{provider.__name__}" for rule, provider, _ in BROKEN],
)
async def test_a_broken_provider_breaks_the_rule(rule, provider, subject, tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "PATIENCE_SECONDS", 1)
    with pytest.raises(ContractError):
        await check(rule, provider, subject, tmp_path)


def test_every_rule_is_broken_by_some_provider():
    assert CONTENT.rules.keys() == {rule for rule, _, _ in BROKEN}
