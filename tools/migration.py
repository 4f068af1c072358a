"""Write the next version of the core's tables: `python tools/migration.py [what_changed]`.

Until the first release there is one version, 0001_initial, written anew from the models; it is
called without a name. Afterwards the difference between the versions and the models becomes the
next number. Read what it wrote: it can't tell a renamed column from a dropped one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from sqlalchemy import JSON
from sqlalchemy.pool import NullPool

from bloop.store.database import Database, open_engine
from bloop.store.derived import is_derived
from bloop.store.migrate import CORE_VERSIONS, head_of, upgrade_core
from bloop.tables import core_metadata
from bloop_sdk.tables import UtcDateTime

TEMPLATE = '''"""{title}"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bloop_sdk.tables import Json, UtcDateTime

revision = "{revision}"
down_revision = {down!r}


def upgrade() -> None:  # noqa: PLR0915 - it grows with the tables
    {upgrade}
'''


def main(arguments: list[str]) -> None:
    """Write the version and say where."""
    if arguments:
        previous = head_of(CORE_VERSIONS)
        revision, down, what = f"{int(previous) + 1:04}", previous, "_".join(arguments)
    else:
        revision, down, what = "0001", None, "initial"
    upgrade = render(empty=not arguments)
    path = CORE_VERSIONS / f"{revision}_{what}.py"
    title = what.replace("_", " ").capitalize() + "."
    path.write_text(TEMPLATE.format(title=title, revision=revision, down=down, upgrade=upgrade))
    for mend in (["format", "--quiet"], ["check", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *mend, path], check=True)
    print(path)


def render(*, empty: bool) -> str:
    """The operations from an empty database, or the newest version, to the models."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/compared.db")
        if not empty:
            upgrade_core(database)
        database.close_now()
        engine = open_engine(database.url, pool=NullPool)
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection,
                opts={
                    "compare_type": True,
                    "include_name": include_name,
                    "render_item": render_item,
                },
            )
            script = produce_migrations(context, core_metadata())
            assert script.upgrade_ops is not None
            return render_python_code(
                script.upgrade_ops, render_as_batch=not empty, render_item=render_item
            )


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave out the version tables, and what the database derives by itself."""
    return not (kind == "table" and (is_derived(name) or (name or "").startswith("bloop_version_")))


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our own types by their names."""
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        return "UtcDateTime()"
    return "Json" if isinstance(item, JSON) else False


if __name__ == "__main__":
    main(sys.argv[1:])
