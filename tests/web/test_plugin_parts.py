"""What plugins' pages load and follow: static files of their package, and live views."""

from __future__ import annotations

import json
import re

import pytest

from bloop.api.plugin_live import pause
from bloop.hub import Hub
from bloop.hub.switching import switch
from bloop_sdk.testing.distributions import write_plugin
from tests.support.database import make_call

VIEWS = """
    from bloop_sdk import ForbiddenRecordError, LiveView, PageView, PanelView

    seen = []

    async def front(request, ctx):
        return PageView(title="Wiki", html="<p>x", scripts=("wiki.js",), styles=("wiki.css",),
                        wide=True)

    async def waits(request, ctx):
        scripts = ("wiki.js",) if "script" in request.query_params else ()
        return PageView(title="Wiki", html="<p>x", refresh=2.4, scripts=scripts)

    async def lost(request, ctx):
        return PageView(title="Wiki", html="<p>x", scripts=("gone.js",))

    async def beside(request, ctx, subject):
        return PanelView(html="<p>beside", scripts=("wiki.js",))

    async def live(request, ctx):
        seen.clear()
        async def look():
            seen.append(1)
            return {"at": min(len(seen) // 2, 2)}
        return LiveView(look=look, over=lambda now: now["at"] == 2)

    async def closed(request, ctx):
        seen.clear()
        async def look():
            seen.append(1)
            if len(seen) > 2:
                raise ForbiddenRecordError("no longer yours")
            return {"at": 0}
        return LiveView(look=look, over=lambda now: False)

    async def counts(request, ctx):
        seen.clear()
        async def look():
            seen.append(1)
            return {"at": len(seen)}
        return LiveView(look=look, over=lambda now: now["at"] == 20)

    async def still(request, ctx):
        async def look():
            return {"who": ctx.call.principal.id}
        return LiveView(look=look, over=lambda now: False)

    async def link(request, ctx):
        return {"url": ctx.signed("/still", 1)}
"""
FILES = {
    "views.py": VIEWS,
    "static/wiki.js": "import { a } from './part.js';",
    "static/part.js": "export const a = 1;",
    "static/wiki.css": "p { color: red }",
    "static/secret.toml": "a = 1",
    "static/.hidden.js": "1",
}


@pytest.fixture
async def hub(hub_toml, site, monkeypatch):
    """A hub with a plugin that has static files and live views."""
    monkeypatch.setattr("bloop.api.plugin_live.LOOK_SECONDS", 0.01)
    views = {"action": "content:read"}
    pages = [
        {"path": f"/{name}", "view": f"bloop_wiki.views:{name}", "title": name} | views
        for name in ("front", "lost", "waits")
    ]
    routes = [
        {"path": f"/{name}", "handler": f"bloop_wiki.views:{name}"} | views
        for name in ("live", "closed", "counts", "still", "link")
    ]
    panels = [{"slot": "admin", "view": "bloop_wiki.views:beside"} | views]
    contributes = {"pages": pages, "routes": routes, "panels": panels}
    write_plugin(site, "wiki", files=FILES, manifest={"contributes": contributes})
    with hub_toml.open("a") as file:
        file.write('\n[access]\nguests = "read"\n\n[plugins.wiki]\nenabled = true\n')
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


async def test_a_page_loads_modules_and_styles_of_its_plugin_for_ever(visit, hub):
    guest = await visit()
    shown = await guest.get("/x/wiki/front")
    policy = shown.headers["content-security-policy"]
    assert "script-src 'self'; connect-src 'self'" in policy and "unsafe" not in policy
    script = re.search(r'<script type="module" src="(/static/wiki/\w{8}/wiki.js)">', shown.text)[1]
    assert f'<link rel="stylesheet" href="{script.replace(".js", ".css")}">' in shown.text
    assert '<div class="own wider">' in shown.text
    module = await guest.get(script)
    assert module.headers["content-type"].startswith("text/javascript")
    assert "immutable" in module.headers["cache-control"]
    # What it imports lies beside it, under the same hash.
    assert (await guest.get(script.replace("wiki.js", "part.js"))).text == "export const a = 1;"
    old = await guest.get("/static/wiki/00000000/wiki.js")
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")
    for name in ("secret.toml", ".hidden.js", "views.py", "..%2Fviews.py"):
        assert (await guest.get(f"/static/wiki/00000000/{name}")).status_code == 404


async def test_a_panel_brings_its_script_to_the_page_that_it_stands_on(visit):
    shown = await (await visit("operator")).get("/plugins")
    assert "<p>beside" in shown.text
    assert len(re.findall(r'src="/static/wiki/\w{8}/wiki.js"', shown.text)) == 1


async def test_a_page_that_waits_is_loaded_again_by_browsers_that_run_nothing_of_it(visit):
    guest = await visit()
    plain = await guest.get("/x/wiki/waits")
    assert plain.headers["refresh"] == "2" and "http-equiv" not in plain.text
    scripted = await guest.get("/x/wiki/waits?script")
    assert "refresh" not in scripted.headers
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in scripted.text


async def test_a_script_that_is_not_there_is_the_plugins_fault(visit):
    lost = await (await visit()).get("/x/wiki/lost")
    assert lost.status_code == 502 and "gone.js" in lost.text


async def test_a_plugin_that_is_off_shows_no_files(visit, hub):
    await switch(hub, make_call(hub.institution, role="operator"), "wiki", enabled=False)
    gone = await (await visit()).get("/static/wiki/00000000/wiki.js")
    assert gone.status_code == 404


async def test_a_live_view_tells_each_change_once_until_it_is_over(visit):
    guest = await visit()
    stream = await guest.get("/x/wiki/live")
    assert stream.headers["content-type"].startswith("text/event-stream")
    told = re.findall(r"id: (\w+)\ndata: (.*)", stream.text)
    assert [json.loads(data) for _, data in told] == [{"at": 1}, {"at": 2}]
    # Who comes again with the last is told only what is new, and at the end not to come again.
    more = await guest.get("/x/wiki/live", headers={"last-event-id": told[0][0]})
    assert re.findall("data: (.*)", more.text) == ['{"at":2}']
    head = await guest.head("/x/wiki/live")
    assert head.status_code == 200


async def test_a_live_view_ends_when_the_caller_may_no_longer_look(visit):
    stream = await (await visit()).get("/x/wiki/closed")
    assert re.findall("data: (.*)", stream.text) == ['{"at":0}']


async def test_a_live_view_of_a_link_is_for_who_gave_it_and_ends_with_it(visit):
    teacher, learner = await visit("educator"), await visit("learner")
    url = (await teacher.get("/x/wiki/link")).json()["url"]
    stream = await learner.get(url)
    me = (await teacher.get("/api/v1/account")).json()["id"]
    assert re.findall("data: (.*)", stream.text) == [json.dumps({"who": me}, separators=(",", ":"))]


async def test_a_live_view_goes_on_while_the_session_does(visit, monkeypatch):
    """A plugin's own call has fewer rights than the session's: that ends nothing."""
    monkeypatch.setattr("bloop.hub.live.ACCESS_SECONDS", 0.01)
    stream = await (await visit("educator")).get("/x/wiki/counts")
    assert stream.text.rstrip().endswith('data: {"at":20}')


def test_many_who_wait_for_news_of_plugins_look_less_often():
    assert (pause(1), pause(200), pause(2000)) == (0.5, 2.0, 20.0)
