"""Vendors' SDKs over ``ctx.http``: the hub paces, guards, retries and counts what they send.

One module for each library that such SDKs send with; importing it imports that library.

    from bloop_sdk.bridges.httpx import AsyncTransport   # notion-client, elevenlabs
    from bloop_sdk.bridges.httpx2 import AsyncTransport  # openai
    from bloop_sdk.bridges.requests import session       # canvasapi, msal, stripe

A blocking one is made in the event loop and used within ``ctx.run_sync``.
"""
