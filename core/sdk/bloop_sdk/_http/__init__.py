"""How the hub sends for plugins, shared with the test kit so that tests meet the same rules.

Nothing here opens a connection: a :class:`~bloop_sdk._http.wire.Transport` does, which is the
hub's network, a recording, or a fake system of a test.
"""
