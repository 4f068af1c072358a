"""."""

from bloop.accounts.access import Router

router = Router(tags=["pages"])
