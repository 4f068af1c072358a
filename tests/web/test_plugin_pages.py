"""Pages, panels and links of plugins inside the hub's own pages."""

from __future__ import annotations

import asyncio
import re
import sys

import pytest

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.hub.switching import switch
from bloop.kernel.models import InstitutionPlugin
from bloop.telemetry.metrics import metrics
from bloop.web import navigation, panels
from bloop_sdk.testing.distributions import write_plugin
from bloop_sdk.words import words_in
from tests.web.conftest import csrf_of

CODE = """
    from bloop_sdk import NavItem, Plugin, hookimpl

    class Main(Plugin):
        @hookimpl
        def navigation(self, principal):
            if principal.role == "learner":
                return "links"
            if principal.role == "educator":
                raise ValueError("no links")
            if principal.role == "admin":
                return [None, NavItem(title=3, path="/a", action="content:read")]
            return [
                NavItem(title="Added <by hook>", path="/hooked", action="content:read"),
                NavItem(title="For operators", path="/ops", action="plugins:toggle"),
                NavItem(title="Undeclared", path="/no", action="wiki:unknown"),
            ]
"""
VIEWS = """
    import asyncio
    from bloop_sdk import PageView, read_form, redirect

    async def front(request, ctx):
        html = ctx.render("front.html", name=request.query_params.get("name", "nobody"))
        return PageView(title="The <wiki>", html=html)

    async def entry(request, ctx):
        return PageView(title=request.path_params["name"], html="<p>entry", status=203)

    async def save(request, ctx):
        form = await read_form(request)
        if not form["text"]:
            return PageView(title="Again", html="<p>text is missing", status=422)
        return redirect(f"/x/wiki/entries/{form['text']}")

    async def crash(request, ctx):
        raise ValueError("the reason")

    async def rubbish(request, ctx):
        return {"no": "page"}

    async def untemplated(request, ctx):
        return PageView(title="x", html=ctx.render("absent.html"))

    async def may(request, ctx):
        actions = ["wiki:edit", "wiki:read", "content:read", "plugins:toggle", "wiki:unknown"]
        return [action for action in actions if ctx.may(action)]
"""
PANELS = """
    import asyncio

    async def good(request, ctx, subject):
        title = subject.title or "no title"
        return ctx.render("panel.html", subject=subject, title=title)

    async def none(request, ctx, subject):
        return None

    async def crash(request, ctx, subject):
        raise ValueError("no panel")

    async def hangs(request, ctx, subject):
        await asyncio.sleep(3600)

    async def stubborn(request, ctx, subject):
        while not freed.is_set():
            try:
                await freed.wait()
            except asyncio.CancelledError:
                pass

    freed = asyncio.Event()

    async def rubbish(request, ctx, subject):
        return b"<p>bytes"

    def plain(request, ctx, subject):
        return "not awaited"

    async def exits(request, ctx, subject):
        raise SystemExit(3)
"""
FRONT = '<p class="wiki">{{ _("Hello") }} {{ name }}, {{ locale }}, {{ base }}</p><p>{{ csrf }}</p>'
GERMAN = """\
msgid "Hello"
msgstr "Hallo"

msgid "Open"
msgstr "Offen"

msgid "Own entries"
msgstr "Eigene Einträge"

msgid "Added <by hook>"
msgstr "Vom <Hook>"
"""
PANEL = '<p class="{{ subject.slot }}">{{ title }} {{ subject.id }}</p>'
BAD = ("crash", "hangs", "stubborn", "rubbish", "plain", "exits")


def write(site, plugin_id, *, code=None, contributes, hooks=(), scopes=()):
    files = {"views.py": VIEWS, "panels.py": PANELS}
    files |= {"templates/front.html": FRONT, "templates/panel.html": PANEL}
    files["locale/de.po"] = GERMAN if plugin_id == "wiki" else "msgid"
    options = {"code": code} if code else {}
    manifest = {"hooks": list(hooks), "scopes": list(scopes), "contributes": contributes}
    write_plugin(site, plugin_id, files=files, manifest=manifest, **options)


def page(path, view, title, action="content:read", nav="main"):
    view = f"bloop_wiki.views:{view}"
    return {"path": path, "view": view, "title": title, "action": action, "nav": nav}


def panel(plugin, view, slot="admin", action="content:read"):
    return {"slot": slot, "view": f"bloop_{plugin}.panels:{view}", "action": action}


@pytest.fixture
def config_path(hub_toml, site):
    """A hub with a plugin that adds pages and panels, and one whose panels are bad."""
    save = {
        "path": "/",
        "handler": "bloop_wiki.views:save",
        "action": "wiki:edit",
        "methods": ["POST"],
    }
    rights = {"path": "/may", "handler": "bloop_wiki.views:may", "action": "content:read"}
    write(
        site,
        "wiki",
        code=CODE,
        hooks=["navigation"],
        scopes=["plugins:toggle"],
        contributes={
            "pages": [
                page("/", "front", "Wiki"),
                page("/edit", "front", "Edit", "wiki:edit"),
                page("/open", "front", "Open", "wiki:read"),
                page("/entries/{name}", "entry", "An entry"),
                page("/own", "front", "Own entries", "account:read", "account"),
                page("/hidden", "front", "Hidden", nav="none") | {"under": "/open"},
                *(page(f"/{name}", name, name) for name in ("crash", "rubbish", "untemplated")),
            ],
            "routes": [save, rights],
            "panels": [
                *(panel("wiki", "good", slot) for slot in ("lesson", "course", "admin")),
                panel("wiki", "none"),
                panel("wiki", "good", "admin", "wiki:unknown"),
            ],
            "actions": [
                {"name": "wiki:edit", "role": "admin", "help": "Edit."},
                {"name": "wiki:read", "role": "guest", "help": "Read."},
            ],
        },
    )
    for name in BAD:
        write(site, f"bad_{name}", contributes={"panels": [panel(f"bad_{name}", name)]})
    with hub_toml.open("a") as file:
        file.write('\n[access]\nguests = "read"\n')
        for plugin_id in ("wiki", *(f"bad_{name}" for name in BAD)):
            file.write(f"\n[plugins.{plugin_id}]\nenabled = true\n")
    return hub_toml


@pytest.fixture
async def hub(config_path, monkeypatch):
    monkeypatch.setattr(panels, "PANEL_SECONDS", 0.5)
    monkeypatch.setattr(panels, "GRACE_SECONDS", 0.5)
    hub = Hub.open(config_path, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


def links(answer):
    nav = re.search(r"<nav aria-label=.*?</nav>", answer.text, re.DOTALL)[0]
    return re.findall(r'href="([^"]+)"', nav)


async def test_a_page_stands_in_the_hubs_frame_without_script_in_the_visitors_language(visit):
    guest = await visit()
    answer = await guest.get("/x/wiki/?name=<i>", headers={"accept-language": "de"})
    assert answer.status_code == 200
    assert "<h1>The &lt;wiki&gt;</h1>" in answer.text
    assert '<p class="wiki">Hallo &lt;i&gt;, de, /x/wiki</p>' in answer.text
    assert '<html lang="de"' in answer.text
    assert "Sie lesen als Gast." in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert 'href="/x/wiki/" aria-current="page"' in answer.text
    entry = await guest.get("/x/wiki/entries/a%20b")
    assert 'href="/x/wiki/" aria-current="true"' in entry.text
    under = (await guest.get("/x/wiki/hidden")).text
    assert re.findall(r'href="([^"]+)" aria-current', under) == ["/x/wiki/open"]
    assert (entry.status_code, "<h1>a b</h1>" in entry.text) == (203, True)
    head = await guest.head("/x/wiki/")
    assert head.status_code == 200
    short = await guest.get("/x/wiki")
    assert (short.status_code, short.headers["location"]) == (307, "/x/wiki/")


async def test_the_navigation_shows_what_one_may_see_and_no_more(visit, hub):
    operator, guest = await visit("operator"), await visit()
    everybody = ["/courses", "/x/wiki/", "/x/wiki/open", "/x/wiki/crash", "/x/wiki/rubbish"]
    everybody += ["/x/wiki/untemplated", "/x/wiki/hooked"]
    assert links(await guest.get("/")) == [*everybody, "/login"]
    shown = await operator.get("/")
    hubs = [
        "/",
        "/courses",
        "/notes",
        "/concepts",
        "/admin",
    ]
    hubs.append("/account/sessions")
    own = {*hubs, "/x/wiki/edit", "/x/wiki/ops"}
    assert set(links(shown)) == {*everybody, *own}
    assert "Added &lt;by hook&gt;" in shown.text
    with hub.database.unit(system_call(hub.institution)) as unit:
        row = InstitutionPlugin(institution_id=unit.institution, plugin_id="wiki", enabled=False)
        unit.session.add(row)
    hub.choices.forget(hub.institution)
    assert links(await operator.get("/")) == hubs
    assert (await operator.get("/x/wiki/")).status_code == 404


async def test_what_a_plugin_links_is_said_in_the_visitors_language(visit):
    shown = await (await visit("operator")).get("/", headers={"accept-language": "de"})
    titles = re.findall(r'href="/x/wiki/(?:open|hooked|edit)"[^>]*>([^<]*)', shown.text)
    assert titles == ["Edit", "Offen", "Vom &lt;Hook&gt;"]


async def test_a_page_of_ones_account_is_linked_there_and_stands_under_its_links(visit):
    learner = await visit("learner")
    sessions = await learner.get("/account/sessions", headers={"accept-language": "de"})
    assert '<a href="/x/wiki/own">Eigene Einträge</a>' in sessions.text
    own = await learner.get("/x/wiki/own")
    assert '<a href="/x/wiki/own" aria-current="page">Own entries</a>' in own.text
    assert '<a href="/account/sessions" aria-current="true">Account</a>' in own.text
    assert "/x/wiki/hidden" not in own.text


async def test_a_broken_catalogue_costs_its_own_plugin_alone(visit, hub):
    found = hub.kernel.plugins["bad_crash"].found
    assert navigation.said_by(hub, "bad_crash", "Open", "de") == "Open"
    with pytest.raises(ValueError, match="cannot be read"):
        words_in(found.package, "de")
    assert (await (await visit()).get("/", headers={"accept-language": "de"})).status_code == 200


@pytest.mark.parametrize("role", ["learner", "educator", "admin"])
async def test_a_hook_that_gives_no_links_costs_only_them(visit, role):
    shown = await (await visit(role)).get("/")
    assert shown.status_code == 200
    assert "/x/wiki/" in links(shown)
    assert "/x/wiki/hooked" not in links(shown)


async def test_a_form_needs_its_token_and_leads_on(visit):
    admin = await visit("admin")
    shown = await admin.get("/x/wiki/")
    token = re.search(r"<p>([0-9a-f]{64})</p>", shown.text)[1]
    refused = await admin.post("/x/wiki/", data={"text": "new"})
    assert refused.status_code == 403
    saved = await admin.post("/x/wiki/", data={"text": "new", "csrf": token})
    assert (saved.status_code, saved.headers["location"]) == (303, "/x/wiki/entries/new")
    again = await admin.post("/x/wiki/", data={"text": "", "csrf": token})
    assert (again.status_code, "text is missing" in again.text) == (422, True)
    assert csrf_of(again) == token  # of the frame's own form, to log out


async def test_reading_never_runs_what_writes(visit):
    admin = await visit("admin")
    assert (await admin.head("/x/wiki/")).status_code == 200  # the page, not the route for POST
    wrong = await admin.put("/x/wiki/", headers={"x-csrf-token": csrf_of(await admin.get("/"))})
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET") or (
        set(wrong.headers["allow"].split(", ")) == {"GET", "POST"}
    )


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        (None, ["wiki:read", "content:read"]),
        ("learner", ["wiki:read", "content:read"]),
        ("admin", ["wiki:edit", "wiki:read", "content:read"]),
        ("operator", ["wiki:edit", "wiki:read", "content:read", "plugins:toggle"]),
    ],
)
async def test_a_plugin_is_told_what_the_caller_may(visit, role, rights):
    assert (await (await visit(role)).get("/x/wiki/may")).json() == rights


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("crash", "plugin wiki: page /crash: ValueError: the reason"),
        ("rubbish", "plugin wiki answered with a dict, which is no page"),
        ("untemplated", "plugin wiki: page /untemplated: TemplateNotFound"),
    ],
)
async def test_a_page_that_fails_names_culprit_and_cure_and_costs_only_itself(visit, path, said):
    guest = await visit()
    answer = await guest.get(f"/x/wiki/{path}")
    assert answer.status_code == 502
    assert said in answer.text
    assert "author" in answer.text
    assert "/x/wiki/hooked" in links(answer)
    assert (await guest.get("/x/wiki/")).status_code == 200
    assert (await guest.get("/")).status_code == 200


@pytest.fixture
async def stubborn(hub):
    """The module of a plugin that swallows every cancellation, until it is set free."""
    yield
    sys.modules["bloop_bad_stubborn.panels"].freed.set()


async def test_panels_that_fail_hang_or_give_rubbish_are_left_out_and_counted(stubborn, visit, hub):
    operator = await visit("operator")

    def failed(name):
        return metrics().panels.labels(f"bad_{name}", "admin", "failed")._value.get()

    # An import on a slow machine may take longer than a panel has here, which is another matter.
    for part in hub.kernel.contributions("panels"):
        await part.load()
    before = {name: failed(name) for name in BAD}
    answer = await operator.get("/plugins")
    assert answer.status_code == 200
    assert re.findall(r'<p class="admin">(.*?)</p>', answer.text) == ["no title "]
    assert {name: failed(name) - before[name] for name in BAD} == dict.fromkeys(BAD, 1)
    for _ in range(4):
        await operator.get("/plugins")
    open_ = {view.plugin for view in hub.kernel.breakers.snapshot() if view.reopens_in}
    assert open_ == {f"bad_{name}" for name in BAD}
    assert failed("stubborn") - before["stubborn"] == 5


async def published(client):
    """The ids of a course and of a lesson in it."""
    headers = {"x-csrf-token": csrf_of(await client.get("/"))}
    course = {"title": "Of <waves>", "published": True}
    made = await client.post("/api/v1/containers", json=course, headers=headers)
    lesson = {"kind": "page", "title": "What <sound> is", "html": "<p>a"}
    items = f"/api/v1/containers/{made.json()['id']}/items"
    item = await client.post(items, json=lesson, headers=headers)
    id_ = item.json()["id"]
    await client.post(
        f"/api/v1/items/{id_}/publish", headers={**headers, "if-match": item.headers["etag"]}
    )
    return made.json()["id"], id_


async def test_a_panel_knows_what_it_stands_beside(visit):
    operator, guest = await visit("operator"), await visit()
    course, lesson = await published(operator)
    shown = (await guest.get(f"/courses/{course}")).text
    assert f'<p class="course">Of &lt;waves&gt; {course}</p>' in shown
    shown = (await guest.get(f"/lessons/{lesson}")).text
    assert f'<p class="lesson">What &lt;sound&gt; is {lesson}</p>' in shown
    assert shown.count('class="panel"') == 1


async def test_without_panels_a_page_asks_for_nothing_more(visit, hub, monkeypatch):
    operator, guest = await visit("operator"), await visit()
    _course, lesson = await published(operator)
    await switch(hub, system_call(hub.institution), "wiki", enabled=False)
    asked, read = [], hub.database.read

    async def counted(statement, *arguments, **parameters):
        asked.append(statement.name)
        return await read(statement, *arguments, **parameters)

    monkeypatch.setattr(hub.database, "read", counted)
    tasks = len(asyncio.all_tasks())
    assert (await guest.get(f"/lessons/{lesson}")).status_code == 200
    assert "kernel.institution_settings" not in asked
    assert len(asyncio.all_tasks()) == tasks
