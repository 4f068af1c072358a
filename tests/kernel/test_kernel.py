"""The kernel: what is wanted runs, what is not does not, and no plugin costs more than itself."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace

import pytest

from bloop.kernel.discovery import scan
from bloop.kernel.faults import PluginUnavailableError
from bloop.kernel.host import Host
from bloop.kernel.journal import Journal
from bloop.kernel.kernel import Kernel
from bloop.kernel.states import PluginState
from bloop.kernel.wanted import Changes, Wanted
from bloop.kernel.watchdog import EXIT_DEADLINE, Watchdog
from bloop_sdk.hooks import hookimpl
from bloop_sdk.testing.distributions import write_plugin

SPEAKS = """
from bloop_sdk import Plugin, PluginConfig, hookimpl, setting

EVENTS = []

class Config(PluginConfig):
    word: str = setting("hello", description="What to say")

class Main(Plugin):
    def start(self):
        EVENTS.append("start " + self.ctx.config.word)

    def stop(self):
        EVENTS.append("stop " + self.ctx.config.word)

    @hookimpl
    def navigation(self, principal):
        return self.ctx.config.word
"""


def write_speaker(site, plugin_id, **kwargs):
    manifest = {"hooks": ["navigation"], "config": f"bloop_{plugin_id}.plugin:Config"}
    code = kwargs.pop("code", SPEAKS)
    return write_plugin(site, plugin_id, code=code, manifest=manifest, **kwargs)


def wanted(*enabled, order=None, **settings):
    return Wanted(frozenset(enabled), order or {}, settings)


def started(host, *enabled, **settings):
    kernel = Kernel(scan(), host)
    kernel.apply(wanted(*enabled, **settings))
    return kernel


def events(plugin_id):
    return sys.modules[f"bloop_{plugin_id}.plugin"].EVENTS


def spoken(kernel):
    return dict(kernel.hooks.navigation(None).by_plugin())


# Switching on and off.


def test_what_is_wanted_runs_and_the_rest_is_not_even_imported(site, host):
    write_speaker(site, "speak_on")
    write_speaker(site, "speak_off")
    kernel = started(host, "speak_on")
    assert spoken(kernel) == {"speak_on": "hello"}
    record = kernel.plugins["speak_on"]
    assert (record.status.state, record.version) == ("ready", "1.0")
    assert record.hooks == {"navigation"}
    assert record.import_ms > 0
    assert kernel.plugins["speak_off"].status.state is PluginState.DISABLED
    assert not [name for name in sys.modules if name.startswith("bloop_speak_off")]


def test_nothing_is_imported_before_anything_is_wanted(site, host):
    write_speaker(site, "speak_early")
    kernel = Kernel(scan(), host)
    assert kernel.plugins["speak_early"].status.state is PluginState.DISCOVERED
    assert spoken(kernel) == {}
    assert "bloop_speak_early" not in sys.modules


def test_a_plugin_is_switched_on_and_off_while_others_run(site, host):
    write_speaker(site, "speak_a")
    write_speaker(site, "speak_b")
    kernel = Kernel(scan(), host)
    assert kernel.apply(wanted("speak_a")) == Changes(
        wanted("speak_a").generation, started=("speak_a",)
    )
    assert kernel.apply(wanted("speak_a", "speak_b")).started == ("speak_b",)
    assert spoken(kernel) == {"speak_a": "hello", "speak_b": "hello"}
    old = kernel.hooks
    assert kernel.apply(wanted("speak_b")).stopped == ("speak_a",)
    assert spoken(kernel) == {"speak_b": "hello"}
    assert len(old.navigation(None)) == 2, "who holds the old set still sees all of it"
    assert kernel.plugins["speak_a"].status.state is PluginState.STOPPED
    assert events("speak_a") == ["start hello", "stop hello"]
    assert kernel.apply(wanted("speak_a", "speak_b")).started == ("speak_a",)
    assert events("speak_a")[-1] == "start hello"
    assert kernel.apply(wanted()).stopped == ("speak_a", "speak_b")


def test_hooks_are_called_core_first_then_by_order_then_by_id(site, host):
    class Core:
        @hookimpl
        def navigation(self):
            return "core"

    for plugin_id in ("speak_a", "speak_b", "speak_c"):
        write_speaker(site, plugin_id)
    kernel = Kernel(scan(), replace(host, core={"pages": Core()}))
    plugins = ("speak_a", "speak_b", "speak_c")
    kernel.apply(wanted(*plugins, order={"speak_c": 1}))
    assert list(spoken(kernel)) == ["core.pages", "speak_c", "speak_a", "speak_b"]
    kernel.apply(wanted(*plugins, order={"speak_a": 200}))
    assert list(spoken(kernel)) == ["core.pages", "speak_b", "speak_c", "speak_a"]


def test_new_settings_make_a_new_object_without_a_new_import(site, host):
    write_speaker(site, "speak_set")
    kernel = started(host, "speak_set")
    changes = kernel.apply(wanted("speak_set", speak_set={"word": "servus"}))
    assert changes.reconfigured == ("speak_set",)
    assert spoken(kernel) == {"speak_set": "servus"}
    assert events("speak_set") == ["start hello", "start servus", "stop hello"]
    assert kernel.apply(wanted("speak_set", speak_set={"word": "servus"})).reconfigured == ()


def test_settings_that_are_wrong_leave_the_last_good_ones_in_force(site, host, logs):
    write_speaker(site, "speak_keep")
    kernel = started(host, "speak_keep")
    changes = kernel.apply(wanted("speak_keep", speak_keep={"wrod": "servus"}))
    assert changes.failed == ("speak_keep",)
    assert spoken(kernel) == {"speak_keep": "hello"}
    record = kernel.plugins["speak_keep"]
    assert record.status.state is PluginState.READY
    assert "[plugins.speak_keep] wrod: Extra inputs" in record.last_error
    assert events("speak_keep") == ["start hello"]
    assert any("last good settings" in line[1] for line in logs["speak_keep"].lines)


def test_settings_that_are_wrong_from_the_start_name_key_and_cure(site, host):
    write_speaker(site, "speak_bad")
    kernel = started(host, "speak_bad", speak_bad={"word": 3})
    status = kernel.plugins["speak_bad"].status
    assert status.state is PluginState.LOAD_FAILED
    assert "[plugins.speak_bad] word: Input should be a valid string" in status.reason
    assert status.cure == "`bloop config explain plugins.speak_bad`"
    kernel.apply(wanted("speak_bad", speak_bad={"word": "now"}))
    assert spoken(kernel) == {"speak_bad": "now"}


def test_a_new_object_that_does_not_start_leaves_the_old_one(site, host):
    code = SPEAKS.replace(
        "    def start(self):\n",
        '    def start(self):\n        assert self.ctx.config.word != "no"\n',
    )
    write_speaker(site, "speak_start", code=code)
    kernel = started(host, "speak_start")
    assert kernel.apply(wanted("speak_start", speak_start={"word": "no"})).failed
    assert spoken(kernel) == {"speak_start": "hello"}


def test_what_resolves_settings_says_where_they_came_from(site, host):
    class Resolved:
        def __init__(self, model, written):
            self.config = model(**written)
            self.origins = {"word": "hub.toml:14"}

    write_speaker(site, "speak_from")
    host = replace(host, resolve=lambda _id, model, written: Resolved(model, written))
    kernel = started(host, "speak_from", speak_from={"word": "servus"})
    assert kernel.plugins["speak_from"].origins == {"word": "hub.toml:14"}


def test_the_generation_depends_on_what_is_wanted_and_not_on_its_order():
    one = Wanted(frozenset({"a", "b"}), {"a": 1, "b": 2}, {"a": {"x": 1, "y": 2}, "b": {}})
    same = Wanted(frozenset({"b", "a"}), {"b": 2, "a": 1}, {"b": {}, "a": {"y": 2, "x": 1}})
    assert one.generation == same.generation
    for other in (
        replace(one, enabled=frozenset({"a"})),
        replace(one, order={"a": 1, "b": 3}),
        replace(one, settings={"a": {"x": 1, "y": 3}, "b": {}}),
    ):
        assert other.generation != one.generation


# Plugins that fail.

HOSTILE = {
    "missing module": (
        {"code": "import no_such_vendor.sdk", "requires": ("no-such>=3",)},
        "ModuleNotFoundError: No module named 'no_such_vendor'",
        "pip install 'no_such_vendor'",
    ),
    "missing module of a requirement": (
        {"code": "import nosuchvendor", "requires": ("No-Such.Vendor[full]>=3 ; extra == 'x'",)},
        "No module named 'nosuchvendor'",
        "pip install 'No-Such.Vendor[full]>=3'",
    ),
    "missing module of its own": (
        {"entry_points": "bad = bloop_bad.absent:Main"},
        "No module named 'bloop_bad.absent'",
        "pip install --force-reinstall bloop-bad",
    ),
    "missing class": (
        {"entry_points": "bad = bloop_bad.plugin:Absent"},
        "AttributeError: module 'bloop_bad.plugin' has no attribute 'Absent'",
        "bloop plugins disable bad",
    ),
    "syntax error": ({"code": "def ("}, "SyntaxError", "update bloop-bad or Python"),
    "raises": ({"code": "1 / 0"}, "ZeroDivisionError: division by zero", "disable bad"),
    "fails an assertion": ({"code": "assert False, 'odd'"}, "AssertionError: odd", "disable bad"),
    "exits": ({"code": "raise SystemExit(3)"}, "SystemExit: 3", "disable bad"),
    "interrupts": ({"code": "raise KeyboardInterrupt"}, "KeyboardInterrupt", "disable bad"),
    "cancels": (
        {"code": "import asyncio\nraise asyncio.CancelledError"},
        "CancelledError",
        "disable bad",
    ),
    "says itself what to do": (
        {"code": "from bloop_sdk import FatalError\nraise FatalError('no licence', cure='buy')"},
        "no licence",
        "buy",
    ),
    "is no plugin": (
        {"code": "class Main: pass"},
        "Main is no subclass of bloop_sdk.Plugin",
        "derive it",
    ),
    "is no class": (
        {"code": "Main = 3"},
        "an object of type int is no subclass of bloop_sdk.Plugin",
        "derive it",
    ),
    "has a config that is none": (
        {"manifest": {"config": "bloop_bad.plugin:Main"}},
        "Main is no subclass of bloop_sdk.PluginConfig",
        "derive it",
    ),
    "has a config that is missing": (
        {"manifest": {"config": "bloop_bad.plugin:Absent"}},
        "import of config bloop_bad.plugin:Absent failed: AttributeError",
        "disable bad",
    ),
    "raises when made": (
        {
            "code": """
                from bloop_sdk import Plugin
                class Main(Plugin):
                    def __init__(self, ctx):
                        raise OSError("no disk")
            """
        },
        "creation failed: OSError: no disk",
        "disable bad",
    ),
    "raises when started": (
        {
            "code": """
                from bloop_sdk import Plugin
                class Main(Plugin):
                    def start(self):
                        raise SystemExit(1)
            """
        },
        "start failed: SystemExit: 1",
        "disable bad",
    ),
    "has a hook that it does not declare": (
        {"code": SPEAKS},
        "implements hooks that its manifest does not declare: navigation",
        "add to `hooks`",
    ),
    "declares a hook that it does not have": (
        {"manifest": {"hooks": ["navigation"]}},
        "declares hooks that it does not implement: navigation",
        "remove from `hooks`",
    ),
    "wraps hooks": (
        {"code": SPEAKS.replace("@hookimpl", "@hookimpl(wrapper=True)").replace("return", "yield")},
        "navigation is a hook wrapper",
        "write a plain hook implementation",
    ),
}


@pytest.mark.parametrize(("change", "reason", "cure"), HOSTILE.values(), ids=HOSTILE)
def test_a_plugin_that_does_not_load_says_why_and_costs_itself_alone(
    site, host, change, reason, cure, logs
):
    write_plugin(site, "bad", **change)
    write_speaker(site, "good")
    kernel = Kernel(scan(), host)
    changes = kernel.apply(wanted("bad", "good"))
    assert (changes.started, changes.failed) == (("good",), ("bad",))
    status = kernel.plugins["bad"].status
    assert status.state is PluginState.LOAD_FAILED
    assert reason in status.reason
    assert cure in status.cure
    assert kernel.plugins["bad"].last_error == status.reason
    assert spoken(kernel) == {"good": "hello"}
    assert reason in str(logs["bad"].lines)


def test_the_reason_names_file_and_line_in_the_plugin(site, host):
    written = write_plugin(site, "bad", code="x = 1\n\nint('x')\n")
    kernel = started(host, "bad")
    assert kernel.plugins["bad"].status.reason.endswith(f"({written.package / 'plugin.py'}:3)")


def test_a_failed_plugin_is_not_tried_again_until_something_changed(site, host):
    written = write_plugin(site, "bad", code="raise ValueError('one')")
    write_speaker(site, "good")
    kernel = started(host, "bad")
    (written.package / "plugin.py").write_text("raise ValueError('two')")
    importlib.invalidate_caches()
    kernel.apply(wanted("bad", "good"))
    assert "one" in kernel.plugins["bad"].status.reason
    kernel.apply(wanted("good"))
    assert kernel.plugins["bad"].status.state is PluginState.STOPPED
    kernel.apply(wanted("bad", "good"))
    assert "two" in kernel.plugins["bad"].status.reason


def test_a_failed_plugin_may_turn_out_to_wait_for_its_tables(site, host):
    write_plugin(site, "bad", code="1 / 0")
    pending = []
    kernel = started(replace(host, pending_upgrade=lambda _: "".join(pending) or None), "bad")
    pending.append("1 migration is pending")
    kernel.apply(wanted("bad", bad={"x": 1}))
    assert kernel.plugins["bad"].status.state is PluginState.NEEDS_UPGRADE


def test_a_plugin_that_does_not_stop_cleanly_is_stopped_all_the_same(site, host, logs):
    code = """
        from bloop_sdk import Plugin
        class Main(Plugin):
            def stop(self):
                raise SystemExit("never")
    """
    write_plugin(site, "clingy", code=code)
    kernel = started(host, "clingy")
    kernel.apply(wanted())
    assert kernel.plugins["clingy"].status.state is PluginState.STOPPED
    assert "SystemExit: never" in kernel.plugins["clingy"].last_error


SCANNED = {
    "invalid": ({"manifest": "id ="}, PluginState.INVALID, PluginState.INVALID),
    "incompatible": ({"manifest": {"api": "9.0"}}, *[PluginState.INCOMPATIBLE] * 2),
    "blocked": (
        {"manifest": {"requires": {"system": ["libabsent"]}}},
        PluginState.BLOCKED,
        PluginState.DISABLED,
    ),
}


@pytest.mark.parametrize(("change", "on", "off"), SCANNED.values(), ids=SCANNED)
def test_what_the_scan_found_wrong_is_not_loaded(site, host, change, on, off):
    write_plugin(site, "bad", code="raise AssertionError('imported')", **change)
    kernel = Kernel(scan(lambda names: names), host)
    kernel.apply(wanted())
    assert kernel.plugins["bad"].status.state is off
    kernel.apply(wanted("bad"))
    status = kernel.plugins["bad"].status
    assert status.state is on
    assert status.reason
    assert status.cure
    kernel.apply(wanted())
    assert kernel.plugins["bad"].status.state is off


def test_a_plugin_that_is_not_installed_says_so(host):
    kernel = started(host, "not_here")
    status = kernel.plugins["not_here"].status
    assert status.state is PluginState.INVALID
    assert "no installed distribution" in status.reason
    assert "(bloop-not-here?)" in status.cure
    assert kernel.plugins["not_here"].capabilities == ()
    kernel.apply(wanted())
    assert "not_here" not in kernel.plugins


def test_a_plugin_waits_for_its_tables(site, host):
    write_speaker(site, "tabled")
    pending = ["2 migrations are pending"]
    host = replace(host, pending_upgrade=lambda manifest: pending[0] if pending else None)
    kernel = started(host, "tabled")
    status = kernel.plugins["tabled"].status
    assert (status.state, status.reason) == ("needs_upgrade", "2 migrations are pending")
    assert status.cure == "`bloop db upgrade`"
    pending.clear()
    assert kernel.apply(wanted("tabled")).started == ("tabled",)


def test_every_step_is_logged(site, host, logs):
    write_speaker(site, "speak_kept")
    kernel = started(host, "speak_kept")
    kernel.apply(wanted())
    told = [event for _, event, _ in logs["speak_kept"].lines]
    assert told == [f"plugin {step}" for step in ("loading", "ready", "stopped")]


def test_a_persons_ctrl_c_during_an_import_is_no_failure_of_the_plugin(site, host, tmp_path):
    code = """
        import os, signal
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000): pass
    """
    write_plugin(site, "innocent", code=code)
    watchdog = Watchdog(Journal(tmp_path / "journal"))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Kernel(scan(), host, watchdog=watchdog).apply(wanted("innocent"))
    finally:
        signal.signal(signal.SIGINT, before)
    watchdog.stop()
    assert Watchdog(Journal(tmp_path / "journal")).suspects() == {}


# What was installed meanwhile.


def test_a_plugin_installed_meanwhile_is_switched_on_live(site, host):
    kernel = started(host, "speak_late")
    assert kernel.plugins["speak_late"].status.state is PluginState.INVALID
    write_speaker(site, "speak_late")
    changes = kernel.apply(wanted("speak_late"), scan())
    assert changes.started == ("speak_late",)
    assert spoken(kernel) == {"speak_late": "hello"}


def test_changed_code_needs_a_restart_and_the_old_one_goes_on(site, host):
    written = write_speaker(site, "speak_new")
    write_speaker(site, "speak_same")
    kernel = started(host, "speak_new", "speak_same")
    module = written.package / "plugin.py"
    later = module.stat().st_mtime + 100
    os.utime(module, (later, later))
    changes = kernel.apply(wanted("speak_new", "speak_same"), scan())
    assert changes.restart == ("speak_new",)
    assert len(spoken(kernel)) == 2
    kernel.apply(wanted())
    assert kernel.apply(wanted("speak_new", "speak_same")).restart == ("speak_new",)


def test_another_version_or_none_needs_a_restart(site, host):
    upgraded = write_speaker(site, "speak_up")
    removed = write_speaker(site, "speak_gone")
    never = write_speaker(site, "speak_never")
    kernel = started(host, "speak_up", "speak_gone")
    for written in (upgraded, removed, never):
        for file in written.dist_info.iterdir():
            file.unlink()
        written.dist_info.rmdir()
    write_speaker(site, "speak_up", version="2.0")
    changes = kernel.apply(wanted("speak_up", "speak_gone"), scan())
    assert changes.restart == ("speak_gone", "speak_up")
    assert kernel.plugins["speak_up"].version == "1.0"
    assert "speak_never" not in kernel.plugins


def test_a_package_that_cannot_be_read_counts_as_changed(site, host, monkeypatch):
    write_speaker(site, "speak_unread")
    kernel = started(host, "speak_unread")
    found = scan()

    def fail(*_args, **_kwargs):
        raise PermissionError(13, "no")

    monkeypatch.setattr("pathlib.Path.rglob", fail)
    assert kernel.apply(wanted("speak_unread"), found).restart == ("speak_unread",)


# What ready plugins offer.

OFFERS = """
from bloop_sdk import Plugin

class Main(Plugin):
    pass

class Sink:
    def __init__(self, ctx):
        self.ctx = ctx

    async def check(self):
        return None

    async def publish(self, events):
        return len(events)

    async def close(self):
        return None

async def show(request, ctx):
    return "shown"
"""
OFFERING = {
    "provides": {"sink": "bloop_offers.plugin:Sink"},
    "contributes": {
        "routes": [{"path": "/", "handler": "bloop_offers.plugin:show", "action": "a_b:read"}],
        "jobs": [{"kind": "absent", "handler": "bloop_offers.absent:job"}],
        "schedules": [{"job": "absent", "every": "15m"}],
        "tables": {"metadata": "bloop_offers.plugin:show", "migrations": "bloop_offers.versions"},
    },
}


@pytest.fixture
def offering(site, host):
    write_plugin(site, "offers", code=OFFERS, manifest=OFFERING)
    return started(host, "offers")


def test_contributions_are_declared_by_manifest_and_imported_on_use(offering):
    [route] = offering.contributions("routes")
    assert (route.plugin_id, route.declaration.path) == ("offers", "/")
    assert route.target() is sys.modules["bloop_offers.plugin"].show
    assert offering.contributions("tables")[0].declaration.migrations == "bloop_offers.versions"
    assert offering.contributions("schedules")[0].declaration.every == "15m"
    assert offering.contributions("pages") == ()


def test_a_contribution_that_is_not_there_names_its_plugin_fault_and_cure(offering):
    [job] = offering.contributions("jobs")
    with pytest.raises(PluginUnavailableError, match=r"bloop_offers\.absent") as caught:
        job.target()
    assert caught.value.cure == "pip install --force-reinstall bloop-offers"


def test_providers_are_found_by_capability_and_id(offering):
    [handle] = offering.providers("sink")
    assert offering.provider("sink", "offers") is handle
    assert repr(handle) == "<sink of offers>"
    assert handle.create("context").ctx == "context"
    assert offering.providers("lms") == ()
    assert offering.plugins["offers"].capabilities == ("sink",)


def test_what_a_switched_off_plugin_offered_is_gone(offering):
    offering.apply(wanted())
    assert offering.providers("sink") == ()
    assert offering.contributions("routes") == ()


def test_a_provider_that_is_not_to_be_had_says_why(site, host):
    write_plugin(site, "offers", code=OFFERS, manifest=OFFERING)
    write_plugin(site, "bad", code="1 / 0")
    kernel = started(host, "bad")
    for plugin_id, reason, cure in (
        ("offers", "plugin offers is disabled", "`bloop plugins enable offers`"),
        ("bad", "plugin bad is load_failed: import failed: ZeroDivisionError", "disable bad"),
        ("nobody", "plugin nobody is not installed", "(bloop-nobody?)"),
    ):
        with pytest.raises(PluginUnavailableError, match=reason) as caught:
            kernel.provider("sink", plugin_id)
        assert cure in caught.value.cure
    kernel.apply(wanted("offers"))
    with pytest.raises(PluginUnavailableError, match="offers provides no lms"):
        kernel.provider("lms", "offers")


# Processes that die.

HANGS = """
import time
print("importing", flush=True)
time.sleep(60)
"""
START = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from bloop.kernel.discovery import scan
    from bloop.kernel.host import Host
    from bloop.kernel.journal import Journal
    from bloop.kernel.kernel import Kernel
    from bloop.kernel.wanted import Wanted
    from bloop.kernel.watchdog import Watchdog
    from bloop_sdk.testing import ListLogger

    data = Path(sys.argv[2])
    watchdog = Watchdog(Journal(data / "journal"), deadline=0.3)
    watchdog.start()
    kernel = Kernel(scan(), Host(data, lambda _: ListLogger()), watchdog=watchdog)
    kernel.apply(Wanted(frozenset(sys.argv[3:])))
    for record in kernel.plugins.values():
        print(record.id, record.status.state, record.status.reason, "|", record.status.cure)
    print("loaded", *(name for name in sys.modules if name.startswith("bloop_")))
    watchdog.stop()
"""


def start(site, data, *enabled):
    command = [sys.executable, "-c", textwrap.dedent(START), str(site), str(data), *enabled]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("code", "status"),
    [(HANGS, EXIT_DEADLINE), ("import os\nos._exit(9)", 9), ("import os\nos.abort()", -6)],
    ids=["hangs", "exits hard", "crashes"],
)
def test_after_an_import_that_ended_the_process_the_next_start_goes_without_it(
    site, tmp_path, code, status
):
    write_plugin(site, "killer", code=code)
    write_speaker(site, "good")
    first = start(site, tmp_path / "data", "killer", "good")
    assert first.returncode == status
    second = start(site, tmp_path / "data", "killer", "good")
    assert second.returncode == 0, second.stderr
    assert "killer load_failed process" in second.stdout
    assert re.search(r"died in .+ \(version 1\.0, ", second.stdout)
    assert "| update bloop-killer, or disable and enable it" in second.stdout
    assert "good ready" in second.stdout


def test_a_disabled_plugin_is_absent_from_a_process(site, tmp_path):
    write_plugin(site, "never", code="raise SystemExit(1)")
    write_speaker(site, "good")
    ended = start(site, tmp_path / "data", "good")
    assert ended.stdout.endswith(" bloop_good bloop_good.plugin\n")
    assert "never disabled" in ended.stdout
    assert "bloop_never" not in ended.stdout


@pytest.fixture
def accused(site, tmp_path):
    """A good plugin on which an earlier process died, and a watchdog that knows it."""
    folder = tmp_path / "journal"
    write_speaker(site, "unlucky")
    journal = Journal(folder)
    journal.begin(scan().plugins["unlucky"].code, "import")
    journal.close()
    watchdog = Watchdog(Journal(folder))
    yield watchdog
    watchdog.stop()


def test_an_accused_plugin_stays_off_until_it_is_switched_on_anew(accused, host):
    kernel = Kernel(scan(), host, watchdog=accused)
    kernel.apply(wanted("unlucky"))
    assert kernel.plugins["unlucky"].status.state is PluginState.LOAD_FAILED
    kernel.apply(wanted("unlucky"), scan())
    assert kernel.plugins["unlucky"].status.state is PluginState.LOAD_FAILED
    kernel.apply(wanted())
    kernel.apply(wanted("unlucky"))
    assert spoken(kernel) == {"unlucky": "hello"}
    assert accused.suspects() == {}


def test_a_new_version_of_an_accused_plugin_is_tried(accused, host, site):
    info = next(site.glob("*.dist-info"))
    (info / "METADATA").write_text("Name: bloop-unlucky\nVersion: 1.1\n")
    kernel = Kernel(scan(), host, watchdog=accused)
    kernel.apply(wanted("unlucky"))
    assert spoken(kernel) == {"unlucky": "hello"}
    assert accused.suspects() == {}


def test_plugins_are_started_and_stopped_under_the_watchdog(site, host, tmp_path):
    write_speaker(site, "watched")
    watchdog = Watchdog(Journal(tmp_path / "journal"))
    kernel = Kernel(scan(), host, watchdog=watchdog)
    kernel.apply(wanted("watched"))
    kernel.apply(wanted())
    [path] = (tmp_path / "journal").glob("*.jsonl")
    whats = [part.partition('"')[0] for part in path.read_text().split('"what": "')[1:]]
    assert whats == [
        "import",
        "import of config bloop_watched.plugin:Config",
        "start",
        "stop",
    ]
    watchdog.stop()


def test_requests_go_on_while_a_plugin_is_imported(site, host):
    code = """
        import builtins
        builtins.bloop_test_gate.wait(30)
        from bloop_sdk import Plugin
        class Main(Plugin): pass
    """
    import builtins

    builtins.bloop_test_gate = gate = threading.Event()
    write_plugin(site, "slow", code=code)
    write_speaker(site, "good")
    kernel = started(host, "good")
    applying = threading.Thread(target=kernel.apply, args=(wanted("good", "slow"),))
    applying.start()
    try:
        assert spoken(kernel) == {"good": "hello"}
        assert kernel.provider
        assert kernel.plugins["slow"].status.state is PluginState.DISABLED
    finally:
        gate.set()
        applying.join()
        del builtins.bloop_test_gate
    assert kernel.plugins["slow"].status.state is PluginState.READY


def test_a_bare_host_takes_plain_settings(site, tmp_path):
    assert Host(tmp_path, print).report(None) is None
