"""The form of a plugin's settings, made from the plugin's model, without JavaScript."""

from __future__ import annotations

import re

import pytest

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.kernel.models import InstitutionPlugin
from bloop_sdk.testing.distributions import CODE, write_plugin
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of

CONFIG = """
    from typing import Literal
    from pydantic import HttpUrl, SecretStr
    from bloop_sdk import PluginConfig, Scope, setting

    OURS = Scope.INSTITUTION

    class Config(PluginConfig):
        pool: int = setting(1, description="The operator's own")
        most: int = setting(10, scope=OURS, ge=1, le=99, description="At most so many")
        part: float | None = setting(None, scope=OURS, description="A share")
        on: bool = setting(True, scope=OURS, description="Whether at all")
        tone: Literal["calm", "loud"] = setting("calm", scope=OURS, description="How")
        words: list[str] = setting([], scope=OURS, description="Which <words>")
        site: HttpUrl | None = setting(None, scope=OURS, description="Where")
        table: dict[str, int] = setting({}, scope=OURS, description="Numbers")
        name: str = setting("n", scope=OURS, max_length=20, description="What to call it")
        token: SecretStr | None = setting(None, scope=OURS, min_length=4, description="Secret")
"""
PATH = "/plugins/notebook/settings"
FILLED = {
    "set.most": "50",
    "set.part": "0.5",
    "set.on": "false",
    "set.tone": "loud",
    "set.words": "one\n two \n\n",
    "set.site": "https://a.example/",
    "set.table": '{"a": 1}',
    "set.name": 'a "b" <c>',
    "secret.token": "hunter2",
}


@pytest.fixture
async def hub(hub_toml, site):
    manifest = {"config": "bloop_notebook.config:Config"}
    write_plugin(site, "notebook", code=CODE, files={"config.py": CONFIG}, manifest=manifest)
    with hub_toml.open("a") as file:
        file.write("\n[plugins.notebook]\nenabled = true\nmost = 20\n")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


def row_of(hub, institution=None):
    institution = institution or hub.institution
    with hub.database.unit(system_call(institution)) as unit:
        return unit.session.get(InstitutionPlugin, (institution, "notebook"))


async def save(client, form, **given):
    version = re.search(r'name="version" value="(\d+)"', form.text)[1]
    data = {"csrf": csrf_of(form), "version": version} | given
    return await client.post(PATH, data=data)


def field(page, name):
    """The control of a setting, its tag alone."""
    return re.search(rf'<(?:input|select|textarea) id="{name}"[^>]*>', page.text)[0]


async def test_a_form_has_a_control_for_each_setting_of_the_institution(visit):
    admin = await visit("admin")
    page = await admin.get(PATH)
    assert page.status_code == 200 and page.headers["cache-control"] == "no-store"
    assert "pool" not in page.text
    most = field(page, "most")
    assert all(part in most for part in ('type="number"', 'min="1"', 'max="99"', 'step="1"'))
    assert 'step="any"' in field(page, "part") and 'type="url"' in field(page, "site")
    assert '<option value="">as the hub has it: yes</option>' in page.text
    assert '<option value="loud">loud</option>' in page.text
    assert field(page, "words").startswith("<textarea") and "Which &lt;words&gt;" in page.text
    assert "Left empty: 20" in page.text and 'maxlength="20"' in field(page, "name")
    assert 'type="password"' in field(page, "token") and "Not set." in page.text
    for name in re.findall(r'<(?:input|select|textarea) id="([^"]+)"', page.text):
        assert f'<label for="{name}">' in page.text
    german = await admin.get(PATH, headers={"accept-language": "de"})
    assert "<h1>Einstellungen von" in german.text
    assert PATH in (await admin.get("/plugins/notebook/institution")).text


async def test_what_is_filled_in_is_saved_and_secrets_are_not_shown_again(hub, visit):
    admin = await visit("admin")
    saved = await save(admin, await admin.get(PATH), **FILLED)
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PATH}?saved=true")
    row = row_of(hub)
    assert row.settings == {
        "most": 50,
        "part": 0.5,
        "on": False,
        "tone": "loud",
        "words": ["one", "two"],
        "site": "https://a.example/",
        "table": {"a": 1},
        "name": 'a "b" <c>',
    }
    page = await admin.get(saved.headers["location"])
    assert 'role="status"' in page.text and "hunter2" not in page.text
    assert re.search(r"Set on \d+ \w+ 20\d\d", page.text) and "value=" not in field(page, "token")
    assert 'value="50"' in field(page, "most") and ">one\ntwo</textarea>" in page.text
    assert '<option value="false" selected>no</option>' in page.text
    empty = await save(admin, page)
    assert empty.status_code == 303
    assert (row_of(hub).settings, bool(row_of(hub).secrets)) == ({}, True)
    gone = await save(admin, await admin.get(PATH), **{"remove.token": "yes"})
    assert gone.status_code == 303 and row_of(hub).secrets is None


async def test_each_fault_stands_beside_its_field_and_nothing_is_saved(hub, visit):
    admin = await visit("admin")
    wrong = {"set.most": "1000", "set.site": "no address", "set.table": "{", "set.name": "mine"}
    page = await save(admin, await admin.get(PATH), **wrong, **{"secret.token": "xyz"})
    assert page.status_code == 422 and row_of(hub) is None
    for name in ("most", "site", "table", "token"):
        control = field(page, name)
        state = " state-token" if name == "token" else ""
        assert f'aria-describedby="about-{name}{state} wrong-{name}" aria-invalid="true"' in control
        assert f'<p class="fault" id="wrong-{name}">' in page.text
        assert f'<a href="#{name}">' in page.text
    assert "must be between 1 and 99" in page.text
    assert 'value="1000"' in field(page, "most") and 'value="mine"' in field(page, "name")
    assert "aria-invalid" not in field(page, "name") and 'role="alert"' in page.text
    assert "xyz" not in page.text


async def test_what_somebody_else_changed_meanwhile_is_not_overwritten(hub, visit):
    admin, other = await visit("admin"), await visit("admin")
    before = await admin.get(PATH)
    assert (await save(other, before, **{"set.name": "theirs"})).status_code == 403
    mine = await other.get(PATH)
    assert (await save(other, mine, **{"set.name": "theirs"})).status_code == 303
    late = await save(admin, before, **{"set.name": "late", "secret.token": "hunter2"})
    assert late.status_code == 409 and row_of(hub).settings == {"name": "theirs"}
    assert "Somebody else has changed" in late.text and "hunter2" not in late.text
    assert 'value="late"' in field(late, "name")
    assert (await save(admin, late, **{"set.name": "late"})).status_code == 303
    assert row_of(hub).settings == {"name": "late"}


async def test_each_institution_has_its_own_and_educators_none(hub, visit):
    other = add_institution(hub, "other")
    admin, theirs = await visit("admin"), await visit("admin", other)
    await save(theirs, await theirs.get(PATH), **{"set.name": "theirs", "secret.token": "hunter2"})
    page = await admin.get(PATH)
    assert "theirs" not in page.text and "Not set." in page.text
    assert row_of(hub) is None and row_of(hub, other).settings == {"name": "theirs"}
    educator = await visit("educator")
    assert (await educator.get(PATH)).status_code == 403
    assert (await admin.get("/plugins/nothing/settings")).status_code in {404, 503}


async def test_secrets_that_do_not_open_are_told_on_the_form(hub, visit):
    admin = await visit("admin")
    await save(admin, await admin.get(PATH), **{"secret.token": "hunter2"})
    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.session.get(InstitutionPlugin, (unit.institution, "notebook")).secrets = b"broken"
    page = await admin.get(PATH)
    assert page.status_code == 200 and "does not open" in page.text
    assert (await save(admin, page, **{"secret.token": "hunter3"})).status_code == 303
    assert "does not open" not in (await admin.get(PATH)).text
