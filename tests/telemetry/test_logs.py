import asyncio
import collections
import io
import json
import logging
import threading
import warnings

import pytest
import structlog
from pydantic import SecretStr

from bloop.telemetry import logs
from bloop.telemetry.context import current, log_context
from bloop.telemetry.logs import configure, get_logger


class Stream(io.StringIO):
    def lines(self):
        return [json.loads(line) for line in self.getvalue().splitlines()]

    @property
    def last(self):
        return self.lines()[-1]


@pytest.fixture
def stream():
    """A stream that gets the process's logs as JSON; what was configured before comes back."""
    root, names = logging.getLogger(), [*logs._TAKEN_OVER, *logs._QUIET]
    before = root.level, root.handlers[:], structlog.get_config()
    levels = {name: logging.getLogger(name).level for name in names}
    taken = Stream()
    configure("debug", "json", taken)
    yield taken
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.configure(**before[2])


def test_a_line_is_one_object_with_its_fields_in_order(stream):
    with log_context(plugin="canvas", request_id="r1"):
        get_logger("bloop.x", size=3).info("synced", pages=12, path="a\nb")
    (line,) = stream.lines()
    assert line.pop("timestamp").endswith("+00:00")
    assert list(line.items()) == [
        ("level", "info"),
        ("logger", "bloop.x"),
        ("event", "synced"),
        ("plugin", "canvas"),
        ("request_id", "r1"),
        ("size", 3),
        ("pages", 12),
        ("path", "a\nb"),
    ]


def test_the_standard_library_goes_the_same_way(stream):
    with log_context(job_id="j1"):
        logging.getLogger("vendor").warning("took %d ms, Bearer abcdef123456", 5)
    assert stream.last["event"] == "took 5 ms, Bearer **********"
    assert (stream.last["job_id"], stream.last["level"]) == ("j1", "warning")


def test_the_servers_own_handlers_are_taken_over(stream):
    server = logging.getLogger("uvicorn.error")
    server.addHandler(logging.StreamHandler(other := io.StringIO()))
    server.propagate = False
    configure("info", "json", stream)
    server.info("started")
    logging.getLogger("uvicorn.access").info("GET /")
    logging.getLogger("sqlalchemy.engine").info("SELECT 1")
    assert [line["event"] for line in stream.lines()] == ["started"]
    assert other.getvalue() == ""


def test_warnings_become_lines(stream):
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "DeprecationWarning: old" in stream.last["event"]


def test_configuring_again_writes_each_line_once(stream):
    second = Stream()
    configure("warning", "json", second)
    get_logger("x").debug("less")
    get_logger("x").info("less")
    get_logger("x").warning("more")
    assert stream.lines() == []
    assert [line["event"] for line in second.lines()] == ["more"]


def test_secrets_are_masked_by_key_type_and_pattern(stream):
    get_logger("x").info("to https://u:s3cr3t@h/", token="s3cr3t", box=SecretStr("s3cr3t"))
    logging.getLogger("x").info("password=s3cr3t", extra={"ignored": "s3cr3t"})
    logging.getLogger("x").info({"event": "dict", "cookie": "s3cr3t"})
    assert "s3cr3t" not in stream.getvalue()


def _fail(depth=0):
    password = "in a variable"  # noqa: F841
    if depth:
        _fail(depth - 1)
    raise ValueError("no Bearer s3cr3tt0ken")


def test_an_exception_is_told_without_secrets_and_variables(stream):
    try:
        _fail()
    except ValueError:
        get_logger("x").error("failed", exc_info=True)
        get_logger("x").exception("failed")
        logging.getLogger("x").exception("failed too")
    assert len(stream.lines()) == 3
    for line in stream.lines():
        assert line["error"] == "ValueError: no Bearer **********"
        assert line["traceback"].startswith("Traceback (most recent call last)")
        assert "_fail" in line["traceback"]
    assert "s3cr3t" not in stream.getvalue()
    assert "in a variable" not in stream.getvalue().replace('password = \\"in a variable', "")


def test_a_deep_traceback_is_bounded_at_both_ends(stream):
    error = ValueError("first")
    for number in range(200):
        later = RuntimeError(f"number {number} " + "x" * 300)
        later.__cause__ = error
        error = later
    get_logger("x").error("failed", exc_info=error)
    text = stream.last["traceback"]
    assert len(text) < 13_000
    assert "ValueError: first" in text
    assert "number 199" in text


def test_no_exception_no_traceback(stream):
    get_logger("x").error("failed", exc_info=True)
    assert "traceback" not in stream.last
    assert "error" not in stream.last


class HostileError(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Quitter:
    def __repr__(self):
        raise SystemExit(3)


class Hopeless(collections.UserDict):
    def __iter__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "log",
    [
        lambda: get_logger("x").info("a", value=HostileError()),
        lambda: get_logger("x").info("a", value=Quitter()),
        lambda: get_logger("x").info("a", exc_info=HostileError()),
        lambda: get_logger("x").info("a %d", "b"),
        lambda: get_logger("x").info(HostileError()),
        lambda: get_logger("x").info("a", big=2**90, nan=float("nan"), half="\ud800"),
        lambda: logging.getLogger("x").info("a %d %s", "b"),  # noqa: PLE1206
        lambda: logging.getLogger("x").info("a", exc_info=(HostileError, HostileError(), None)),
        lambda: logging.getLogger("x").info({"event": "a", "half": ["\ud800"]}),
        lambda: logging.getLogger("x").info(Hopeless(event="a")),
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_logging_never_raises_and_still_writes_a_line(log, form, stream, monkeypatch):
    configure("debug", form, stream)
    root = logging.getLogger()  # pytest's own handlers look at values in their own way
    monkeypatch.setattr(root, "handlers", [h for h in root.handlers if type(h) is logs._Handler])
    log()
    get_logger("x").info("after")
    assert "after" in stream.getvalue().splitlines()[-1]


def test_a_line_that_cannot_be_made_is_told(stream):
    logging.getLogger("x").info(Hopeless(event="a"))
    assert stream.last["event"] == "a log line could not be written: RuntimeError"


def test_a_stream_that_fails_costs_the_line_alone(stream):
    closed = Stream()
    configure("debug", "json", closed)
    closed.close()
    get_logger("x").info("lost")
    logging.getLogger("x").info("lost")


async def test_context_is_kept_by_tasks_and_left_by_others(stream):
    async def work(name):
        with log_context(job_id=name):
            await asyncio.sleep(0)
            get_logger("x").info("at work", name=name)

    with log_context(institution="i1", plugin=None):
        await asyncio.gather(work("a"), work("b"))
        await asyncio.to_thread(get_logger("x").info, "in a thread")
    plain = threading.Thread(target=lambda: get_logger("x").info("on its own"))
    plain.start()
    plain.join()
    shown = [
        (line["event"], line.get("job_id"), line.get("institution")) for line in stream.lines()
    ]
    assert shown == [
        ("at work", "a", "i1"),
        ("at work", "b", "i1"),
        ("in a thread", None, "i1"),
        ("on its own", None, None),
    ]
    assert current() == {}


def test_an_unknown_context_field_is_refused():
    with pytest.raises(TypeError, match=r"knows no .'user'"), log_context(user="ada"):
        pass


def test_the_text_form_is_calm_and_keeps_to_its_line(stream):
    configure("debug", "text", stream)
    with log_context(plugin="canvas"):
        get_logger("x").warning("slow\x1b[2J\nfake line", ms=1200, why="a b", empty="", who=["x"])
    try:
        _fail()
    except ValueError:
        get_logger("x").error("failed", exc_info=True)
    first, second, *rest = stream.getvalue().splitlines()
    assert first[8:] == (
        ' warning  slow\\x1b[2J\\nfake line  plugin=canvas ms=1200 why="a b" empty="" who=["x"]'
    )
    assert second[8:] == ' error    failed  error="ValueError: no Bearer **********"'
    assert rest[0] == "    Traceback (most recent call last):"


def test_only_a_terminal_gets_colours(stream, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Stream()
    terminal.isatty = lambda: True
    configure("debug", "text", terminal)
    get_logger("x").error("red")
    get_logger("x").info("plain")
    red, plain = terminal.getvalue().splitlines()
    assert red.startswith("\x1b[31m")
    assert "\x1b" not in plain
    monkeypatch.setenv("NO_COLOR", "1")
    configure("debug", "text", terminal)
    get_logger("x").error("not red")
    assert "\x1b" not in terminal.getvalue().splitlines()[-1]
