import pytest

from bloop_sdk.errors import ManifestError
from bloop_sdk.manifest import API_VERSION, load_manifest, parse_manifest

MINIMAL = """
id = "canvas"
family = "lms"
name = "Canvas"
summary = "Courses from Canvas."
api = "1.0"
"""


def test_a_minimal_manifest_declares_nothing():
    manifest = parse_manifest(MINIMAL, "here")
    assert manifest.id == "canvas"
    assert manifest.provides == {}
    assert manifest.contributes.routes == ()
    assert list(manifest.dotted_paths()) == []


def test_every_dotted_path_is_listed_for_a_linter():
    manifest = parse_manifest(
        MINIMAL
        + """
config = "bloop_canvas.config:Config"
hooks = ["content_changed"]
[provides]
lms = "bloop_canvas.provider:Provider"
[[contributes.routes]]
path = "/ping"
handler = "bloop_canvas.routes:ping"
action = "canvas:ping"
[[contributes.jobs]]
kind = "tidy"
handler = "bloop_canvas.jobs:tidy"
[[contributes.schedules]]
job = "tidy"
every = "15m"
[contributes.tables]
metadata = "bloop_canvas.tables:metadata"
migrations = "bloop_canvas.migrations"
""",
        "here",
    )
    assert set(manifest.dotted_paths()) == {
        "bloop_canvas.provider:Provider",
        "bloop_canvas.config:Config",
        "bloop_canvas.routes:ping",
        "bloop_canvas.jobs:tidy",
        "bloop_canvas.tables:metadata",
    }


STEP = (
    MINIMAL
    + """
[[contributes.setup]]
name = "first"
title = "Do it"
text = "What for."
way = "Go"
path = "/"
action = "content:read"
done = "bloop_canvas.steps:done"
"""
)
SCHEDULED = (
    MINIMAL
    + '[[contributes.jobs]]\nkind = "tidy"\nhandler = "bloop_canvas.jobs:tidy"\n'
    + '[[contributes.schedules]]\njob = "tidy"\n'
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id = ", "not TOML"),
        (MINIMAL.replace('"canvas"', '"Canvas!"'), "id"),
        (MINIMAL.replace('"lms"', '"toys"'), "family"),
        (MINIMAL + 'colour = "red"', "colour"),
        (MINIMAL + '[provides]\nteleport = "a.b:C"', "unknown capability"),
        (MINIMAL + 'uses = ["teleport"]', "uses: unknown capability"),
        (MINIMAL + 'uses = ["lms"]', "uses: 'lms' is for the hub alone"),
        (MINIMAL + 'uses = ["speech", "speech"]', "uses: 'speech' is named twice"),
        (MINIMAL + '[provides]\nlms = "not a path"', "provides.lms"),
        (MINIMAL + 'hooks = ["on_full_moon"]', "unknown hook 'on_full_moon'"),
        (MINIMAL + 'imports = [".zip"]', "imports needs provides"),
        (MINIMAL + 'imports = ["zip"]', "imports.0"),
        (MINIMAL + 'imports = ["folders"]', "imports.0"),
        (
            MINIMAL + '[[contributes.schedules]]\njob = "gone"\nevery = "1h"',
            "schedule of unknown job 'gone'",
        ),
        (SCHEDULED + 'every = "5s"', "an interval is 10s at least, 366d at most"),
        (SCHEDULED + 'every = "400d"', "an interval is 10s at least, 366d at most"),
        (SCHEDULED + 'every = "1h30m"', "neither an interval like 15m nor a cron line"),
        (SCHEDULED + 'every = "0 30 3 * * *"', "nor a cron line of five fields"),
        (SCHEDULED + 'every = "1h"\nzone = "UTC"', "is an interval, which has no zone"),
        (
            SCHEDULED + 'every = "1h"\n[[contributes.schedules]]\njob = "tidy"\nevery = "2h"',
            "the schedule of the job 'tidy' is declared twice",
        ),
        (STEP + 'needs = ["speach"]', "needs: unknown capability 'speach'"),
        (STEP + STEP.removeprefix(MINIMAL), "the step of setting up 'first' is declared twice"),
        (
            MINIMAL + '[[contributes.actions]]\nname = "content:read"\nrole = "guest"\nhelp = "x"',
            "content:read has to begin with canvas:",
        ),
    ],
)
def test_a_broken_manifest_names_the_file_the_key_and_the_fault(text, words):
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, "plugins/x/bloop-plugin.toml")
    assert str(caught.value).startswith("plugins/x/bloop-plugin.toml: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("api", "compatible"),
    [("1.0", True), (f"1.{API_VERSION[1] + 1}", False), ("2.0", False), ("0.9", False)],
)
def test_only_this_major_and_no_newer_minor_is_compatible(api, compatible):
    manifest = parse_manifest(MINIMAL.replace('"1.0"', f'"{api}"'), "here")
    assert manifest.compatible is compatible


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    for name in ("latin.toml", "absent.toml"):
        with pytest.raises(ManifestError, match=name):
            load_manifest(tmp_path / name)


def test_a_file_is_read(tmp_path):
    (tmp_path / "bloop-plugin.toml").write_text(MINIMAL)
    assert load_manifest(tmp_path / "bloop-plugin.toml").name == "Canvas"
