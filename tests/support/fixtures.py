"""The fixtures that every test of the tree can ask for (loaded by the root conftest.py)."""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis

from tests.support.run import create_run_folder, remove_run_folder

# Drivers and servers are imported by the fixtures that need them: every run of pytest, and
# each of its workers, loads this module.
if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.postgres import Cluster, Database
    from tests.support.redis_protocol import OwnRedis

ROOT = Path(__file__).resolve().parents[2]
CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser")
"""By preference: the shell has no windows, whose upkeep is more than half of the others' work."""
CHROMIUM_FLAGS = [
    "--no-sandbox",  # Its sandbox refuses to run as root, as whom CI runs.
    # It is to talk to nobody but the hub under test.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
RUN_FOLDER = pytest.StashKey[Path]()
PROCESS_COVERAGE = pytest.StashKey[str | None]()
COVERAGE_OF_PROCESSES = "COVERAGE_PROCESS_CONFIG"
COVERED = tuple(
    ROOT / "tests" / path
    for path in ("kernel", "sdk", "cli/test_plugins.py", "ops/test_supervise.py")
)
"""Whose processes are looked into as well: those of what has to be covered.

It makes a process start half as slow again, and most tests start many.
"""
PYTESTS_OWN = ("sys.stdout", "sys.stderr", "logging.root.handlers")
"""What pytest replaces between a test's phases, while a hub may be importing its plugins."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's folder, of which a worker is told; set Hypothesis up."""
    gc.disable()  # Until all tests are collected: nothing of them is garbage.
    given = getattr(config, "workerinput", {}).get("bloop_run_folder")
    config.stash[RUN_FOLDER] = Path(given) if given else create_run_folder()
    # No test asserts a time: a busy machine would make it fail. The rest stays as Hypothesis
    # has it, which in CI tries the same examples each time.
    hypothesis.register_profile("bloop", parent=hypothesis.default, deadline=None, max_examples=50)
    hypothesis.load_profile("bloop")


def pytest_collection_finish() -> None:
    """Look for garbage from here on, and never again among the thousands of tests."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Measure the coverage of the processes that this test starts, or don't."""
    known = item.config.stash.setdefault(PROCESS_COVERAGE, os.environ.get(COVERAGE_OF_PROCESSES))
    if known and any(item.path.is_relative_to(folder) for folder in COVERED):
        os.environ[COVERAGE_OF_PROCESSES] = known
    else:
        os.environ.pop(COVERAGE_OF_PROCESSES, None)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Tell an xdist worker of the run's folder."""
    folder = node.config.stash[RUN_FOLDER]  # type: ignore[attr-defined]
    node.workerinput["bloop_run_folder"] = str(folder)  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Drop what the run made on a server that is not ours, and remove the run's folder."""
    folder = config.stash.get(RUN_FOLDER, None)
    if folder is None or hasattr(config, "workerinput"):
        return
    if "BLOOP_TEST_DATABASE_URL" in os.environ and (folder / "postgres.url").exists():
        from tests.support.postgres import connect

        cluster = connect(folder, "controller")
        cluster.drop_all()
        cluster.close()
    remove_run_folder(folder)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """Undo what a test sets up of logs: left at debug, every library's lines would cost minutes."""
    root = logging.getLogger()
    level, known = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    for handler in list(root.handlers):
        if handler not in known and type(handler).__module__ == "bloop.telemetry.logs":
            root.removeHandler(handler)


@pytest.fixture(autouse=True, scope="session")
def _tracebacks_are_plain() -> None:
    """Log errors of hubs whose logs nobody set up in words alone.

    structlog's own way paints each frame with its locals, which takes as long as a request.
    """
    import structlog

    *rest, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure_once(processors=[*rest, plain])


@pytest.fixture(scope="session")
def run_folder(request: pytest.FixtureRequest) -> Path:
    """The folder of this run, which all its workers share."""
    return request.config.stash[RUN_FOLDER]


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """The name of this xdist worker, or "gw0" where there is only one process."""
    name: str = getattr(request.config, "workerinput", {}).get("workerid", "gw0")
    return name


@pytest.fixture(scope="session")
def postgres_cluster(run_folder: Path, worker: str) -> Iterator[Cluster]:
    """A PostgreSQL server: makes databases, and templates to copy them from."""
    from tests.support.postgres import connect

    cluster = connect(run_folder, worker)
    yield cluster
    cluster.close()


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL, as its owner, of a database that this worker's tests share."""
    database = postgres_cluster.create()
    yield database.owner_url
    postgres_cluster.drop(database)


@pytest.fixture
def postgres(postgres_cluster: Cluster) -> Iterator[Database]:
    """An empty database for one test, with `.owner_url`, `.app_url` and `.admin_url`."""
    database = postgres_cluster.create()
    yield database
    postgres_cluster.drop(database)


@pytest.fixture(scope="session")
def redis_url(run_folder: Path, worker: str) -> Iterator[str]:
    """The URL of a Redis database that this worker's tests share."""
    from tests.support.redis_protocol import redis_server

    with redis_server(run_folder, int(worker.removeprefix("gw"))) as url:
        yield url


@pytest.fixture
def empty_redis_url(redis_url: str) -> str:
    """The URL of this worker's Redis database, emptied for one test."""
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return redis_url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """A Redis with a password that one test may kill, freeze and start again; it runs."""
    from tests.support.redis_protocol import OwnRedis

    server = OwnRedis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    from tests.support.ports import find_free_port

    return find_free_port()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of test material by others; a test without it is skipped, in CI it fails."""
    return find_shared_data(os.environ)


def find_shared_data(environment: Mapping[str, str]) -> Path:
    """Give the folder of test material by others.

    Without it a test is skipped, unless BLOOP_TEST_DATA names its place: then it fails.
    """
    named = environment.get("BLOOP_TEST_DATA") or environment.get("BLOOP_SHARED_DATA")
    folder = ROOT / (named or "../shared/data")
    if folder.is_dir():
        return folder.resolve()
    message = f"no test material by others at {folder} (BLOOP_TEST_DATA names its place)"
    if environment.get("BLOOP_TEST_DATA"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium, driven by Playwright's sync API; skipped where there is none.

    It lives for one module, in which every test is sync: Playwright's own event loop runs
    meanwhile, and an async test would find it in its way.
    """
    # Debian's packages, since Playwright's own download is not to be had everywhere.
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium-headless-shell")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True, scope="session")
def _plugins_are_not_blamed_for_pytest() -> Iterator[None]:
    """Leave what pytest replaces to pytest; the guard's own tests put it back."""
    from bloop.kernel import stdlib_guard

    raw = stdlib_guard._raw

    def without_pytests(environ: object) -> Mapping[object, object]:
        return {key: value for key, value in raw(environ).items() if key != _CURRENT}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stdlib_guard, "_raw", without_pytests)
        for name in PYTESTS_OWN:
            patch.delitem(stdlib_guard._SETTINGS, name)
        yield


_CURRENT = b"PYTEST_CURRENT_TEST"
