"""The events of plugins and of connections."""

from __future__ import annotations

from bloop.kernel.states import ConnectionState
from bloop.store.topics import Payload, Topic, declare


class Switched(Payload):
    """Which plugin."""

    plugin: str


class ConnectionChanged(Payload):
    """A connection and the state that it is in now.

    ``owner`` is the user whose alone it is: nobody else is told of it, and no plugin or webhook.
    """

    connection: str
    plugin: str
    state: ConnectionState
    owner: str | None = None


declare(
    *(
        Topic(
            name=f"plugin.switched_{way}",
            when=f"an institution switched a plugin {way} for itself",
            aggregate="plugin",
            payload=Switched,
            action="plugins:read",
            example={"plugin": "cartridge"},
        )
        for way in ("on", "off")
    ),
    Topic(
        name="plugin.connection_changed",
        when="a connection came into another state",
        aggregate="connection",
        payload=ConnectionChanged,
        action="connections:read",
        example={
            "connection": "019a21c6-3a77-7d54-b1c0-6f2f0d9b4e11",
            "plugin": "canvas",
            "state": "active",
        },
    ),
)
