"""From a plugin to its tests: what is generated, what is skipped, and with which words it fails."""

import inspect

import pytest

from bloop_sdk.testing import Folder, System, plugin_tests
from bloop_sdk.testing.distributions import write_plugin
from bloop_sdk.testing.suites import EVERY_PLUGIN, SUITES
from bloop_sdk.testing.suites.content import CONTENT
from tests.sdk.shelf.fake_folder import FOLDER, build
from tests.sdk.shelf.fake_shelf import GOOD, FakeJournal, FakeShelf

COURSES = System(make=FakeShelf, good=GOOD)
JOURNAL = System(make=FakeJournal, good=GOOD)


def generated(made):
    return {name for name in vars(made) if name.startswith("test")}


async def run(made, name, folder):
    test = getattr(made(), name)
    result = test(folder) if "tmp_path" in inspect.signature(test).parameters else test()
    if inspect.isawaitable(result):
        await result


class Bare:
    """Answers, and offers nothing else."""

    def __init__(self):
        self.answer = FakeShelf().answer


def test_each_rule_of_each_capability_becomes_a_test_with_its_sentence():
    made = plugin_tests("bloop_shelf", lms=COURSES, notes=JOURNAL)
    over_http = {rule.name for rule in CONTENT.applying(COURSES)}
    assert generated(made) == {
        *(f"test_{name}" for name in EVERY_PLUGIN.rules),
        *(f"test_lms_{name}" for name in over_http),
        *(f"test_notes_{name}" for name in over_http),
    }
    assert made.test_lms_second_read.__doc__ == CONTENT.rules["second_read"].sentence
    assert "check_without_a_source" not in over_http


def test_what_makes_no_sense_for_a_folder_is_not_generated():
    names = generated(plugin_tests("bloop_shelf", lms=FOLDER, notes=JOURNAL))
    assert "test_lms_check_without_a_source" in names
    assert not names & {"test_lms_server_errors", "test_lms_check_with_expired_credentials"}


async def test_an_offer_that_is_lacking_fails_with_what_to_write(tmp_path):
    made = plugin_tests("bloop_shelf", lms=System(make=Bare, good=GOOD), notes=JOURNAL)
    with pytest.raises(pytest.fail.Exception, match=r"edit\(\) -> Ref.*without=\{'edit': 'reason'"):
        await run(made, "test_lms_change_between_reads", tmp_path)
    with pytest.raises(pytest.fail.Exception, match="settings with a credential that was never"):
        await run(made, "test_lms_check_with_bad_credentials", tmp_path)
    with pytest.raises(pytest.fail.Exception, match="write"):
        await run(made, "test_lms_writes_with_a_precondition", tmp_path)


async def test_a_folder_is_told_what_it_needs(tmp_path):
    made = plugin_tests("bloop_shelf", lms=Folder(build=build), notes=JOURNAL)
    with pytest.raises(pytest.fail.Exception, match=r"Folder\(\) needs `edit"):
        await run(made, "test_lms_edit_while_reading", tmp_path)


async def test_what_is_declared_to_be_lacking_is_skipped_with_its_reason(tmp_path):
    without = {
        "edit": "nobody edits",
        "expired": "tokens do not expire",
        "write": "only read",
        "second_read": "it is a river",
    }
    system = System(make=Bare, good=GOOD, without=without)
    made = plugin_tests(
        "bloop_shelf", lms=system, notes=JOURNAL, without={"light_import": "it is heavy"}
    )
    for name, reason in {
        "test_lms_edit_while_reading": "edit: nobody edits",
        "test_lms_check_with_expired_credentials": "expired: tokens do not expire",
        "test_lms_writes_with_an_idempotency_key": "write: only read",
        "test_lms_second_read": "it is a river",
        "test_light_import": "it is heavy",
    }.items():
        with pytest.raises(pytest.skip.Exception, match=reason):
            await run(made, name, tmp_path)


async def test_what_is_there_after_all_must_not_be_declared_to_be_lacking(tmp_path):
    system = System(make=FakeShelf, good=GOOD, without={"edit": "nobody edits"})
    made = plugin_tests("bloop_shelf", lms=system, notes=JOURNAL)
    with pytest.raises(pytest.fail.Exception, match="it is there: remove that line"):
        await run(made, "test_lms_edit_while_reading", tmp_path)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"speech": COURSES}, "the manifest provides lms, notes; suites: lms, notes"),
        ({"lms": System(make=Bare, good=GOOD, without={"edits": "?"})}, "'edits'.*known are"),
        ({"without": {"light": "?"}}, "'light'.*known are"),
    ],
)
def test_a_name_that_nobody_knows_is_refused_at_once(options, told):
    with pytest.raises(TypeError, match=told):
        plugin_tests("bloop_shelf", **options)


async def test_a_capability_without_a_system_fails_and_one_without_a_suite_is_skipped(
    tmp_path, monkeypatch
):
    code = "class N:\n    def __init__(self, ctx): pass\n"
    provides = {"lms": "bloop_partly.n:N", "notifier": "bloop_partly.n:N"}
    write_plugin(tmp_path, "partly", manifest={"provides": provides}, files={"n.py": code})
    monkeypatch.syspath_prepend(tmp_path)
    made = plugin_tests("bloop_partly")
    with pytest.raises(pytest.fail.Exception, match=r"plugin_tests\(\.\.\., lms=\.\.\.\)"):
        await run(made, "test_lms", tmp_path)
    with pytest.raises(pytest.skip.Exception, match="no suite for notifier yet"):
        await run(made, "test_notifier", tmp_path)


@pytest.mark.parametrize("package", ["bloop_absent", "bloop_nothing"])
async def test_a_plugin_without_a_manifest_still_gets_the_test_that_says_so(
    package, tmp_path, monkeypatch
):
    (tmp_path / "bloop_nothing").mkdir()
    (tmp_path / "bloop_nothing" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AssertionError, match=r"no package bloop_absent|no bloop-plugin.toml"):
        await run(plugin_tests(package), "test_manifest", tmp_path)


async def test_a_fault_of_the_fake_is_not_blamed_on_the_plugin(tmp_path):
    class Faulty:
        async def answer(self, request):
            return {}["nothing"]

    made = plugin_tests("bloop_shelf", lms=System(make=Faulty, good=GOOD), notes=JOURNAL)
    with pytest.raises(pytest.fail.Exception, match=r"the fake system failed: GET .*KeyError"):
        await run(made, "test_lms_second_read", tmp_path)


def test_every_rule_is_a_sentence():
    for suite in {EVERY_PLUGIN, *SUITES.values()}:
        for rule in suite.rules.values():
            assert rule.sentence.endswith("."), rule.name
            assert len(rule.sentence) < 110, rule.name
