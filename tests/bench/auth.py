"""What authentication and policy add to an open read of one item, in the server's CPU.

The hub lets guests read, so that the same page is asked for by nobody in particular and by a
learner with each of what they may hold: the cookie of a session, an access token, an API key. All
are warm, as they are from the second request on within a second; once a second each is looked up
again, which is part of what is measured. The ratio is that of the dearest, less one.
`--quick` measures for some seconds only.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import read
from _harness import Bench, Row

from bloop.accounts.models import User
from bloop.accounts.service import start_session
from bloop.accounts.sessions import Sessions, system_call
from bloop.accounts.tokens import keys, service
from bloop.accounts.tokens.keys import NewKey
from bloop.store.database import Database
from bloop.store.keyring import KeyFile
from bloop_sdk import Role

QUICK = "--quick" in sys.argv
ROUNDS, REQUESTS = (5, 600) if QUICK else (11, 4000)
HUB = '[hub]\ndata_dir = "state"\n\n[access]\nguests = "read"\n'


def credentials(database: Database, home: str, issuer: str) -> dict[str, str]:
    """What a learner holds, as the header that brings it."""
    access = Sessions(database, secure=False, issuer=issuer).bearers.access
    with database.unit(system_call(home)) as unit:
        learner = User(institution_id=home, name="Lea", role=Role.LEARNER)
        unit.session.add(learner)
        unit.session.flush()
        session = start_session(unit, learner).token
        pair = service.grant(unit, access, learner, service.Asked())
        key = keys.create(unit, NewKey("bench", ["content:read"]), user=learner.id)
    return {
        "nobody": "",
        "session cookie": f"Cookie: bloop_session={session}\r\n",
        "access token": f"Authorization: Bearer {pair.access_token}\r\n",
        "API key": f"Authorization: Bearer {key.token}\r\n",
    }


def compare(bench: Bench, label: str, urls: tuple[str, str], folder: Path) -> float:
    """Measure on one database; gives what the dearest credential adds, as a share."""
    folder.mkdir()
    config, port = folder / "hub.toml", read.free_port()
    config.write_text(f"{HUB}\n[http]\nport = {port}\n")
    database = Database(*urls, key_source=KeyFile(folder / "state" / "master.key"))
    filled = read.fill(database)
    held = credentials(database, filled.institution, f"http://127.0.0.1:{port}")
    database.close_now()
    env = {"BLOOP_STORE__URL": urls[0], "BLOOP_STORE__OWNER_URL": urls[1]}
    paths = tuple(f"/api/v1/items/{id_}" for id_ in filled.items)
    with read.served((read.BLOOP, "--config", config, "up"), port, env) as pid:

        def case(header: str) -> Callable[[], float]:
            return lambda: read.measured(pid, port, paths, header, REQUESTS)

        rows = bench.rounds(
            {f"{label}, {who}": case(header) for who, header in held.items()}, rounds=ROUNDS
        )
    opened = rows[f"{label}, nobody"]
    return max(_added(bench, row, opened) for row in rows.values() if row is not opened)


def _added(bench: Bench, row: Row, opened: Row) -> float:
    """What a case costs beyond the open read, as a share of that."""
    key = f"{row.case} over nobody"
    added = bench.ratio(key, row, opened) - 1
    del bench.ratios[key]
    return added


def main() -> None:
    """Measure and print."""
    bench = Bench("auth", peers=("joserfc", "cryptography", "uvicorn"))
    with tempfile.TemporaryDirectory(prefix="bloop-auth-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'bench.db'}"
        sqlite = compare(bench, "sqlite", (url, url), folder / "sqlite")
        with read.postgres() as (app_url, owner_url, _):
            pg = compare(bench, "pg", (app_url, owner_url), folder / "pg")
    bench.ratios |= {"auth_over_open": max(sqlite, pg), "auth_sqlite": sqlite, "auth_pg": pg}
    with contextlib.suppress(ValueError):
        sys.argv.remove("--quick")
    bench.finish()


if __name__ == "__main__":
    main()
