"""Files that plugins keep, as answers of their routes, and signed addresses of those routes."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.api.app import API, create_edge, routes_of
from bloop.kernel.models import InstitutionPlugin
from bloop.store.models import HubSecret
from bloop_sdk._masking import mask_text
from bloop_sdk.testing.distributions import write_plugin
from tests.support.hub import add_institution, log_in

VIEWS = """
    from bloop_sdk import FileView, PageView

    async def keep(request, ctx):
        source = ctx.data_dir / "source"
        source.write_bytes(await request.body())
        kept = await ctx.files.put(request.query_params["name"], source, "video/mp4")
        return {"sha256": kept.sha256}

    async def show(request, ctx):
        asked = request.query_params
        download, fixed = asked.get("download", ""), "fixed" in asked
        return FileView(name=request.path_params["name"], download=download, immutable=fixed)

    async def sign(request, ctx):
        body = await request.json()
        return {"url": ctx.signed(body["path"], body["seconds"])}

    async def again(request, ctx):
        return {"url": ctx.signed("/again", 3600), "who": ctx.call.principal.id,
                "in": ctx.call.institution, "may": sorted(ctx.call.principal.scopes),
                "asked": dict(request.query_params)}

    async def page(request, ctx):
        return PageView(title="A page", html="")
"""
VIDEO = bytes(range(256)) * 10


def route(path, handler, action="atelier:watch", **more):
    return {"path": path, "handler": f"bloop_atelier.views:{handler}", "action": action, **more}


@pytest.fixture
def config_path(config_path, site):
    """A hub with a plugin that keeps files and signs addresses."""
    routes = [
        route("/keep", "keep", "atelier:make", methods=["POST"]),
        route("/show/{name}", "show"),
        route("/sign", "sign", methods=["POST"]),
        route("/again", "again", methods=["GET", "POST"]),
    ]
    page = {
        "path": "/",
        "view": "bloop_atelier.views:page",
        "action": "atelier:watch",
        "title": "A",
    }
    actions = [
        {"name": "atelier:watch", "role": "learner", "help": "Watch."},
        {"name": "atelier:make", "role": "educator", "help": "Make."},
    ]
    contributes = {"routes": routes, "actions": actions, "pages": [page]}
    write_plugin(site, "atelier", files={"views.py": VIEWS}, manifest={"contributes": contributes})
    with config_path.open("a") as file:
        file.write("\n[plugins.atelier]\nenabled = true\n")
    return config_path


@pytest.fixture
async def video(operator):
    """The SHA-256 of a video that the plugin keeps."""
    made = await operator.post("/x/atelier/keep?name=a.mp4", content=VIDEO)
    return made.json()["sha256"]


async def test_a_kept_file_is_an_answer_that_no_browser_runs(operator, video):
    answer = await operator.get("/x/atelier/show/a.mp4")
    assert (answer.status_code, answer.content) == (200, VIDEO)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["etag"] == f'"{video}"'
    assert answer.headers["content-disposition"] == "inline"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["cache-control"] == "private, max-age=0, must-revalidate"
    fixed = await operator.get("/x/atelier/show/a.mp4?fixed=1")
    assert fixed.headers["cache-control"] == "private, max-age=31536000, immutable"
    missing = await operator.get("/x/atelier/show/b.mp4")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_a_file_is_saved_under_the_name_that_it_was_given(operator, video):
    for name, told in (
        ("a.mp4", 'attachment; filename="a.mp4"'),
        ('a"b;\r\nx: y.mp4', "attachment; filename*=utf-8''a%22b%3B%0D%0Ax%3A%20y.mp4"),
        ("../Säuren.mp4", "attachment; filename*=utf-8''S%C3%A4uren.mp4"),
    ):
        answer = await operator.get("/x/atelier/show/a.mp4", params={"download": name})
        assert (answer.status_code, answer.headers["etag"]) == (200, f'"{video}"')
        assert answer.headers["content-disposition"] == told
        assert "x" not in answer.headers


RANGES = (
    ("bytes=0-9", 206, "bytes 0-9/2560", VIDEO[:10]),
    ("bytes=2550-", 206, "bytes 2550-2559/2560", VIDEO[2550:]),
    ("bytes=-4", 206, "bytes 2556-2559/2560", VIDEO[-4:]),
    ("bytes=-9999", 206, "bytes 0-2559/2560", VIDEO),
    ("bytes=9-9999", 206, "bytes 9-2559/2560", VIDEO[9:]),
    ("bytes=2560-", 416, "bytes */2560", b""),
)


async def test_ranges_are_answered(operator, video):
    path = "/x/atelier/show/a.mp4"
    for asked, status, told, body in RANGES:
        wish = {"range": asked}
        answer = await operator.get(path, headers=wish)
        assert (answer.status_code, answer.headers["content-range"]) == (status, told)
        assert answer.content == body
        head = await operator.head(path, headers=wish)
        assert (head.status_code, head.headers["content-range"]) == (status, told)
        same = await operator.get(path, headers=wish | {"if-range": f'"{video}"'})
        assert same.status_code == status
        other = await operator.get(path, headers=wish | {"if-range": '"other"'})
        assert (other.status_code, other.content) == (200, VIDEO)


async def test_who_has_it_is_not_sent_it_again(operator, video):
    path = "/x/atelier/show/a.mp4"
    for known in (f'"{video}"', f'W/"{video}"', f'"x", "{video}"', "*"):
        answer = await operator.get(path, headers={"if-none-match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == f'"{video}"'
    assert (await operator.get(path, headers={"if-none-match": '"x"'})).status_code == 200
    head = await operator.head(path)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "2560", b"")


# -- signed addresses


@pytest.fixture
async def guest(hub):
    """Somebody without an account, at a hub that shows guests nothing."""
    import httpx

    edge = create_edge(hub)
    edge.use(routes_of(API))
    transport = httpx.ASGITransport(edge)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


async def signed(client, path="/again", seconds=60, headers=None):
    answer = await client.post(
        "/x/atelier/sign", json={"path": path, "seconds": seconds}, headers=headers
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["url"]


def bearer(hub, role, institution):
    session = log_in(hub, role, institution)
    return {"authorization": f"Bearer {session.token}"}


def user_of(hub, institution, role):
    with hub.database.unit(system_call(institution)) as unit:
        return unit.session.query(User.id).filter(User.role == role).scalar()


async def test_a_signed_address_opens_as_who_signed_it(hub, operator, guest, video):
    url = await signed(operator, "/show/a.mp4?download=x y.mp4")
    assert (await guest.get("/x/atelier/show/a.mp4")).status_code == 401
    answer = await guest.get(url, headers={"range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (206, VIDEO[:10])
    assert answer.headers["content-disposition"].endswith("x%20y.mp4")
    assert (await guest.head(url)).headers["content-length"] == "2560"
    found = (await guest.get(await signed(operator))).json()
    assert found["in"] == hub.institution
    assert found["may"] == ["atelier:make", "atelier:watch"]


async def test_a_signature_is_of_one_path_one_plugin_and_one_way_to_ask(operator, guest, video):
    url = await signed(operator, "/show/a.mp4?download=a.mp4")
    signature = url.rpartition("=")[2]
    told, _, mac = signature.partition(".")
    refused = [
        url.replace("a.mp4?", "b.mp4?"),
        url.replace("download=a", "download=b"),
        url.replace("download=a.mp4&", ""),
        f"{url}&download=b.mp4",
        url.replace(told, told[:-2] + "AA"),
        url[:-2] + "AA",
        url.replace(f".{mac}", ""),
        f"/x/atelier/again?bloop_signature={signature}",
        "/x/atelier/again?bloop_signature=",
        "/x/atelier/again?bloop_signature=%C3%A4.%C3%A4",
    ]
    for one in refused:
        answer = await guest.get(one)
        assert answer.status_code in {401, 403}, one
        assert answer.content != VIDEO
    assert (await guest.get(url)).content == VIDEO
    assert (await guest.post(await signed(operator))).status_code == 403
    page = await signed(operator, "/")
    assert (await guest.get(page)).status_code == 403


async def test_what_is_no_path_or_no_time_is_not_signed(operator):
    paths = [(path, 60) for path in ("again", "/a#b", "/a\\b", "/a\nb")]
    for path, seconds in (*paths, ("/again", 0), ("/again", 1e9)):
        answer = await operator.post("/x/atelier/sign", json={"path": path, "seconds": seconds})
        assert (answer.status_code, answer.json()["code"]) == (422, "unsupported")


async def test_a_link_expires_and_makes_none_that_lasts_longer(operator, guest, monkeypatch):
    url = await signed(operator, seconds=60)
    inner = (await guest.get(url)).json()["url"]
    assert (await guest.get(inner)).status_code == 200
    now = time.time()
    monkeypatch.setattr("bloop.hub.links.time.time", lambda: now + 61)
    for one in (url, inner):
        answer = await guest.get(one)
        assert (answer.status_code, answer.json()["code"]) == (403, "link_invalid")


async def test_a_link_ends_with_the_account_the_right_and_the_plugin(hub, operator, guest):
    url = await signed(operator, headers=bearer(hub, "educator", hub.institution))
    assert (await guest.get(url)).json()["may"] == ["atelier:make", "atelier:watch"]
    who = user_of(hub, hub.institution, "educator")

    def change(**values):
        with hub.database.unit(system_call(hub.institution)) as unit:
            unit.session.execute(update(User).where(User.id == who).values(**values))

    from bloop.store.types import utcnow

    change(disabled_at=utcnow())
    assert (await guest.get(url)).json()["code"] == "link_invalid"
    change(disabled_at=None, role="guest")
    assert (await guest.get(url)).json()["code"] == "forbidden"
    change(role="learner")
    assert (await guest.get(url)).status_code == 200
    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.session.add(
            InstitutionPlugin(institution_id=hub.institution, plugin_id="atelier", enabled=False)
        )
    hub.choices.forget(hub.institution)
    assert (await guest.get(url)).status_code == 404


async def test_a_link_ends_with_the_token_and_with_the_sessions_of_who_signed_it(operator, guest):
    made = await operator.post(
        "/api/v1/account/keys", json={"name": "a", "scopes": ["atelier:watch"], "days": 1}
    )
    key = made.json()
    url = await signed(operator, headers={"authorization": f"Bearer {key['key']}"})
    assert (await guest.get(url)).status_code == 200
    assert (await operator.delete(f"/api/v1/account/keys/{key['id']}")).status_code == 204
    assert (await guest.get(url)).json()["code"] == "link_invalid"
    url = await signed(operator)
    assert (await guest.get(url)).status_code == 200
    assert (await operator.delete("/api/v1/account/sessions")).is_success
    assert (await guest.get(url)).json()["code"] == "link_invalid"
    assert (await guest.get(await signed(operator))).status_code == 200


async def test_a_link_leads_to_the_institution_of_who_signed_it(hub, operator, guest):
    away = await hub.database.run(add_institution, hub, "away")
    url = await signed(operator, headers=bearer(hub, "learner", away))
    found = (await operator.get(url)).json()
    assert (found["in"], found["who"]) == (away, user_of(hub, away, "learner"))
    assert found["may"] == ["atelier:watch"]


async def test_a_token_that_may_little_signs_a_link_that_may_no_more(hub, operator, guest):
    made = await operator.post(
        "/api/v1/account/keys",
        json={"name": "a", "scopes": ["atelier:watch"], "days": 1},
    )
    assert made.status_code == 201, made.text
    url = await signed(operator, headers={"authorization": f"Bearer {made.json()['key']}"})
    assert (await guest.get(url)).json()["may"] == ["atelier:watch"]


async def test_before_anything_was_signed_nothing_is_made_for_who_asks(hub, guest):
    assert (await guest.get("/x/atelier/again?bloop_signature=a.b")).status_code == 403
    with hub.database.unit(system_call("*")) as unit:
        assert unit.session.get(HubSecret, "links") is None


async def test_a_signature_stands_in_no_log(operator, guest, capsys):
    url = await signed(operator)
    signature = parse_qs(urlsplit(url).query)["bloop_signature"][0]
    await guest.get(url)
    out = capsys.readouterr()
    assert "/x/atelier/again" in out.out + out.err
    assert signature not in out.out + out.err
    assert signature not in mask_text(f"GET {url} failed")
