"""Where other systems call plugins: ``POST /in/<institution>/<plugin>/...``, without a login.

What stands here is declared in manifests (``contributes.inbound``). The handler gets the exact
bytes, runs as the hub in that institution, and proves itself who calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import PLUGIN_SECONDS, Router, call_of, hub_of
from bloop.accounts.actions import VISIT, ForbiddenError
from bloop.accounts.people.queries import OWN
from bloop.accounts.sessions import system_call
from bloop.api.plugin_routes import asked_with_body, called, check_on, found_at
from bloop.store.errors import NotFoundError
from bloop.telemetry.logs import get_logger
from bloop_sdk import AuthError, BloopError

if TYPE_CHECKING:
    from bloop.hub import Hub

log = get_logger("bloop.inbound")

router = Router(prefix="/in", tags=["plugins"])


# A system calls from few addresses, and as often as it has something to say: counted by itself, it
# takes nothing from people who read or write from there.
@router.post(
    "/{institution}/{plugin}/{rest:path}",
    action=VISIT,
    rate="inbound",
    enrolling=False,
    include_in_schema=False,
)
async def take(request: Request, institution: str, plugin: str, rest: str) -> Response:
    """Hand a call from outside to the plugin that waits for it."""
    from bloop.hub.contexts import open_context
    from bloop.web.plugin_calls import RequestCall

    hub = cast("Hub", hub_of(request))
    call = system_call(institution, call_of(request).trace)
    if not await hub.database.read(OWN, call):
        raise NotFoundError("nobody waits for a call here")
    await check_on(hub, call, plugin)
    own = [one for one in hub.kernel.contributions("inbound") if one.plugin_id == plugin]
    part, values = found_at(own, f"/{rest}", "POST", methods=("POST",))
    asked = await asked_with_body(request, "POST", values)
    handler = await part.load()
    ctx = await open_context(hub, RequestCall, plugin, call, request=asked, until=None)

    async def answered() -> Response | BloopError:
        # Who is away is somebody else, of one institution's, whom strangers may have had asked:
        # that is no reason to leave the plugin alone.
        try:
            return await called(handler, asked, part, ctx)
        except BloopError as err:
            return err

    answer = await hub.kernel.calls.call(
        cast("Any", part),
        f"inbound {part.declaration.path}",
        answered(),
        timeout=PLUGIN_SECONDS,
        connection=institution,
    )
    if isinstance(answer, AuthError):
        # Who cannot prove who they are learns nothing more.
        log.warning("a call was refused", plugin=plugin, path=rest[:200], reason=str(answer))
        raise ForbiddenError("the call is not proved to be the other system's") from answer
    if isinstance(answer, BloopError):
        raise answer
    return answer
