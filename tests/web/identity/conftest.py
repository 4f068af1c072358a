"""A hub with two issuers in memory, and browsers that log in with them."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import pytest
from sqlalchemy import func, select

from bloop.accounts.identities.models import MembershipRules
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.store.models import AuditLine
from bloop_oidc.documents import Documents
from bloop_oidc.provider import OIDCProvider
from bloop_sdk.testing import FakeTransport
from tests.support.issuer import CLIENT, SECRET, URL, Issuer
from tests.web.conftest import csrf_of

OTHER = "https://other.example.edu"
PLUGIN = f"""
[plugins.oidc]
enabled = true

[plugins.oidc.providers.school]
title = "Riverside"
issuer = "{URL}"
client_id = "{CLIENT}"

[plugins.oidc.providers.other]
issuer = "{OTHER}"
client_id = "{CLIENT}"

[plugins.oidc.client_secrets]
school = {{ env = "SCHOOL_SECRET" }}
other = {{ env = "SCHOOL_SECRET" }}
"""
START = "/login/with/oidc.school"
BACK = f"{START}/callback"
DOMAIN = {"role": "learner", "domain": "example.edu"}


class Outside:
    """Two issuers, by their hosts."""

    def __init__(self):
        self.school, self.other = Issuer(), Issuer(url=OTHER)

    async def answer(self, request):
        host = urlsplit(request.url).hostname
        return await (self.school if host in URL else self.other).answer(request)


@pytest.fixture
async def hub(hub_toml, monkeypatch):
    hub_toml.write_text(hub_toml.read_text() + PLUGIN)
    monkeypatch.setenv("SCHOOL_SECRET", SECRET)
    monkeypatch.setattr(OIDCProvider, "documents", Documents())
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def outside(hub, monkeypatch):
    outside = Outside()
    monkeypatch.setattr(hub.outside, "transport", FakeTransport(outside))
    return outside


@pytest.fixture
def school(outside):
    return outside.school


@pytest.fixture
def rules(hub):
    """Sets the institution's rules."""

    def put(*rules, institution=None):
        with hub.database.unit(system_call(institution or hub.institution)) as unit:
            unit.session.merge(MembershipRules(institution_id=unit.institution, rules=list(rules)))

    return put


@pytest.fixture
def count(hub):
    def number(model, institution=None):
        with hub.database.reading(system_call(institution or hub.institution)) as unit:
            return unit.session.scalar(select(func.count()).select_from(model))

    return number


@pytest.fixture
def reasons(hub):
    """Why logins were refused, in order."""

    def read():
        with hub.database.reading(system_call(hub.institution)) as unit:
            lines = unit.session.scalars(
                select(AuditLine)
                .where(AuditLine.action == "account.login_refused")
                .order_by(AuditLine.seq)
            ).all()
            return [line.detail["reason"] for line in lines]

    return read


async def log_in(browser, issuer, start=START, **lies):
    """To the issuer and back; ``lies`` lie over what the browser brings."""
    sent = await browser.get(start)
    assert sent.status_code == 303, sent.text
    brought = issuer.log_in(sent.headers["location"]) | lies
    path = urlsplit(start).path
    return await browser.get(f"{path}/callback?{urlencode(brought)}")


async def whoami(hub, browser):
    answer = await browser.get("/api/v1/account")
    return answer.json() if answer.status_code == 200 else None


async def is_refused(hub, browser, answer, reasons, reason, status=403):
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    assert hub.sessions.cookie not in answer.cookies
    assert await whoami(hub, browser) is None
    assert reasons()[-1] == reason
    assert "<h1>" in answer.text


async def connect_url(browser, provider="oidc.school"):
    """Where the form of one's own page leads to."""
    page = await browser.get("/account/identities")
    form = {"csrf": csrf_of(page), "provider": provider}
    sent = await browser.post("/account/identities/connect", data=form)
    assert sent.status_code == 200
    return sent.headers["refresh"].removeprefix("0; url=")


async def connect(browser, issuer, **lies):
    brought = issuer.log_in(await connect_url(browser)) | lies
    return await browser.get(f"{BACK}?{urlencode(brought)}")
