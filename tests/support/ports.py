"""Ports of this machine."""

from __future__ import annotations

import socket


def find_free_port() -> int:
    """Give a port of 127.0.0.1 on which nobody listens now.

    Where a server can bind port 0 and say which one it got, let it: between this call and its
    start somebody else may take the port.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
