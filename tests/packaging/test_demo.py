"""`make demo`: its steps in order, a port that is free, and a stop at the first failure."""

import socket

import demo
import pytest


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """Runs the demo with a `bloop` that only notes how it was called."""
    bloop = tmp_path / "bloop"
    log = tmp_path / "log"

    def run(*arguments, bloop_does=""):
        bloop.write_text(f'#!/bin/sh\necho "$@" >>{log}\n{bloop_does}\n')
        bloop.chmod(0o755)
        monkeypatch.setattr("sys.argv", ["demo.py", *arguments])
        with pytest.raises(SystemExit) as stopped:
            demo.main()
        return stopped.value, log.read_text().splitlines()

    def execv(program, arguments):
        log.write_text(log.read_text() + " ".join(arguments[1:]) + "\n")
        raise SystemExit("serving")

    monkeypatch.setattr(demo, "BLOOP", bloop)
    builder = tmp_path / "build_course.py"  # The real one takes seconds, and has its own tests.
    builder.write_text("import sys; open(sys.argv[2], 'w').write(sys.argv[1])")
    monkeypatch.setattr(demo, "BUILDER", builder)
    monkeypatch.setattr(demo, "COURSE", tmp_path / "waves.imscc")
    monkeypatch.setattr(demo, "VIDEO", tmp_path / "video.mp4")
    monkeypatch.setattr(demo.os, "execv", execv)
    return run


def test_the_course_is_built_imported_and_served(steps, tmp_path, free_port):
    tree = '{"items": [{"nodes": [{"title": "How fast is sound?", "item": "the-lesson"}]}]}'
    stopped, calls = steps("--port", str(free_port), bloop_does=f"echo '{tree}'")
    assert str(stopped) == "serving"
    assert calls == [
        "init",
        f"import {tmp_path}/waves.imscc",
        "content tree --json",
        f"video the-lesson -o {tmp_path}/video.mp4",
        f"up --port {free_port}",
    ]
    assert (tmp_path / "waves.imscc").read_text() == "-o"


def test_a_machine_that_cannot_draw_serves_all_the_same(steps, free_port, capsys):
    fails = """[ "$1" = video ] && exit 1; echo '{"title": "How fast is sound?", "item": "it"}'"""
    stopped, calls = steps("--port", str(free_port), bloop_does=fails)
    assert str(stopped) == "serving" and calls[-1].startswith("up")
    assert "going on without it" in capsys.readouterr().out


def test_the_first_step_that_fails_stops_it_and_is_named(steps):
    stopped, calls = steps(bloop_does="exit 3")
    assert len(calls) == 1
    assert "this step failed (exit 3)" in str(stopped)
    assert "bloop init" in str(stopped)


def test_a_taken_port_is_refused_only_where_it_was_asked_for(free_port, monkeypatch):
    with socket.create_server(("127.0.0.1", free_port)):
        monkeypatch.setattr(demo, "DEFAULT_PORT", free_port)
        assert demo.choose_port(None) not in {free_port, 0}
        with pytest.raises(SystemExit, match=f"port {free_port} is taken"):
            demo.choose_port(free_port)
    assert demo.choose_port(None) == free_port
    assert demo.choose_port(0) > 0
