"""The authors' tutorial is followed to the letter: every command, every file, what is printed."""

from __future__ import annotations

import re
import site
import subprocess
import venv

import pytest
import tutorial
from tutorial import Step, Walk, follow, pattern, read_steps


@pytest.fixture
def programs(tmp_path):
    """An environment of the reader's own that sees what is installed here, and reaches no index."""
    place = tmp_path / "venv"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    (folder,) = place.glob("lib/python*/site-packages")
    lines = [f"import site; site.addsitedir({path!r})\n" for path in site.getsitepackages()]
    (folder / "here.pth").write_text("".join(lines))
    for name, code in {
        "pip": "from pip._internal.cli.main import main; sys.exit(main())",
        "bloop": "from bloop.cli.main import main; main()",
    }.items():
        program = place / "bin" / name
        program.write_text(f"#!{python}\nimport sys\nif __name__ == '__main__':\n    {code}\n")
        program.chmod(0o755)
    return place / "bin"


@pytest.mark.timeout(400)
@pytest.mark.slow
def test_every_step_gives_what_the_page_says(tmp_path, programs):
    folder = tmp_path / "empty"
    folder.mkdir()
    # Nothing is fetched: what the page installs is here, and so is what builds its wheel.
    env = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    follow(folder, programs, env)
    installed = subprocess.run(
        [programs / "python", "-c", "import bloop_pace; print(bloop_pace.__file__)"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(tmp_path / "venv") in installed.stdout


def test_the_page_is_all_there():
    steps = list(read_steps())
    commands = [step.text for step in steps if step.kind == "run"]
    assert commands[0].startswith("pip install")
    for command in ("new", "test", "lint", "enable", "doctor"):
        assert [text for text in commands if text.startswith(f"bloop plugins {command} ")], command
    assert any("pip wheel" in text for text in commands)
    assert len([step for step in steps if step.kind == "write"]) >= 5
    fences = re.findall(r"^```\w+", tutorial.PAGE.read_text(), flags=re.MULTILINE)
    assert len(fences) == len({(step.line, step.kind == "write") for step in steps})


@pytest.mark.parametrize(
    ("expected", "said", "same"),
    [
        ("14 passed in 1.10s", "14 passed in 23.4s", True),
        ("14 passed in 1.10s", "13 passed in 1.10s", False),
        ("ready in 2 ms", "ready in 113 ms", True),
        ("token=...\n  once", "token=abc.d\n  once", True),
        ("a (b) [c] *", "a (b) [c] *", True),
        ("a.b", "axb", False),
    ],
)
def test_only_times_and_dots_may_differ(expected, said, same):
    assert (re.fullmatch(pattern(expected), said, re.DOTALL) is not None) is same


@pytest.mark.parametrize(
    "step", [Step("run", "echo one", "two", 7), Step("run", "false", "", 7), Step("up", "", "x", 7)]
)
def test_a_step_that_gives_something_else_is_named_by_its_line(tmp_path, step):
    (tmp_path / "empty.log").write_text("")
    (tmp_path / "empty").mkdir()
    with Walk(tmp_path / "empty", tmp_path, {}) as walk, pytest.raises(SystemExit) as differs:
        walk.take(step)
    assert "tutorial.md:7" in str(differs.value)
