"""The contract as a whole: names, hooks and their documentation, errors, records, settings."""

import inspect
import subprocess
import sys
from pathlib import Path

import contract_docs
import pluggy
import pytest
from pydantic import SecretStr, ValidationError

import bloop_sdk
from bloop_sdk import (
    Link,
    MalformedRecordError,
    Page,
    PermissionMissingError,
    PluginConfig,
    RateLimitedError,
    Ref,
    Response,
    Scope,
    SkippableError,
    errors,
    hookimpl,
    records,
    setting,
)
from bloop_sdk.hooks import HOOK_GROUPS, PROJECT, HookKind, hook_traits
from bloop_sdk.providers import CAPABILITIES
from bloop_sdk.settings import is_secret, scope_of

ROOT = Path(__file__).parents[2]


def test_every_public_name_exists_and_is_listed_once():
    assert len(bloop_sdk.__all__) == len(set(bloop_sdk.__all__))
    for name in bloop_sdk.__all__:
        assert hasattr(bloop_sdk, name)


def test_the_contract_needs_only_pydantic_and_pluggy():
    code = (
        "import sys, bloop_sdk;"
        "tops = {name.split('.')[0] for name in sys.modules};"
        "print(sorted(tops & {'fastapi', 'sqlalchemy', 'aiohttp', 'bloop', 'stevedore', 'orjson'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_hook_and_capability_has_a_page_with_its_exact_signature():
    pages = contract_docs.pages()
    for name, text in pages.items():
        assert (ROOT / "docs" / "plugins" / name).read_text() == text, "run make docs"
    for _group, name, spec in contract_docs.hook_specs():
        assert contract_docs.signature(spec, name=name) in pages[f"hooks/{name}.md"]
    for name, capability in CAPABILITIES.items():
        for method, function in contract_docs.methods_of(capability.protocol).items():
            signature = contract_docs.signature(function, name=method)
            assert signature in pages[f"capabilities/{name}.md"]
            assert inspect.getdoc(function), f"{name}.{method} has no docstring"


def test_every_hook_is_implemented_in_some_test_and_called_unless_it_is_provisional():
    def text(*patterns):
        found = (path for pattern in patterns for path in ROOT.glob(pattern))
        return "".join(path.read_text() for path in found)

    tests = text("tests/**/*.py", "plugins/*/*/tests/**/*.py")
    # Plugins call filters by name.
    hub = text("core/hub/**/*.py", "plugins/*/*/bloop_*/**/*.py")
    for name, traits in hook_traits().items():
        called = f"hooks.{name}(" in hub or f'"{name}"' in hub
        assert called is not traits.provisional, name
        assert traits.provisional or f"def {name}(" in tests, f"{name} has no test"


def test_lms_and_notes_are_stable_and_the_others_provisional():
    assert {name for name, capability in CAPABILITIES.items() if capability.stable} == {
        "lms",
        "notes",
    }


def test_first_hooks_stop_at_the_first_answer_in_pluggy_too():
    manager = pluggy.PluginManager(PROJECT)
    for group in HOOK_GROUPS.values():
        manager.add_hookspecs(group)
    for name, traits in hook_traits().items():
        assert getattr(manager.hook, name).spec.opts["firstresult"] is (
            traits.kind is HookKind.FIRST
        )


def test_a_hookimpl_is_found_by_name():
    class Guard:
        @hookimpl
        def refuse_publish(self, item, principal):
            return "no"

    manager = pluggy.PluginManager(PROJECT)
    for group in HOOK_GROUPS.values():
        manager.add_hookspecs(group)
    manager.register(Guard())
    manager.check_pending()
    assert manager.hook.refuse_publish(item=None, principal=None) == "no"


def test_errors_are_grouped_by_what_the_hub_does():
    groups = {errors.FatalError, errors.AuthError, errors.RetriableError, errors.SkippableError}
    public = [
        member
        for member in vars(errors).values()
        if inspect.isclass(member) and member not in {*groups, errors.BloopError}
    ]
    for error in public:
        assert sum(issubclass(error, group) for group in groups) == 1, error
    codes = [error.code for error in public]
    assert len(codes) == len(set(codes))


def test_an_error_says_its_cure():
    assert str(errors.FatalError("it broke", cure="mend it")) == "it broke (mend it)"
    assert str(errors.FatalError("it broke")) == "it broke"
    assert errors.FatalError("it broke", code="own").code == "own"
    assert RateLimitedError("slow down", retry_after=3).retry_after == 3
    assert SkippableError("odd", ref="page:1").ref == "page:1"
    assert PermissionMissingError("no", permission="url:GET|/courses").permission.startswith("url")


def test_records_are_frozen_slotted_and_know_their_kind():
    page = Page(remote_id="p1", container="c", title="Waves", html="<p>", raw={"a": 1})
    with pytest.raises(AttributeError):
        page.title = "Other"
    assert not hasattr(page, "__dict__")
    assert page.ref == Ref(records.Kind.PAGE, "p1")
    assert str(page.ref) == "page:p1"
    for record, kind in records.KIND_OF.items():
        assert kind in records.ITEM_KINDS, record
    assert Link(remote_id="l", container="c", title="t", href="h").kind is records.Kind.LINK


def test_equal_records_are_equal_whatever_opens_their_bytes():
    async def chunks():
        yield b""

    one = records.File(remote_id="f", container="c", title="t", name="n", chunks=chunks)
    other = records.File(remote_id="f", container="c", title="t", name="n")
    assert one == other


class Config(PluginConfig):
    address: str = setting(scope=Scope.INSTITUTION, description="Where it is")
    token: SecretStr | None = setting(None, scope=Scope.INSTITUTION, description="Access")
    retries: int = setting(3, description="How often")
    plain: int = 1


def test_a_setting_states_its_scope_and_whether_it_is_secret():
    assert scope_of(Config, "address") is Scope.INSTITUTION
    assert scope_of(Config, "retries") is Scope.HUB
    assert scope_of(Config, "plain") is Scope.HUB
    assert is_secret(Config, "token")
    assert not is_secret(Config, "address")


def test_settings_are_frozen_and_refuse_unknown_keys():
    config = Config(address="here", token="s3cret")
    with pytest.raises(ValidationError):
        config.retries = 4
    with pytest.raises(ValidationError):
        Config(address="here", colour="red")
    assert "s3cret" not in repr(config)


def test_a_trace_prints_as_traceparent():
    assert str(bloop_sdk.Trace("a" * 32, "b" * 16)) == f"00-{'a' * 32}-{'b' * 16}-01"


def test_an_answer_that_is_no_json_says_what_came():
    answer = Response(status=200, headers={}, body=b"<html>", url="https://lms.example/api")
    assert answer.text == "<html>"
    with pytest.raises(MalformedRecordError, match=r"https://lms\.example/api answered '<html>'"):
        answer.json()
    assert Response(status=200, headers={}, body=b"[1]", url="u").json() == [1]


def test_a_plugin_keeps_its_context_and_may_start_and_stop():
    context = object()
    plugin = bloop_sdk.Plugin(context)
    assert plugin.ctx is context
    plugin.start()
    plugin.stop()
