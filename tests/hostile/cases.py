"""The worst plugins in the world: what each does, how it is provoked, and what it may cost.

A case is a whole distribution, written to disk as pip would leave it. ``costs`` is ``feature``
where the process must live on, and ``process`` where one process may die, to come back by itself
without the culprit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bloop_sdk.testing.distributions import CODE, write_plugin

Provoke = Literal["start", "route", "page", "publish", "readyz", "job", "import", "disable"]

READY, FAILED, INVALID = "ready", "load_failed", "invalid"

PROVIDER = """
import asyncio, os, time
from bloop_sdk import Batch, CheckResult, Cursor, ProviderSpec
from bloop_sdk.providers.content import Stream
from bloop_sdk.records import Container, Kind

class Base:
    def __init__(self, ctx):
        self.ctx = ctx

    def spec(self):
        return ProviderSpec(streams=(Stream(name="courses", kinds=frozenset({Kind.COURSE})),))

    async def check(self):
        return CheckResult(account="me")

    async def discover(self):
        return [Container(remote_id="c1", raw={}, title="A course")]

    async def read(self, partition, state):
        yield Batch(records=tuple(await self.discover()))

    async def fetch(self, refs):
        return Batch()

    async def write(self, op, precondition):
        raise NotImplementedError

    def verify_webhook(self, request):
        return []

class Provider(Base):
"""


@dataclass(frozen=True)
class Case:
    """One plugin; ``words`` must be in what the hub says of it, ``status`` is the HTTP answer."""

    id: str
    does: str
    provoke: Provoke
    costs: Literal["feature", "process"] = "feature"
    state: str = READY
    words: str = ""
    status: int | None = None
    code: str = CODE
    files: Mapping[str, str] = field(default_factory=dict)
    manifest: Mapping[str, Any] | str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    slow: bool = False
    """Whether its answer takes as long as a request may: it is asked for at once, beside others."""

    def write(self, site: Path) -> None:
        """Install it."""
        write_plugin(
            site, self.id, code=self.code, files=self.files, manifest=self.manifest, **self.more
        )
        if self.id == "twice":
            write_plugin(site, self.id, distribution="bloop-twice-too", package="bloop_twice_too")


def _indented(body: str, by: int) -> str:
    return "\n".join(" " * by + line for line in body.strip().splitlines())


IMPORTS = "import asyncio, ctypes, json, os, signal, sys, time\nimport bloop_sdk\n"


def at_import(id_: str, does: str, body: str, **rest: Any) -> Case:
    """A plugin whose module does something as it is imported."""
    return Case(id_, does, "start", code=f"{IMPORTS}{body}\n{CODE}", **rest)


def in_class(id_: str, does: str, body: str, provoke: Provoke = "start", **rest: Any) -> Case:
    """A plugin whose class has more than it should."""
    code = f"{IMPORTS}from bloop_sdk import Plugin, hookimpl\nclass Main(Plugin):\n"
    return Case(id_, does, provoke, code=code + _indented(body, 4), **rest)


def in_hook(id_: str, does: str, hook: str, body: str, provoke: Provoke, **rest: Any) -> Case:
    """A plugin with one hook, which answers None until a file ``armed`` lies in its package."""
    code = f"""{IMPORTS}from pathlib import Path
from bloop_sdk import Plugin, hookimpl
class Main(Plugin):
    @hookimpl
    def {hook}:
        if not (Path(__file__).parent / "armed").exists():
            return None
{_indented(body, 8)}
"""
    manifest = {"hooks": [hook.partition("(")[0]]}
    return Case(id_, does, provoke, code=code, manifest=manifest, **rest)


def in_route(id_: str, does: str, body: str, **rest: Any) -> Case:
    """A plugin with the route ``/go``."""
    handler = f"{IMPORTS}async def go(request, ctx):\n{_indented(body, 4)}\n"
    route = {"path": "/go", "handler": f"bloop_{id_}.calls:go", "action": "content:read"}
    manifest = {"contributes": {"routes": [route]}}
    return Case(id_, does, "route", files={"calls.py": handler}, manifest=manifest, **rest)


def in_job(id_: str, does: str, body: str, **rest: Any) -> Case:
    """A plugin with the job ``work``."""
    handler = f"{IMPORTS}async def work(ctx, payload):\n{_indented(body, 4)}\n"
    job = {"kind": "work", "handler": f"bloop_{id_}.calls:work"}
    manifest = {"contributes": {"jobs": [job]}}
    return Case(id_, does, "job", files={"calls.py": handler}, manifest=manifest, **rest)


def in_provider(id_: str, does: str, body: str, **rest: Any) -> Case:
    """A plugin whose provider imports files that end in its id."""
    files = {"provider.py": PROVIDER + _indented(body, 4) + "\n"}
    manifest = {
        "family": "lms",
        "provides": {"lms": f"bloop_{id_}.provider:Provider"},
        "imports": [f".{id_}"],
    }
    return Case(id_, does, "import", files=files, manifest=manifest, **rest)


def with_manifest(id_: str, does: str, manifest: Mapping[str, Any] | str, **rest: Any) -> Case:
    """A plugin that is what its manifest says."""
    return Case(id_, does, "start", manifest=manifest, **{"state": INVALID, **rest})


def route_of(id_: str, **changes: Any) -> dict[str, Any]:
    """A route's declaration."""
    return {"path": "/go", "handler": f"bloop_{id_}.calls:go", "action": "content:read"} | changes


GO = {"calls.py": "async def go(request, ctx):\n    return 'mine'\n"}
UGLY = """
class Ugly(Exception):
    def __str__(self): raise SystemExit(5)
    __repr__ = __str__
    def __eq__(self, other): raise KeyboardInterrupt
    def __hash__(self): raise MemoryError
raise Ugly()
"""
MIGRATION = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "0001", None
def upgrade():
    op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))
    {then}
"""
TABLES = """
import sqlalchemy as sa
metadata = sa.MetaData()
"""


def with_tables(id_: str, does: str, table: str, then: str, **rest: Any) -> Case:
    """A plugin with tables and one migration."""
    files = {
        "tables.py": TABLES + rest.pop("tables", ""),
        "migrations/0001_initial.py": MIGRATION.format(table=table, then=then),
    }
    tables = {"metadata": f"bloop_{id_}.tables:metadata", "migrations": f"bloop_{id_}.migrations"}
    manifest = {"contributes": {"tables": tables}}
    rest = {"state": "needs_upgrade", **rest}
    return Case(id_, does, "start", files=files, manifest=manifest, **rest)


def patching(id_: str, what: str, body: str, **rest: Any) -> Case:
    """A plugin that replaces a part of the standard library as it is imported."""
    words = rest.pop("words", re.escape(f"replaced {what}"))
    return at_import(id_, f"replaces `{what}` at import", body, state=FAILED, words=words, **rest)


FEATURE: tuple[Case, ...] = (
    # Failing to load.
    at_import("i_raises", "raises at import", "1 / 0", state=FAILED, words="ZeroDivisionError"),
    at_import("i_missing", "imports what is not there", "import nowhere", state=FAILED, words="no"),
    at_import("i_exit", "`SystemExit` at import", "sys.exit(3)", state=FAILED, words="SystemExit"),
    at_import(
        "i_interrupt",
        "`KeyboardInterrupt` at import",
        "raise KeyboardInterrupt",
        state=FAILED,
        words="KeyboardInterrupt",
    ),
    at_import("i_syntax", "is no Python", "def (:", state=FAILED, words="SyntaxError"),
    at_import("i_ugly", "an exception whose `__str__` raises", UGLY, state=FAILED, words="Ugly"),
    at_import("i_recursion", "recurses without end", "f = lambda: f()\nf()", state=FAILED),
    at_import("i_memory", "asks for all memory at once", "b'x' * (1 << 60)", state=FAILED),
    in_class("s_exit", "`SystemExit` in start", "def start(self): sys.exit(1)", state=FAILED),
    in_class(
        "s_interrupt",
        "`KeyboardInterrupt` in start",
        "def start(self): raise KeyboardInterrupt",
        state=FAILED,
    ),
    in_class(
        "s_patches",
        "replaces `time.time` in start",
        "def start(self): time.time = None",
        state=FAILED,
        words="replaced time.time",
    ),
    in_class(
        "c_no_super",
        "a constructor of another shape",
        "def __init__(self): pass",
        state=FAILED,
        words="TypeError",
    ),
    in_class(
        "c_equal",
        "equals everything",
        "def __eq__(self, other): return True\ndef __hash__(self): raise SystemExit",
        state=FAILED,
        words="__eq__",
    ),
    in_class(
        "c_dir",
        "raises when it is looked at",
        "def __dir__(self): raise SystemExit(1)",
        state=FAILED,
        words="SystemExit",
    ),
    in_class(
        "c_undeclared",
        "a hook that the manifest does not name",
        "@hookimpl\ndef navigation(self, principal): return []",
        state=FAILED,
        words="does not declare",
    ),
    in_class(
        "c_unknown_hook",
        "a hook that nobody knows",
        "@hookimpl\ndef nonsense(self): return 1",
        state=FAILED,
        words="nonsense",
    ),
    # The standard library.
    patching("p_json", "json.dumps", "json.dumps = lambda *a, **k: 'x'"),
    patching("p_time", "time.time", "time.time = lambda: 0"),
    patching("p_socket", "socket.socket", "import socket\nsocket.socket = None"),
    patching(
        "p_method",
        "socket.socket.accept",
        "import socket\nsocket.socket.accept = lambda self: 1 / 0",
    ),
    patching("p_open", "builtins.open", "import builtins\nbuiltins.open = None"),
    patching("p_asyncio", "asyncio.sleep", "asyncio.sleep = None"),
    patching(
        "p_handlers",
        "logging.root.handlers",
        "import logging\nlogging.root.handlers = []",
        words="replaced logging.root.handlers",
    ),
    patching("p_hook", "sys.excepthook", "sys.excepthook = lambda *a: os._exit(1)"),
    patching("p_environ", "os.environ['PATH']", "os.environ['PATH'] = '/nowhere'"),
    patching("p_del", "os.getpid", "del os.getpid"),
    at_import(
        "p_signal",
        "takes over SIGTERM at import",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        state=FAILED,
        words="main thread",
    ),
    # What it is, and says of itself.
    Case("twice", "two distributions with one id", "start", state=INVALID, words="2 plugins"),
    with_manifest("m_empty", "an empty manifest", "", words="id"),
    with_manifest("m_no_toml", "a manifest that is no TOML", "id = = 1", words="not TOML"),
    with_manifest("m_deep", "a manifest nested without end", "a = " + "[" * 100_000, words=""),
    with_manifest("m_other_id", "another's id in the manifest", {"id": "cartridge"}, words="names"),
    with_manifest("m_family", "a family that is none", {"family": "kings"}, words="family"),
    with_manifest("m_extra", "keys that nobody knows", {"root": True}, words="root"),
    with_manifest("m_api_text", "an API version that is none", {"api": "latest"}, words="api"),
    with_manifest(
        "m_capability", "a capability that is none", {"provides": {"gold": "a.b:c"}}, words="gold"
    ),
    with_manifest("m_hook", "a hook that is none", {"hooks": ["nonsense"]}, words="nonsense"),
    with_manifest(
        "m_schedule",
        "a schedule of no job",
        {"contributes": {"schedules": [{"job": "x", "every": "1m"}]}},
        words="schedule",
    ),
    with_manifest(
        "m_routes_twice",
        "two routes at one place",
        {"contributes": {"routes": [route_of("m_routes_twice")] * 2}},
        words="twice",
    ),
    with_manifest(
        "m_jobs_twice",
        "two jobs of one kind",
        {"contributes": {"jobs": [{"kind": "a", "handler": "b.c:d"}] * 2}},
        words="twice",
    ),
    with_manifest(
        "m_actions_twice",
        "two actions of one name",
        {"contributes": {"actions": [{"name": "m_a:go", "role": "guest", "help": "x"}] * 2}},
        words="twice",
    ),
    with_manifest("m_newer", "a newer API", {"api": "9.9"}, state="incompatible", words="9.9"),
    with_manifest(
        "m_system",
        "system packages that are not there",
        {"requires": {"system": ["no-such-package-anywhere"]}},
        state="blocked",
        words="no-such-package-anywhere",
    ),
    Case(
        "m_entry",
        "an entry point that is no class",
        "start",
        state=INVALID,
        words="module:Class",
        more={"entry_points": "m_entry = bloop_m_entry"},
    ),
    Case(
        "m_nowhere",
        "an entry point to no package",
        "start",
        state=INVALID,
        words="no package",
        more={"entry_points": "m_nowhere = bloop_not_there.plugin:Main"},
    ),
    Case(
        "m_no_class",
        "an entry point to a number",
        "start",
        state=FAILED,
        words="no subclass",
        code="Main = 5",
    ),
    # Tables.
    with_tables(
        "t_half", "a migration that fails half-way", "t_half_one", "1 / 0", words="division by zero"
    ),
    with_tables("t_exit", "`SystemExit` in a migration", "t_exit_one", "raise SystemExit(1)"),
    with_tables("t_core", "a table of the hub's name", "item", "pass", words="item"),
    with_tables(
        "t_other", "a table of another's name", "commerce_order", "pass", words="commerce_order"
    ),
    with_tables(
        "t_import",
        "`SystemExit` as its tables are imported",
        "t_import_one",
        "pass",
        tables="raise SystemExit(1)",
        words="SystemExit",
    ),
    # Hooks.
    in_hook(
        "h_raises",
        "raises in a hook",
        "filter_lesson_html(self, html)",
        "1 / 0",
        "page",
        words="ZeroDivisionError",
        status=200,
    ),
    in_hook(
        "h_exit",
        "`SystemExit` in a hook",
        "filter_lesson_html(self, html)",
        "sys.exit(1)",
        "page",
        words="SystemExit",
        status=200,
    ),
    in_hook(
        "h_interrupt",
        "`KeyboardInterrupt` in a hook",
        "filter_lesson_html(self, html)",
        "raise KeyboardInterrupt",
        "page",
        words="KeyboardInterrupt",
        status=200,
    ),
    in_hook(
        "h_ugly",
        "an exception whose `__str__` raises, in a hook",
        "filter_lesson_html(self, html)",
        UGLY,
        "page",
        words="Ugly",
        status=200,
    ),
    in_hook(
        "h_rubbish",
        "rubbish for a text",
        "filter_lesson_html(self, html)",
        "return object()",
        "page",
        words="answered with a object",
        status=200,
    ),
    in_hook(
        "h_coroutine",
        "a coroutine for a text",
        "filter_lesson_html(self, html)",
        "return asyncio.sleep(0)",
        "page",
        words="async",
        status=200,
    ),
    in_hook(
        "h_health",
        "rubbish for its health",
        "health_checks(self)",
        "return [1, None]",
        "readyz",
        words="no Health",
        status=200,
    ),
    in_hook(
        "h_health_number",
        "a number for its health",
        "health_checks(self)",
        "return 7",
        "readyz",
        words="no Health",
        status=200,
    ),
    in_hook(
        "h_refuses",
        "raises where every answer counts",
        "refuse_publish(self, item)",
        "1 / 0",
        "publish",
        words="ZeroDivisionError",
        status=503,
    ),
    # Routes.
    in_route("r_raises", "raises in a route", "1 / 0", words="ZeroDivisionError", status=502),
    in_route("r_exit", "`SystemExit` in a route", "sys.exit(1)", words="SystemExit", status=502),
    in_route(
        "r_interrupt",
        "`KeyboardInterrupt` in a route",
        "raise KeyboardInterrupt",
        words="KeyboardInterrupt",
        status=502,
    ),
    in_route(
        "r_cancelled", "`CancelledError` in a route", "raise asyncio.CancelledError", status=502
    ),
    in_route(
        "r_ugly", "an exception whose `__str__` raises, in a route", UGLY, words="Ugly", status=502
    ),
    in_route("r_rubbish", "rubbish for an answer", "return object()", words="object", status=502),
    in_route(
        "r_coroutine",
        "a coroutine for an answer",
        "return asyncio.sleep(0)",
        words="coroutine",
        status=502,
    ),
    in_route(
        "r_status",
        "a status that is none",
        "return bloop_sdk.Response(status='many', headers={}, body=b'', url='')",
        status=502,
    ),
    in_route(
        "r_header",
        "a header with a line break",
        "return bloop_sdk.Response(status=200, headers={'x': 'a\\r\\nset-cookie: b'}, "
        "body=b'', url='')",
        status=502,
    ),
    in_route(
        "r_waits",
        "waits for ever in a route",
        "await asyncio.Event().wait()",
        words="took longer",
        status=504,
        slow=True,
    ),
    in_route(
        "r_thread",
        "blocks a thread for ever",
        "await ctx.run_sync(time.sleep, 1e6)",
        words="took longer",
        status=504,
        slow=True,
    ),
    in_route(
        "r_memory",
        "asks for all memory at once, in a route",
        "return b'x' * (1 << 60)",
        words="MemoryError",
        status=502,
    ),
    # Jobs.
    in_job("j_raises", "raises in a job", "1 / 0", words="ZeroDivisionError"),
    in_job("j_exit", "`SystemExit` in a job", "sys.exit(1)", words="SystemExit"),
    in_job("j_ugly", "an exception whose `__str__` raises, in a job", UGLY, words="Ugly"),
    in_job("j_rubbish", "rubbish for a result", "return object()", words="object"),
    in_job(
        "j_contract",
        "an error of the contract with rubbish in it",
        "error = bloop_sdk.RetriableError('x')\nerror.code = error.message = object()\n"
        "error.retry_after = 'soon'\nraise error",
    ),
    # Providers.
    in_provider(
        "x_raises",
        "raises in a provider",
        "async def discover(self): 1 / 0",
        words="ZeroDivisionError",
    ),
    in_provider(
        "x_exit",
        "`SystemExit` in a provider",
        "async def discover(self): raise SystemExit",
        words="SystemExit",
    ),
    in_provider(
        "x_init",
        "`SystemExit` as a provider is made",
        "def __init__(self, ctx): raise SystemExit",
        words="SystemExit",
    ),
    in_provider(
        "x_rubbish", "rubbish for courses", "async def discover(self): return 7", words="int"
    ),
    in_provider(
        "x_spec", "rubbish for a specification", "def spec(self): return None", words="NoneType"
    ),
    in_provider(
        "x_batches",
        "rubbish for batches",
        "async def read(self, partition, state):\n    yield 7",
        words="int",
    ),
    in_provider(
        "x_endless",
        "a read that never ends",
        "async def read(self, partition, state):\n    while True: yield Batch()",
        words="empty batches",
    ),
    in_provider(
        "x_plain",
        "a read that is a plain function",
        "def read(self, partition, state): return 7",
        words="TypeError",
    ),
    in_provider(
        "x_plain_exit",
        "`SystemExit` in a read that is a plain function",
        "def read(self, partition, state): raise SystemExit",
        words="SystemExit",
    ),
    in_provider(
        "x_stop",
        "`StopIteration` in a read",
        "async def read(self, partition, state):\n    yield Batch()\n    raise StopIteration",
        words="StopIteration",
    ),
    in_provider(
        "x_stop_async",
        "`StopAsyncIteration` in a read",
        "async def read(self, partition, state):\n    yield Batch()\n    raise StopAsyncIteration",
        words="StopAsyncIteration",
    ),
    in_provider(
        "x_never_closes",
        "a read that will not be closed",
        "async def read(self, partition, state):\n    while True:\n"
        "        try: yield 7\n        except GeneratorExit: yield 8",
        words="int",
    ),
    in_provider(
        "x_async_spec",
        "a coroutine for a specification",
        "async def spec(self): return None",
        words="spec must be def",
    ),
    # Where it does not belong.
    Case(
        "u_dots",
        "a route at `/../api/v1/containers`",
        "start",
        files=GO,
        manifest={"contributes": {"routes": [route_of("u_dots", path="/../../api/v1/containers")]}},
    ),
    Case(
        "u_other",
        "a route at `/x/cartridge/`",
        "start",
        files=GO,
        manifest={"contributes": {"routes": [route_of("u_other", path="/x/cartridge/go")]}},
    ),
    Case(
        "u_slashes",
        "a route at `//`",
        "start",
        files=GO,
        manifest={"contributes": {"routes": [route_of("u_slashes", path="//")]}},
    ),
    Case(
        "u_action",
        "an action of the hub's name, for guests",
        "start",
        state="invalid",
        words="has to begin with u_action:",
        files=GO,
        manifest={
            "contributes": {
                "routes": [route_of("u_action", action="content:write")],
                "actions": [{"name": "content:write", "role": "guest", "help": "x"}],
            }
        },
    ),
)

SEGFAULT = "ctypes.string_at(0)"
SPIN = "while True: pass"
BLOCK = "time.sleep(1e6)"
EAT = "held = []\nwhile True: held.append(b'x' * (1 << 25))"

AT_START: tuple[Case, ...] = tuple(
    replace(case, costs="process", state=FAILED)
    for case in (
        at_import("d_exit", "`os._exit` at import", "os._exit(0)", words=r"os\._exit\(0\)"),
        at_import("d_segfault", "a segmentation fault at import", SEGFAULT, words="import"),
        at_import("d_spin", "spins for ever at import", SPIN, words="import"),
        at_import("d_block", "blocks for ever at import", BLOCK, words="import"),
        in_class("d_start", "blocks for ever in start", f"def start(self): {BLOCK}", words="start"),
    )
)

AT_RUN_TIME: tuple[Case, ...] = tuple(
    replace(case, costs="process", state=FAILED)
    for case in (
        in_route("e_exit", "`os._exit` in a route", "os._exit(0)", words=r"os\._exit\(0\)"),
        in_route("e_kill", "kills itself in a route", "os.kill(os.getpid(), 9)", words="kill"),
        in_route("e_segfault", "a segmentation fault in a route", SEGFAULT, words="Segmentation"),
        in_route("e_spin", "spins for ever in a route", SPIN, words="go"),
        in_route("e_block", "blocks for ever in a route", BLOCK, words="go"),
        in_route("e_eat", "allocates without end in a route", EAT, words="memory"),
        in_route(
            "e_task",
            "`SystemExit` in a task of its own",
            "async def leave(): sys.exit(0)\nawait asyncio.create_task(leave())",
            words="SystemExit",
        ),
        in_hook(
            "e_hook_spin",
            "spins for ever in a hook",
            "filter_lesson_html(self, html)",
            SPIN,
            "page",
            words="filter_lesson_html",
        ),
        in_hook(
            "e_hook_exit",
            "`os._exit` in a hook",
            "filter_lesson_html(self, html)",
            "os._exit(1)",
            "page",
            words=r"os\._exit\(1\)",
        ),
        in_hook(
            "e_hook_eat",
            "allocates without end in a hook",
            "filter_lesson_html(self, html)",
            EAT,
            "page",
            words="memory",
        ),
        in_job("e_job", "a segmentation fault in a job", SEGFAULT, words="Segmentation"),
        in_job(
            "e_thread",
            "a segmentation fault in a thread",
            "await ctx.run_sync(ctypes.string_at, 0)",
            words="Segmentation",
        ),
        in_provider(
            "e_provider",
            "blocks for ever in a provider's async method",
            "async def discover(self): time.sleep(1e6)",
            words="discover",
        ),
        in_class(
            "e_stop", "blocks for ever in stop", f"def stop(self): {BLOCK}", "disable", words="stop"
        ),
    )
)
