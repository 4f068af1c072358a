"""Registered reads of what is wanted and what each process has; for the hub's own calls."""

from __future__ import annotations

from sqlalchemy import String, and_, bindparam, exists, func, or_, select, true

from bloop.kernel.models import (
    Connection,
    HubGeneration,
    HubProcess,
    InstitutionPlugin,
    PluginState,
    UserPlugin,
)
from bloop.kernel.states import RESTING
from bloop.store.models import EVERY_INSTITUTION, AuditLine
from bloop.store.statements import institution, register
from bloop.store.types import UtcDateTime

_OWN_CALL = institution == EVERY_INSTITUTION

GENERATION = register(
    "kernel.generation",
    select(HubGeneration.generation, HubGeneration.wanted).where(HubGeneration.id == 1, _OWN_CALL),
)
"""What the operator wants; no row before the first start."""

PROCESSES = register(
    "kernel.processes",
    select(
        HubProcess.id,
        HubProcess.kind,
        HubProcess.host,
        HubProcess.pid,
        HubProcess.version,
        HubProcess.lease_owner,
        HubProcess.workers,
        HubProcess.queues,
        HubProcess.generation,
        HubProcess.config_fault,
        HubProcess.started_at,
        HubProcess.beat_at,
    )
    .where(_OWN_CALL)
    .order_by(HubProcess.started_at),
    heavy=True,
)
"""The processes of the hub; one that has not beaten for a minute is gone."""

PLUGIN_STATES = register(
    "kernel.plugin_states",
    select(
        PluginState.process_id,
        PluginState.plugin_id,
        PluginState.state,
        PluginState.version,
        PluginState.reason,
        PluginState.cure,
        PluginState.recoverable,
        PluginState.import_ms,
        PluginState.since,
    )
    .where(_OWN_CALL)
    .order_by(PluginState.plugin_id),
    heavy=True,
)
"""The state of each plugin in each process."""

INSTITUTION_SETTINGS = register(
    "kernel.institution_settings",
    select(
        InstitutionPlugin.plugin_id,
        InstitutionPlugin.enabled,
        InstitutionPlugin.settings,
        InstitutionPlugin.row_version,
        InstitutionPlugin.secrets,
        InstitutionPlugin.secrets_set_at,
    ).where(InstitutionPlugin.institution_id == institution),
)
"""What an institution has said of plugins; secrets as they are sealed."""

USER_SETTINGS = register(
    "kernel.user_settings",
    select(
        UserPlugin.settings,
        UserPlugin.row_version,
        UserPlugin.secrets,
        UserPlugin.secrets_set_at,
    ).where(
        UserPlugin.institution_id == institution,
        UserPlugin.user_id == bindparam("user"),
        UserPlugin.plugin_id == bindparam("plugin"),
    ),
)
"""What a user has set of a plugin."""

_OPENED = "the hub itself reads over every connection"
CONNECTION = register(
    "kernel.connection",
    select(*(column for column in Connection.__table__.c if column.name != "institution_id")).where(
        Connection.institution_id == institution, Connection.id == bindparam("id")
    ),
    whole=_OPENED,
)
"""One connection, with its sealed secrets: for who opens it, which a command has allowed."""

CONNECTIONS = register(
    "kernel.connections",
    select(
        *(
            column
            for column in Connection.__table__.c
            if column.name not in {"institution_id", "secrets"}
        )
    )
    .where(Connection.institution_id == institution, Connection.id > bindparam("after"))
    .order_by(Connection.id)
    .limit(bindparam("limit")),
    whole=_OPENED,
)
"""A page of an institution's connections, in order of their ids."""

DUE_CONNECTION = register(
    "kernel.due_connection",
    select(Connection.id)
    .where(
        or_(Connection.institution_id == institution, institution == EVERY_INSTITUTION),
        Connection.next_at.is_not(None),
        Connection.next_at <= bindparam("now", type_=UtcDateTime),
    )
    .limit(1),
    whole=_OPENED,
)
"""Whether a sync of a connection is due."""

TO_WATCH = register(
    "kernel.to_watch",
    select(
        Connection.id,
        Connection.institution_id,
        Connection.plugin_id,
        Connection.settings,
        Connection.watcher,
        exists(
            select(HubProcess.id).where(
                HubProcess.lease_owner == Connection.watcher,
                HubProcess.beat_at > bindparam("since", type_=UtcDateTime),
            )
        ).label("beats"),
    )
    .outerjoin(
        InstitutionPlugin,
        and_(
            InstitutionPlugin.institution_id == Connection.institution_id,
            InstitutionPlugin.plugin_id == Connection.plugin_id,
        ),
    )
    .where(
        or_(Connection.institution_id == institution, institution == EVERY_INSTITUTION),
        Connection.watches.is_(True),
        Connection.state.not_in(sorted(RESTING)),
        func.coalesce(InstitutionPlugin.enabled, true()),
    )
    .order_by(Connection.id),
    heavy=True,
    whole=_OPENED,
)
"""The connections that should be watched, and whether who does has said so ``since`` then."""

CONNECTION_OF = register(
    "kernel.connection_of",
    select(Connection.institution_id, Connection.plugin_id, Connection.state).where(
        or_(Connection.institution_id == institution, institution == EVERY_INSTITUTION),
        Connection.id == bindparam("id"),
    ),
    whole=_OPENED,
)
"""Whose a connection is, for who knows its id alone."""

CONNECTED = register(
    "kernel.connected",
    select(Connection.institution_id, func.count().label("connections"))
    .where(
        or_(Connection.institution_id == institution, institution == EVERY_INSTITUTION),
        Connection.plugin_id == bindparam("plugin"),
    )
    .group_by(Connection.institution_id)
    .order_by(Connection.institution_id),
    heavy=True,
    whole="connections are counted, whosever they are",
)
"""How many connections each institution has by a plugin."""

_resource = bindparam("resource", type_=String)

PLUGIN_CHANGES = register(
    "kernel.plugin_changes",
    select(
        AuditLine.at,
        AuditLine.institution_id.label("institution"),
        AuditLine.actor,
        AuditLine.action,
        AuditLine.resource,
        AuditLine.detail,
    )
    .where(
        or_(AuditLine.institution_id == institution, institution == EVERY_INSTITUTION),
        or_(AuditLine.action.like("plugin.%"), AuditLine.action.like("plugins%")),
        or_(_resource == "", AuditLine.resource == _resource),
    )
    .order_by(AuditLine.seq.desc())
    .limit(bindparam("limit")),
    heavy=True,
)
"""Who switched and set plugins, or the one that is the ``resource``, newest first."""
