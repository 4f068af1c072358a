"""What the operator does with plugins, also with the worst of them."""

import pytest

from bloop_sdk.testing.distributions import write_plugin


@pytest.fixture
def hub(folder, site, bloop):
    """Runs `bloop` in a folder, with plugins of the test's own on its path."""
    (folder / "hub.toml").write_text(
        "[limits]\nimport_seconds = 1.5\n\n[plugins.cartridge] # reads courses\nenabled = true\n"
    )
    bloop.site, bloop.file = site, folder / "hub.toml"
    return bloop


@pytest.fixture
def apart(hub, process, monkeypatch):
    """The same in a process of its own, which a plugin may do anything to."""
    monkeypatch.setenv("PYTHONPATH", str(hub.site))
    return process


def test_the_list_imports_no_plugin(hub):
    write_plugin(hub.site, "loud", code="raise SystemExit('imported')")
    done = hub("plugins", "list")
    assert done.code == 0
    assert "loud" in done.out
    assert "cartridge" in done.out


def test_enable_and_disable_keep_the_comments(hub):
    write_plugin(hub.site, "quiet")
    assert "switched on" in hub("plugins", "enable", "quiet").out
    assert "was on already" in hub("plugins", "enable", "quiet").out
    assert "# reads courses" in hub.file.read_text()
    assert "switched off" in hub("plugins", "disable", "quiet").out


def test_enabling_what_is_not_installed_changes_nothing(hub):
    before = hub.file.read_text()
    done = hub("plugins", "enable", "nope")
    assert done.code == 1
    assert "(bloop-nope?)" in done.err
    assert hub.file.read_text() == before


def test_doctor_names_culprit_cause_and_cure_beside_the_good_one(hub):
    write_plugin(hub.site, "broken", code="import nosuchmodule\n")
    hub("plugins", "enable", "broken")
    done = hub("plugins", "doctor")
    assert done.code == 1
    assert "cartridge 0.1.0  ready" in done.out
    assert "broken 1.0  load_failed" in done.out
    assert "No module named 'nosuchmodule'" in done.out
    assert "pip install 'nosuchmodule'" in done.out


def test_a_plugin_that_ends_the_process_is_named_by_the_next_and_forgiven_by_hand(hub, apart):
    write_plugin(hub.site, "crasher", code="import os\nos._exit(9)\n")
    hub("plugins", "enable", "crasher")
    assert apart("plugins", "doctor").code == 9
    named = apart("plugins", "doctor")
    assert named.code == 1
    assert "by os._exit(9)" in named.out
    assert "cartridge 0.1.0  ready" in named.out
    hub("plugins", "enable", "crasher")
    assert apart("plugins", "doctor").code == 9


def test_a_plugin_that_hangs_ends_the_process_and_is_named_by_the_next(hub, apart):
    write_plugin(hub.site, "hanger", code="import time\ntime.sleep(1000)\n")
    hub("plugins", "enable", "hanger")
    hung = apart("plugins", "doctor")
    assert hung.code == 70
    assert "plugin hanger: import took too long" in hung.err
    assert "died in import" in apart("plugins", "doctor").out


def test_a_broken_file_names_line_key_and_cure(hub):
    hub.file.write_text("[http]\nport = 99999\n")
    done = hub("plugins", "list")
    assert done.code == 1
    assert "hub.toml:2: [http] port: must be between 1 and 65535" in done.err


def test_brackets_of_a_manifest_are_no_markup(hub):
    write_plugin(hub.site, "loud", manifest={"summary": "Reads [bold]courses[/] from [here]."})
    for words in (("list",), ("show", "loud")):
        done = hub("plugins", *words)
        assert (done.code, "[bold]courses[/] from [here]." in done.out) == (0, True)


NEEDY = """
from bloop_sdk import Plugin, PluginConfig, setting

class Config(PluginConfig):
    key: str = setting(description="A key")

class Main(Plugin):
    pass
"""


def test_a_missing_setting_is_cured_in_hub_toml(hub):
    write_plugin(hub.site, "needy", code=NEEDY, manifest={"config": "bloop_needy.plugin:Config"})
    hub("plugins", "enable", "needy")
    done = hub("plugins", "doctor", "needy")
    assert done.code == 1
    assert "[plugins.needy] key: is missing" in done.out
    assert "correct [plugins.needy] in hub.toml" in done.out


def test_a_right_has_no_tick_while_the_plugin_is_off(hub):
    write_plugin(hub.site, "asks", manifest={"network": {"hosts": ["asks.example"]}})
    assert "· It exchanges data with asks.example" in hub("plugins", "show", "asks").out
    hub("plugins", "enable", "asks")
    assert "✓ It exchanges data with asks.example" in hub("plugins", "show", "asks").out


DEPRECATED = """
from bloop_sdk import Plugin
from bloop_sdk.deprecation import deprecated

class Main(Plugin):
    def start(self):
        deprecated("old", since="1.1", removed_on="2030-01-01", instead="new")
"""


TELLING = """
from bloop_sdk import Plugin

class Main(Plugin):
    def notes(self):
        return ["found a press of 1450"]
"""
SILENT = TELLING.replace('return ["found a press of 1450"]', "return 1 / 0")


def test_doctor_tells_what_plugins_tell_of_themselves(hub):
    for name, code in (("telling", TELLING), ("silent", SILENT)):
        write_plugin(hub.site, name, code=code)
        hub("plugins", "enable", name)
    done = hub("plugins", "doctor")
    assert done.code == 0
    assert "found a press of 1450" in done.out
    assert "division by zero" in done.out


def test_doctor_shows_what_a_plugin_uses_that_will_go(hub, apart):
    write_plugin(hub.site, "elder", code=DEPRECATED)
    hub("plugins", "enable", "elder")
    done = apart("plugins", "doctor", "elder")
    assert done.code == 0
    assert "old is deprecated since 1.1 and goes on 2030-01-01: use new" in done.out
