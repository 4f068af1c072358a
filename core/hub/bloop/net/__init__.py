"""The one way out: the network that the client of plugins sends through, its guard and its pacer.

The client itself, :class:`bloop_sdk._http.client.Client`, is shared with the test kit.
:mod:`aiohttp` is imported with the first request, not with this package.
"""
