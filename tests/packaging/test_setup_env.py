"""Making the environment: once, again for nothing, and with a cure where it cannot be done."""

import shutil
import subprocess
import sys
import zipfile

import pytest
import setup_env

SYSTEM_PACKAGES = str(setup_env.SYSTEM_PACKAGES)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A small tree with two distributions and both locks, whose pip only notes its calls."""
    for folder, name in (("core/sdk", "bloop-sdk"), ("core/hub", "bloop-hub")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    (tmp_path / ".venv").mkdir()
    for lock in (setup_env.RUNTIME, setup_env.DEV):
        (tmp_path / lock).write_text("six==1.17.0 --hash=sha256:00\n")
    calls = []
    monkeypatch.setattr(setup_env, "ROOT", tmp_path)
    monkeypatch.setattr(setup_env, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup_env, "NOTE", tmp_path / ".venv" / "note.json")
    monkeypatch.setattr(setup_env, "pip", lambda arguments, total: calls.append([*arguments]))
    return tmp_path, calls


def add_plugin(root, name, system=()):
    folder = root / "plugins" / "lms" / name
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[project]\nname = "bloop-{name}"\n')
    (folder / "bloop-plugin.toml").write_text(f"[requires]\nsystem = {[*system]}\n")
    return folder


def test_an_unchanged_tree_is_left_alone(tree):
    _, calls = tree
    setup_env.refresh(setup_env.RUNTIME, set())
    assert len(calls) == 2
    setup_env.refresh(setup_env.RUNTIME, set())
    assert len(calls) == 2


def test_a_lock_is_installed_with_its_hashes_and_ours_without_dependencies(tree):
    root, calls = tree
    setup_env.refresh(setup_env.RUNTIME, set())
    locked, ours = calls
    assert {"--require-hashes", str(root / ".venv" / setup_env.RUNTIME)} <= set(locked)
    assert {"--no-deps", "--no-build-isolation", str(root / "core/sdk")} <= set(ours)


@pytest.mark.parametrize("works", [True, False])
def test_uv_installs_a_lock_and_pip_does_where_it_cannot(tree, monkeypatch, works):
    root, calls = tree
    monkeypatch.setattr(setup_env, "VENV_PYTHON", sys.executable)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for name in ("PIP_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    (root / setup_env.DEV).write_text("uv==1 \\\n    --hash=sha256:00\nsix==1\n")
    uv = root / ".venv/bin/uv"
    uv.parent.mkdir()
    uv.write_text(f'#!/bin/sh\necho "$@" > {root}/told\nexit {0 if works else 2}\n')
    uv.chmod(0o755)
    lock = root / ".venv/some.lock"
    assert setup_env.installed_by_uv(lock) is works
    assert (root / ".venv/uv.lock").read_text() == "uv==1 \\\n    --hash=sha256:00\n"
    assert {"--require-hashes", str(root / ".venv/uv.lock")} <= set(calls[0])
    told = (root / "told").read_text().split()
    assert told[-1] == str(lock)
    assert {"--require-hashes", "--no-deps"} <= set(told)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    assert not setup_env.installed_by_uv(lock)


def test_a_lock_stays_installable_when_newer_versions_come_out(tmp_path, monkeypatch):
    """Real pip on real wheels: `app` asks for an extra of `lib`, of which 2 has come out since."""
    wheels = [
        write_wheel(tmp_path, "blooptlib", "1", "Provides-Extra: more"),
        write_wheel(tmp_path, "blooptlib", "2", "Provides-Extra: more"),
        write_wheel(tmp_path, "blooptapp", "1", "Requires-Dist: blooptlib[more]>=1"),
    ]
    lock = [
        f"{wheel.name.split('-')[0]}==1 --hash=sha256:{setup_env.digest(wheel)}" for wheel in wheels
    ]
    (tmp_path / setup_env.RUNTIME).write_text("\n".join([lock[0], lock[2], ""]))
    monkeypatch.setattr(setup_env, "ROOT", tmp_path)
    (tmp_path / "venv").mkdir()
    monkeypatch.setattr(setup_env, "VENV", tmp_path / "venv")
    monkeypatch.setattr(setup_env, "VENV_PYTHON", sys.executable)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path), "DRY_RUN": "1"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    setup_env.install_lock(setup_env.RUNTIME, set())
    assert "Would install blooptapp-1 blooptlib-1" in (tmp_path / "venv" / "pip.log").read_text()


def write_wheel(folder, name, version, line):
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as file:
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{line}\n"
        file.writestr(f"{info}/METADATA", head)
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")
    return wheel


def test_a_changed_lock_is_installed_again(tree):
    root, calls = tree
    setup_env.refresh(setup_env.RUNTIME, set())
    (root / setup_env.RUNTIME).write_text("six==1.18.0 --hash=sha256:01\n")
    setup_env.refresh(setup_env.RUNTIME, set())
    assert ["--require-hashes" in call for call in calls] == [True, False, True]


def test_the_dev_lock_serves_for_the_other_too(tree):
    _, calls = tree
    setup_env.refresh(setup_env.DEV, set())
    setup_env.refresh(setup_env.RUNTIME, set())
    assert len(calls) == 2


def test_only_what_is_new_or_changed_is_installed_again(tree):
    root, calls = tree
    setup_env.refresh(setup_env.RUNTIME, set())
    folder = add_plugin(root, "moodle")
    setup_env.refresh(setup_env.RUNTIME, set())
    assert [part for part in calls[-1] if part.startswith("/")] == [str(folder)]


def test_a_plugin_that_is_gone_is_removed(tree):
    root, calls = tree
    folder = add_plugin(root, "moodle")
    setup_env.refresh(setup_env.RUNTIME, set())
    (folder / "pyproject.toml").unlink()
    setup_env.refresh(setup_env.RUNTIME, set())
    assert calls[-1] == ["uninstall", "--yes", "bloop-moodle"]


def test_a_broken_note_means_a_fresh_start(tree):
    _, calls = tree
    setup_env.NOTE.write_text("{")
    setup_env.refresh(setup_env.RUNTIME, set())
    assert len(calls) == 2


def test_a_missing_system_package_costs_only_the_plugins_that_ask(tree, monkeypatch, capfd):
    root, _ = tree
    add_plugin(root, "espeak", system=["bloop-no-such-package"])
    add_plugin(root, "moodle")
    script = root / "system-packages.sh"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(setup_env, "SYSTEM_PACKAGES", script)
    setup_env.install_system_packages()
    said = capfd.readouterr().out
    assert "going on without espeak: it needs the system package bloop-no-such-package" in said
    assert "moodle" not in said


def test_pips_own_words_are_shown_when_it_fails(tmp_path, monkeypatch, capsys):
    (tmp_path / "venv").mkdir()
    monkeypatch.setattr(setup_env, "VENV", tmp_path / "venv")
    monkeypatch.setattr(setup_env, "VENV_PYTHON", sys.executable)
    monkeypatch.setattr(setup_env, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"could not install[\s\S]*pip\.log"):
        setup_env.pip(["install", "--no-index", "bloop-no-such-package"], 1)
    assert "bloop-no-such-package" in capsys.readouterr().err


def test_a_python_without_ensurepip_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(setup_env, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup_env, "VENV_PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(setup_env, "SYSTEM_PACKAGES", "/bin/false")
    monkeypatch.setattr(setup_env, "can_make_venv", lambda: False)
    with pytest.raises(SystemExit, match=r"sudo apt-get install python3.*-venv"):
        setup_env.make_venv()


# The two shell scripts, on machines made of a few stubs.


@pytest.fixture
def machine(tmp_path):
    """Runs a script where only the given commands exist, besides the usual small ones."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "grep", "dirname", "mktemp", "rm", "tail", "cat"):
        (folder / name).symlink_to(shutil.which(name))

    def run(*command, **stubs):
        for name, body in stubs.items():
            stub = folder / name.replace("_", "-")
            stub.write_text(f"#!/bin/sh\n{body}\n")
            stub.chmod(0o755)
        return subprocess.run(
            ["/bin/sh", *command],
            check=False,
            env={"PATH": str(folder)},
            capture_output=True,
            text=True,
        )

    return run


def test_installed_packages_are_left_alone(machine):
    done = machine(SYSTEM_PACKAGES, "espeak-ng", dpkg_query="echo installed")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_root_installs_what_is_missing(machine, tmp_path):
    log = tmp_path / "apt.log"
    done = machine(
        SYSTEM_PACKAGES,
        *("one", "two"),
        dpkg_query='[ "$3" = one ] && echo installed',
        id="echo 0",
        apt_get=f'echo "$@" >>{log}',
    )
    assert done.returncode == 0
    assert log.read_text().splitlines()[-1].endswith("install two")


def test_who_may_not_install_is_told_what_to_type(machine):
    done = machine(
        SYSTEM_PACKAGES, "one", dpkg_query="exit 1", id="echo 1000", apt_get="exit 9", sudo="exit 1"
    )
    assert done.returncode == 1
    assert "sudo apt-get install one" in done.stderr


def test_a_machine_without_apt_is_told_too(machine):
    done = machine(SYSTEM_PACKAGES, "one")
    assert done.returncode == 1
    assert "no apt-get here" in done.stderr


def test_a_failing_apt_shows_its_reason(machine):
    done = machine(
        SYSTEM_PACKAGES, "one", dpkg_query="exit 1", id="echo 0", apt_get="echo no such; exit 100"
    )
    assert done.returncode == 1
    assert "no such" in done.stderr
    assert "sudo apt-get install one" in done.stderr


def test_an_old_python_is_named_with_a_cure(machine):
    old = 'case "$1" in -c) exit 1;; *) echo Python 3.9.2;; esac'
    done = machine(str(setup_env.ROOT / "tools" / "bootstrap.sh"), python3=old)
    assert done.returncode == 1
    assert "Python 3.11 or newer, and here is Python 3.9.2" in done.stderr
    assert "sudo apt-get install python3 python3-venv" in done.stderr


def test_a_machine_without_python_is_told_too(machine):
    done = machine(str(setup_env.ROOT / "tools" / "bootstrap.sh"))
    assert done.returncode == 1
    assert "here is no python3" in done.stderr


def test_the_first_python_that_is_new_enough_is_taken(machine):
    done = machine(
        str(setup_env.ROOT / "tools" / "bootstrap.sh"),
        "--dev",
        python3="exit 1",
        **{"python3.12": '[ "$1" = -c ] || echo "$@"'},
    )
    assert done.stdout.split() == ["tools/setup_env.py", "--dev"]


LOCK = """\
app==1 \\
    --hash=sha256:00
    # via bloop-hub
cairo==2 \\
    --hash=sha256:01
    # via
    #   bloop-drawing
    #   film
film==3 \\
    --hash=sha256:02
    # via bloop-drawing
shared==4 \\
    --hash=sha256:03
    # via
    #   app
    #   film
"""


def test_what_only_a_plugin_needs_that_cannot_be_built_is_left_out(tree, monkeypatch, capfd):
    root, calls = tree
    folder = add_plugin(root, "drawing")
    with (folder / "pyproject.toml").open("a") as file:
        file.write('[tool.bloop]\nbuild-packages = ["bloop-no-such-package"]\n')
    script = root / "system-packages.sh"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(setup_env, "SYSTEM_PACKAGES", script)
    (root / setup_env.RUNTIME).write_text(LOCK)
    gone = setup_env.left_out()
    assert gone == {"bloop-drawing"}
    assert "going on without bloop-drawing" in capfd.readouterr().out
    setup_env.refresh(setup_env.RUNTIME, gone)
    installed = (root / ".venv" / setup_env.RUNTIME).read_text()
    assert [line.split("==")[0] for line in installed.splitlines() if "==" in line] == [
        "app",
        "shared",
    ]
    assert not any(str(folder) in call for call in calls)
    # Once it can be built, it comes.
    setup_env.refresh(setup_env.RUNTIME, set())
    assert str(folder) in calls[-1]
