"""The hub's tables and those of its plugins: at their newest version before anything uses them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.service import ensure_institution
from bloop.accounts.sessions import system_call
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import BloopError, ConfigError

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.store.migrate import Version
    from bloop_sdk.manifest import Manifest


class Tables:
    """Upgrades: in an embedded hub at once, elsewhere by ``bloop db upgrade``."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def prepare(self) -> None:
        """The core's tables at the newest version, and the first institution with its operator.

        Where the hub is not embedded, an upgrade that waits is an error: other processes may still
        run the older code.
        """
        from bloop.store.migrate import CORE, status, upgrade_core

        hub = self._hub
        (core,) = (version for version in status(hub.database) if version.owner == CORE)
        if core.pending and not hub.embedded:
            raise ConfigError(
                f"the database is at version {core.current or 'nothing'}, "
                f"this hub needs {core.head}",
                cure="run: bloop db upgrade",
            )
        if core.pending:
            upgrade_core(hub.database)
        self._ensure_institution()

    def upgrade(self) -> list[Version]:
        """Bring the tables of the core and of every enabled plugin to their newest version."""
        from bloop.store.errors import MigrationError
        from bloop.store.migrate import upgrade_core

        kernel = self._hub.kernel
        versions, failed = [upgrade_core(self._hub.database)], []
        self._ensure_institution()
        for plugin_id in self.of_plugins():
            found, manifest = kernel.plugins[plugin_id].found, kernel.plugins[plugin_id].manifest
            assert found is not None
            assert manifest is not None, "it has tables"
            work = partial(self._upgrade_plugin, manifest)
            try:
                versions.append(kernel.runner.run(found, "upgrade of its tables", work))
            except BloopError as err:
                failed.append(f"plugin {plugin_id}: {err.message}")
        if failed:
            raise MigrationError("; ".join(failed), cure="all others are at their newest version")
        return versions

    def of_plugins(self) -> dict[str, str]:
        """The package of migrations of each enabled plugin that has tables."""
        wanted = self._hub.wanted().enabled
        return {
            plugin_id: manifest.contributes.tables.migrations
            for plugin_id, record in self._hub.kernel.plugins.items()
            if plugin_id in wanted
            and (manifest := record.manifest) is not None
            and manifest.contributes.tables is not None
        }

    def pending(self, manifest: Manifest) -> str | None:
        """Why a plugin's tables keep it from being loaded; an embedded hub upgrades them here."""
        from bloop.store.migrate import status

        tables = manifest.contributes.tables
        if tables is None:
            return None
        found = status(self._hub.database, {manifest.id: tables.migrations})
        (version,) = (version for version in found if version.owner == manifest.id)
        if version.ahead:
            return f"its tables are at version {version.current}, newer than this plugin"
        if version.pending and self._hub.embedded:
            self._upgrade_plugin(manifest)
        elif version.pending:
            return f"its tables have to be upgraded to version {version.head}"
        return None

    def _upgrade_plugin(self, manifest: Manifest) -> Version:
        from bloop.store.migrate import upgrade_plugin

        runner = self._hub.kernel.runner
        tables, found = manifest.contributes.tables, self._hub.kernel.plugins[manifest.id].found
        assert tables is not None
        assert found is not None
        metadata = runner.load(found, tables.metadata, "tables")
        with runner.journalled(found, "upgrade of its tables"):
            return upgrade_plugin(self._hub.database, manifest.id, metadata, tables.migrations)

    def _ensure_institution(self) -> None:
        call, database = system_call(EVERY_INSTITUTION), self._hub.database
        if not database.read_now(INSTITUTIONS, call):
            with database.unit(call) as unit:
                ensure_institution(unit, name=self._hub.config.value.hub.name)
