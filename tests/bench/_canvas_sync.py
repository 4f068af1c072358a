"""A hub's side of syncing a Canvas: the plugin, the way out and the engine, as a job has them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from bloop.content.engine import run_read
from bloop.content.options import RunOptions
from bloop.content.runs import RunReport
from bloop.content.sanitising import SanitiserProcess
from bloop.hub.outside import Outside
from bloop.kernel.config_model import NetSection
from bloop.kernel.models import Connection
from bloop.ops.garbage import look_less
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from bloop.store.models import OutboxEvent
from bloop.telemetry.logs import configure
from bloop_canvas.config import CanvasConfig
from bloop_canvas.provider import CanvasProvider
from bloop_sdk import Call
from bloop_sdk.manifest import load_manifest
from bloop_sdk.testing import FakeContext

STREAMS = frozenset({"pages", "modules"})
COURSE = "1"
MANIFEST = Path(__file__).resolve().parents[2] / "plugins/lms/canvas/bloop-plugin.toml"


class Requests:
    """Counts tries, as a job's meter does."""

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self, _try: object) -> None:
        self.requests += 1


def connect(database: Database, call: Call) -> str:
    """A connection with nothing read."""
    with database.unit(call) as unit:
        made = Connection(
            institution_id=call.institution,
            plugin_id="canvas",
            capability="lms",
            key="bench",
            name="Canvas",
        )
        unit.session.add(made)
        unit.session.flush()
        return made.id


class Hub:
    """One process's way out, over a database."""

    def __init__(self, database: Database, folder: Path) -> None:
        configure("warning")
        self.database = database
        self.blobs = Blobs(folder / "blobs")
        self.sanitiser = SanitiserProcess()
        self.outside = Outside(NetSection(allow=("127.0.0.1",)))
        self._manifest = load_manifest(MANIFEST)
        look_less()  # As a hub does that serves.

    async def choose(self, address: str, call: Call, connection: str) -> None:
        """Look at the courses of a new connection, as whoever makes one chooses from them."""
        found = await self._provider(address, call, connection, Requests()).discover()
        assert [one.remote_id for one in found] == [COURSE]

    async def sync(self, address: str, call: Call, connection: str) -> RunReport:
        """Read the chosen course's pages and modules, with a token of the connection's own."""
        meter = Requests()
        return await run_read(
            self.database,
            self.blobs,
            self._provider(address, call, connection, meter),
            call,
            connection=connection,
            options=RunOptions(
                streams=STREAMS, containers=frozenset({COURSE}), sanitiser=self.sanitiser
            ),
            meter=meter,
        )

    def _provider(
        self, address: str, call: Call, connection: str, meter: Requests
    ) -> CanvasProvider:
        config = CanvasConfig(base_url=address, token=connection)  # type: ignore[arg-type]
        http = self.outside.client(
            self._manifest, config, call.institution, connection=connection, on_try=meter
        )
        return CanvasProvider(
            FakeContext(
                plugin_id="canvas", config=config, connection=connection, call=call, http=http
            )
        )

    async def close(self) -> None:
        """Let go of everything."""
        self.sanitiser.close()
        await self.outside.close()
        await self.database.close()


def said(database: Database, call: Call) -> int:
    """How many events there are."""
    with database.unit(call) as unit:
        return unit.session.scalar(select(func.count()).select_from(OutboxEvent)) or 0
