"""The key-value store that a plugin gets as ``ctx.store``."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import bindparam, delete, select

from bloop.store.database import Database
from bloop.store.errors import InvalidError
from bloop.store.inserting import INSERT
from bloop.store.models import PluginValue
from bloop.store.statements import institution, parsed, register
from bloop.store.types import utcnow
from bloop_sdk import Call

MAX_VALUE_BYTES = 64 * 1024
MAX_KEY_LENGTH = 200

_OWN = (PluginValue.institution_id == institution, PluginValue.plugin_id == bindparam("plugin"))

VALUE = register(
    "store.value", select(PluginValue.value).where(*_OWN, PluginValue.key == bindparam("key"))
)
KEYS = register("store.keys", select(PluginValue.key).where(*_OWN))


class PluginValues:
    """One plugin's values in one institution; implements ``bloop_sdk.plugin.KeyValueStore``."""

    def __init__(self, database: Database, call: Call, plugin_id: str) -> None:
        self._database = database
        self._call = call
        self._plugin = plugin_id

    def get(self, key: str) -> Any:
        """The value, or None."""
        found = self._database.read_now(VALUE, self._call, plugin=self._plugin, key=key)
        return parsed(found[0][0]) if found else None

    def set(self, key: str, value: Any) -> None:
        """Add or replace; raises :class:`InvalidError` for what is no JSON or too large."""
        if not 0 < len(key) <= MAX_KEY_LENGTH:
            raise InvalidError(f"a key has 1 to {MAX_KEY_LENGTH} characters", field="key")
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
        add = INSERT[self._database.dialect](PluginValue).values(
            institution_id=self._call.institution, plugin_id=self._plugin, key=key, value=value
        )
        replace = add.on_conflict_do_update(
            index_elements=["institution_id", "plugin_id", "key"],
            set_={"value": add.excluded.value, "updated_at": utcnow()},
        )
        with self._database.unit(self._call) as unit:
            unit.session.execute(replace)

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
        found = self._database.read_now(KEYS, self._call, plugin=self._plugin)
        return sorted(key for (key,) in found if key.startswith(prefix))
