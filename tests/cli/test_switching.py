"""Before a switch the operator sees what it does; after it, who did it, and the way back."""

import getpass
import os
import pty
import subprocess
import sys

import pytest

from bloop_sdk.testing.distributions import write_plugin

BLOOP = [sys.executable, "-c", "from bloop.cli.main import main; main()"]


@pytest.fixture
def hub(folder, site, bloop, monkeypatch):
    """Runs `bloop` in a folder, beside two plugins that ask for something."""
    for name in ("asks", "other"):
        write_plugin(site, name, manifest={"network": {"hosts": [f"{name}.example"]}})
    (folder / "hub.toml").write_text("# Mine.\n")
    # Those at a terminal run in a process of their own.
    monkeypatch.setenv("PYTHONPATH", str(site))
    bloop.site, bloop.file = site, folder / "hub.toml"
    return bloop


def said(done):
    assert done.code == 0, done.err
    return done.json


def test_the_plan_is_shown_and_nothing_is_done(hub):
    before = hub.file.read_text()
    shown = hub("plugins", "enable", "asks", "--plan")
    assert "new It exchanges data with asks.example." in shown.out
    plan = said(hub("plugins", "enable", "asks", "--plan", "--json"))
    assert plan["loads"] == ["asks"]
    assert plan["rights"][0]["name"] == "network:asks.example"
    assert hub.file.read_text() == before


def test_enabling_grants_what_is_declared_and_says_so(hub):
    report = said(hub("plugins", "enable", "asks", "--json"))
    assert (report["changed"], report["plan"]["changed"]) == (True, True)
    assert hub.file.read_text() == (
        '# Mine.\n\n[plugins.asks]\nenabled = true\ngranted = ["network:asks.example"]\n'
    )


def test_a_newer_version_that_asks_for_more_is_held_back_until_it_is_granted(hub):
    said(hub("plugins", "enable", "asks", "--json"))
    said(hub("plugins", "enable", "other", "--json"))
    hosts = ["asks.example", "evil.example"]
    write_plugin(hub.site, "asks", manifest={"network": {"hosts": hosts}})
    held = hub("plugins", "doctor", "--json")
    assert held.code == 1
    states = {item["id"]: item for item in held.json["items"]}
    assert (states["asks"]["state"], states["other"]["state"]) == ("blocked", "ready")
    assert "network:evil.example" in states["asks"]["reason"]
    assert "bloop plugins enable asks" in states["asks"]["cure"]
    assert "asks for more than was granted" in hub("plugins", "list").out
    rights = said(hub("plugins", "show", "asks", "--json"))["rights"]
    assert [right["granted"] for right in rights] == [True, False]
    said(hub("plugins", "enable", "asks", "--json"))
    assert hub("plugins", "doctor", "asks").code == 0


def at_terminal(hub, answer, *words):
    """Exit code and output of a command at a pseudo-terminal, where somebody types ``answer``."""
    main, side = pty.openpty()
    with subprocess.Popen(
        [*BLOOP, *words],
        cwd=hub.file.parent,
        stdin=side,
        stdout=side,
        stderr=side,
        close_fds=True,
    ) as process:
        os.close(side)
        os.write(main, answer.encode())
        output = b""
        while True:
            try:
                piece = os.read(main, 4096)
            except OSError:  # Linux: the other side is closed.
                break
            if not piece:
                break
            output += piece
        code = process.wait(100)
    os.close(main)
    return code, output.decode()


def test_at_a_terminal_it_asks_first(hub):
    before = hub.file.read_text()
    code, output = at_terminal(hub, "n\n", "plugins", "enable", "asks")
    assert (code, "Enable asks?" in output) == (130, True)
    assert "asks.example" in output
    assert hub.file.read_text() == before
    code, output = at_terminal(hub, "y\n", "plugins", "enable", "asks")
    assert (code, "switched on" in output) == (0, True)
    code, output = at_terminal(hub, "", "plugins", "disable", "asks", "--yes")
    assert (code, "Disable asks?" in output) == (0, False)


def test_switches_are_undone_one_after_another(hub):
    texts = [hub.file.read_bytes()]
    for words in (("enable", "asks"), ("enable", "other"), ("disable", "asks")):
        said(hub("plugins", *words, "--json"))
        texts.append(hub.file.read_bytes())
    undone = said(hub("plugins", "undo", "--json"))
    assert (undone["id"], undone["undone"]) == ("asks", "disable")
    assert hub.file.read_bytes() == texts[2]
    assert "Taken back: enable other" in hub("plugins", "undo").out
    said(hub("plugins", "undo", "--json"))
    assert hub.file.read_bytes() == texts[0]
    none = hub("plugins", "undo")
    assert (none.code, "no edit of hub.toml is left" in none.err) == (1, True)


def test_an_undo_over_somebodys_edit_is_refused_with_the_diff(hub):
    said(hub("plugins", "enable", "asks", "--json"))
    by_hand = hub.file.read_text().replace("# Mine.", "# Yours.")
    hub.file.write_text(by_hand)
    refused = hub("plugins", "undo")
    assert refused.code == 1
    assert "-# Mine." in refused.err and "+# Yours." in refused.err
    assert hub.file.read_text() == by_hand


def test_the_history_tells_who_switched_what_without_a_running_hub(hub, database_urls, monkeypatch):
    monkeypatch.setenv("BLOOP_STORE__URL", database_urls[0])
    monkeypatch.setenv("BLOOP_STORE__OWNER_URL", database_urls[1])
    assert hub("init").code == 0
    assert hub("plugins", "history").out == "Nothing has been switched yet.\n"
    for words in (("enable", "asks"), ("enable", "asks"), ("undo",)):
        assert hub("plugins", *words).code == 0
    items = said(hub("plugins", "history", "--json"))["items"]
    told = [(item["action"], item["resource"], item["detail"]["user"]) for item in items]
    assert told == [
        ("plugins.undone", "plugin:asks", getpass.getuser()),
        ("plugins.enabled", "plugin:asks", getpass.getuser()),
    ]
    assert getpass.getuser() in hub("plugins", "history").out
    assert len(said(hub("plugins", "history", "--limit", "1", "--json"))["items"]) == 1


def test_without_a_database_a_switch_works_and_there_is_no_history(hub):
    said(hub("plugins", "enable", "asks", "--json"))
    done = hub("plugins", "history")
    assert (done.code, "bloop init" in done.err) == (1, True)
