"""All that a hub needs, imported: for a process that others are forked from (:mod:`forking`)."""

from __future__ import annotations

import gc

gc.disable()

from bloop.api.app import API, routes_of  # noqa: E402 - what is imported here is no garbage

routes_of(API)
gc.freeze()
gc.enable()
