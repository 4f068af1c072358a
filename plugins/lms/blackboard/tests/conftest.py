"""A site with everything that is read, and ways to read it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_blackboard import GOOD, FakeBlackboard

from bloop_blackboard.config import BlackboardConfig
from bloop_blackboard.provider import BlackboardProvider
from bloop_sdk import load_manifest
from bloop_sdk.testing import Clock, FakeContext, FakeTransport, Faults, http_client
from plugins.lms.blackboard.tests.blackboard_rows import (
    at,
    attempt,
    event,
    grade,
    item,
    member,
    user,
)

MANIFEST = load_manifest(Path(__file__).parents[1] / "bloop-plugin.toml")


@pytest.fixture
def site() -> FakeBlackboard:
    """One of each thing, on pages as large as a site gives them."""
    made = FakeBlackboard(cap=100)
    link = "resource/x-bb-courselink"
    made.contents += [
        item("_21_1", "_1_1", 4, "resource/x-bb-file", title="Chart", modified=at(-60)),
        item("_22_1", "_1_1", 5, {"id": "resource/x-bb-forumlink", "discussionId": "_65_1"}),
        item("_23_1", "_1_1", 6, _tool(), body="<p>A lab.</p>"),
        item("_24_1", "_1_1", 7, {"id": link, "targetId": "_1_1", "targetType": "Tool"}),
        item("_25_1", "_1_1", 8, "resource/x-bb-blti-bltiplacement-Lab"),
        item("_26_1", "_10_1", 2, "resource/x-bb-folder", body="<p>Read.</p>", hasChildren=True),
        item("_27_1", "_26_1", 0, "resource/x-bb-document", title="Deepest"),
    ]
    made.row("_21_1")["contentHandler"]["file"] = {"fileName": "chart.png", "mimeType": "image/png"}
    made.attachments["_21_1"] = [
        {"id": "_43_1", "fileName": "chart.png", "mimeType": "image/png"},
    ]
    made.files["xid-43_1"] = b"png"
    made.discussions = [_forum("_65_1", "Sound"), _forum("_66_1", "Light")]
    made.columns.append(
        {
            "id": "_63_1",
            "name": "Talk",
            "created": at(-90),
            "score": {"possible": 10.0},
            "availability": {"available": "No"},
            "grading": {"type": "Manual"},
        }
    )
    made.users["_73_1"] = user("_73_1", "ada", "Ada", "Lund")
    made.members.append(member("_73_1", "TutorPlus"))
    made.roles = [{"id": "_2_1", "roleId": "TutorPlus", "custom": True, "actAsInstructor": True}]
    made.grades["_63_1"] = [grade("_71_1", "_63_1", 80.0, 9)]
    made.grades["_63_1"][0]["displayGrade"]["scaleType"] = "Percent"
    made.attempts["_61_1"].append(attempt("_302_1", "_71_1", -2, "InProgress"))
    made.calendar += [
        event("_418_1", "Due", 14, type="GradebookColumn"),
        event("_419_1", "Lecture", 7, recurrence={"frequency": "Weekly", "interval": 1}),
        event("_419_1", "Lecture", 14, recurrence={"frequency": "Weekly", "interval": 1}),
    ]
    return made


def _tool() -> dict[str, Any]:
    return {
        "id": "resource/x-bb-blti-link",
        "url": "https://lab.example/launch",
        "customParameters": {"room": "3"},
    }


def _forum(name: str, title: str) -> dict[str, Any]:
    return {
        "id": name,
        "title": title,
        "available": True,
        "gradable": False,
        "createdDate": at(-40),
        "modifiedDate": at(-40),
        "topic": {"id": "_1_1", "discussionId": name, "body": f"<p>On {title}.</p>"},
    }


@pytest.fixture
def faults(site: FakeBlackboard) -> Faults:
    """What lies on the way to the site."""
    return Faults(FakeTransport(site), Clock())


@pytest.fixture
def context(faults: Faults) -> Callable[..., FakeContext]:
    """What a provider is made with: ``context(refresh_token=...)`` has another setting."""
    hosts = frozenset({"learn.example.edu"})

    def make(**settings: Any) -> FakeContext:
        config = BlackboardConfig.model_validate({**GOOD, **settings})
        http = http_client(faults, hosts=hosts, downloads=frozenset(MANIFEST.network.downloads))
        return FakeContext(http=http, config=config)

    return make


@pytest.fixture
def connect(context: Callable[..., FakeContext]) -> Callable[..., BlackboardProvider]:
    """A provider as the hub makes one for each run."""
    return lambda **settings: BlackboardProvider(context(**settings))
