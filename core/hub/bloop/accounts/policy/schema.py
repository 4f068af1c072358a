"""What policies may speak of, in Cedar's schema: made of the hub's actions and kinds of rows.

An action stands in the group ``from ROLE`` of its least role, and in those of the roles below none.
Every action is about an institution as a whole, or about one row of a kind of its domain.
"""

from __future__ import annotations

from collections.abc import Mapping

from bloop_sdk import Role

PRINCIPALS = {
    "user": "User",
    "key": "ApiKey",
    "plugin": "Plugin",
    "guest": "Guest",
    "system": "System",
}
"""Types of principals by their kind."""

TYPES = {
    "account_user": "User",
    "connection": "Connection",
    "container": "Container",
    "institution": "Institution",
    "item": "Item",
    "job": "Job",
    "job_schedule": "Schedule",
    "node": "Node",
    "note_conflict": "Item",
    "plugin": "Plugin",
    "sync_run": "Run",
    "unsent": "Item",
    "user_group": "Group",
    "webhook_endpoint": "Webhook",
}
"""Types of what something is done to, by table; a plugin has none of its own.

What waits of a note, and a conflict of one, are done to as the note is.
"""

KINDS: dict[str, tuple[str, ...]] = {
    "account": ("User",),
    "connections": ("Connection",),
    "content": ("Container", "Item", "Node", "Run"),
    "enrolments": ("Container",),
    "groups": ("Group",),
    "jobs": ("Job",),
    "plugins": ("Plugin",),
    "schedules": ("Schedule",),
    "users": ("User",),
    "webhooks": ("Webhook",),
}
"""What else than the institution the actions of a domain are done to."""

COURSE_TYPES = frozenset({"Container", "Item", "Node"})
"""What stands in a course, or is one: it is published, and for an audience."""
_IN_COURSE = ", published: Bool, audience: String, enrolled: Bool, taught: Bool"
OWNED = COURSE_TYPES | {"Connection", "Run"}
"""What may be of one user, and nobody else's."""


def kinds_of(action: str, plugin: str | None = None) -> tuple[str, ...]:
    """The types that an action is done to; those of ``plugin`` also to the plugin itself."""
    domain = action.partition(":")[0]
    own = ("Plugin",) if plugin is not None and domain == plugin else ()
    return ("Institution", *(KINDS.get(domain, ()) or own))


def schema_of(actions: Mapping[str, Role], plugin: str | None = None) -> str:
    """The schema of the hub's actions, and of those of one plugin where one is named."""
    lines = ["entity Role;", "entity Institution { institution: Institution };"]
    lines.extend(
        f"entity {name} in [Role] {{ institution: Institution, disabled: Bool }};"
        for name in dict.fromkeys(PRINCIPALS.values())
    )
    for name in dict.fromkeys(TYPES.values()):
        if name in PRINCIPALS.values() or name == "Institution":
            continue
        published = _IN_COURSE if name in COURSE_TYPES else ""
        owner = ", owner?: User" if name in OWNED | {"Job"} else ""
        lines.append(f"entity {name} {{ institution: Institution{published}{owner} }};")
    lines.extend(f'action "{group(role)}";' for role in Role)
    principals = ", ".join(dict.fromkeys(PRINCIPALS.values()))
    for action, least in actions.items():
        resources = ", ".join(kinds_of(action, plugin))
        lines.append(
            f'action "{action}" in ["{group(least)}"] appliesTo {{'
            f" principal: [{principals}], resource: [{resources}],"
            " context: { second_factor: Bool, scopes?: Set<Action>, plugin?: Set<Action> } };"
        )
    return "\n".join(lines)


def group(role: Role) -> str:
    """The group of the actions whose least role it is."""
    return f"from {role.value}"
