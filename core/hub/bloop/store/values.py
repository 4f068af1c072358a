"""The key-value store that a plugin gets as ``ctx.store``."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import delete, select

from bloop.store.database import Database
from bloop.store.errors import InvalidError
from bloop.store.models import PluginValue
from bloop_sdk import Call

MAX_VALUE_BYTES = 64 * 1024


class PluginValues:
    """One plugin's values in one institution; implements ``bloop_sdk.plugin.KeyValueStore``."""

    def __init__(self, database: Database, call: Call, plugin_id: str) -> None:
        self._database = database
        self._call = call
        self._plugin = plugin_id

    def get(self, key: str) -> Any:
        """The value, or None."""
        with self._database.unit(self._call) as unit:
            return unit.session.scalar(
                select(PluginValue.value).where(
                    PluginValue.institution_id == self._call.institution,
                    PluginValue.plugin_id == self._plugin,
                    PluginValue.key == key,
                )
            )

    def set(self, key: str, value: Any) -> None:
        """Add or replace; raises :class:`InvalidError` for what is no JSON or too large."""
        try:
            size = len(orjson.dumps(value))
        except TypeError as err:
            raise InvalidError(f"{key}: not JSON: {err}", field=key) from err
        if size > MAX_VALUE_BYTES:
            raise InvalidError(
                f"{key}: {size} bytes; at most {MAX_VALUE_BYTES}",
                field=key,
                cure="keep large values in a table or a blob",
            )
        with self._database.unit(self._call) as unit:
            unit.session.merge(
                PluginValue(
                    institution_id=self._call.institution,
                    plugin_id=self._plugin,
                    key=key,
                    value=value,
                )
            )

    def delete(self, key: str) -> None:
        """Forget; unknown keys are ignored."""
        with self._database.unit(self._call) as unit:
            unit.session.execute(
                delete(PluginValue).where(
                    PluginValue.institution_id == self._call.institution,
                    PluginValue.plugin_id == self._plugin,
                    PluginValue.key == key,
                )
            )

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that start with ``prefix``, sorted."""
        with self._database.unit(self._call) as unit:
            found = unit.session.scalars(
                select(PluginValue.key).where(
                    PluginValue.institution_id == self._call.institution,
                    PluginValue.plugin_id == self._plugin,
                    PluginValue.key.startswith(prefix, autoescape=True),
                )
            )
            return sorted(found)
