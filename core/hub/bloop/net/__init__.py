"""The one way out: the HTTP client that plugins are given, its guard, pacer and recorder.

:mod:`aiohttp` is imported with the first request, not with this package.
"""
