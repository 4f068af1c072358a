"""The pages of concepts: found by name, linked by name, suggestions settled by ticking them."""

from __future__ import annotations

import re

import pytest

from bloop.accounts.sessions import system_call
from bloop.graph import service
from bloop.graph.writing import CONCEPT, EDGE, NAME, Writing
from bloop.hub import Hub


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    yield hub
    await hub.database.close()


@pytest.fixture
def made(hub):
    """Two concepts, the one suggested to come before the other."""
    with hub.database.unit(system_call(hub.institution)) as unit:
        ids = [service.add_concept(unit, name) for name in ("Number", "Sum")]
        writing = Writing(unit, "infer")
        evidence = [{"text": "Numbers stand first."}]
        said = {"origin": "inferred", "standing": "suggested", "confidence": 0.6}
        writing.put(EDGE, (ids[1], "prerequisite", ids[0]), said | {"evidence": evidence})
        quoted = {"name": "Limit", "description": "A draft says so."}
        ids.append(writing.new_concept())
        writing.put(CONCEPT, (ids[2],), said | quoted)
        writing.put(NAME, ("limit",), {"concept_id": ids[2], "name": "Limit"})
        writing.finish()
    return ids


def csrf(page):
    return re.search(r'name="csrf" value="([^"]+)"', page.text)[1]


async def test_an_educator_finds_links_and_settles(visit, made, hub):
    browser = await visit("educator")
    number, sum_, limit = made
    found = await browser.get("/concepts?name=num")
    assert f"/concepts/{number}" in found.text
    assert f"/concepts/{sum_}" not in found.text
    assert "/concepts/suggestions" in found.text
    token = csrf(found)
    page = await browser.get("/concepts/suggestions?kind=prerequisite&sure=0.5")
    assert "Number before Sum" in page.text
    assert "Numbers stand first." in page.text
    assert "60 % sure" in page.text
    assert "checked" not in page.text
    ticked = await browser.get("/concepts/suggestions?kind=prerequisite&ticked=1")
    assert f'value="{sum_} prerequisite {number}" checked' in ticked.text
    surer = await browser.get("/concepts/suggestions?kind=prerequisite&sure=0.7")
    assert "Number before Sum" not in surer.text
    assert "Limit" in (await browser.get("/concepts/suggestions?kind=odd&sure=x")).text
    assert (await browser.get("/concepts/suggestions?kind=concept&page=9")).status_code == 200
    chosen = {"csrf": token, "decision": "reject", "edge": f"{sum_} prerequisite {number}"}
    assert (await browser.post("/concepts/suggestions", data=chosen)).status_code == 303
    settled = {"csrf": token, "decision": "accept", "concept": limit}
    assert (await browser.post("/concepts/suggestions", data=settled)).status_code == 303
    assert "Nothing waits for you" in (await browser.get("/concepts/suggestions")).text
    path = f"/concepts/{sum_}/before"
    assert (await browser.post(path, data={"csrf": token, "name": "number"})).status_code == 303
    assert (await browser.post(path, data={"csrf": token, "name": "Counting"})).status_code == 303
    shown = (await browser.get(f"/concepts/{sum_}")).text
    assert "Counting" in shown
    with hub.database.unit(system_call(hub.institution)) as unit:
        service.remove_concept(unit, service.add_concept(unit, "Digit"))
    assert (await browser.post(path, data={"csrf": token, "name": "digit"})).status_code == 303
    undecided = {"csrf": token, "concept": number}
    assert (await browser.post("/concepts/suggestions", data=undecided)).status_code == 422
    circle = {"csrf": token, "name": "Sum"}
    refused = await browser.post(f"/concepts/{number}/before", data=circle)
    assert refused.status_code == 422
    assert "Number -&gt; Sum -&gt; Number" in refused.text or "Sum -&gt; Number" in refused.text


async def test_a_learner_reads_and_sees_no_reasons(visit, made):
    browser = await visit("learner")
    shown = await browser.get(f"/concepts/{made[1]}")
    assert "Number" in shown.text
    assert "Numbers stand first." not in shown.text
    assert "/before" not in shown.text
    suggested = await browser.get(f"/concepts/{made[2]}")
    assert "Limit" in suggested.text
    assert "A draft says so." not in suggested.text
    for path in (f"/graph/concepts/{made[2]}", "/graph/concepts", "/graph/named?name=limit"):
        assert "A draft says so." not in (await browser.get(f"/api/v1{path}")).text
    assert (await browser.get("/concepts/suggestions")).status_code == 403
    guest = await visit()
    assert (await guest.get(f"/concepts/{made[1]}")).status_code in {302, 303, 401}


async def test_a_concept_is_changed_by_whoever_saw_it_as_it_is(visit, made):
    browser = await visit("educator")
    path = f"/concepts/{made[2]}"
    token = csrf(await browser.get(path))
    form = {"csrf": token, "name": "Limits", "aliases": "limit\r\nlim\r\n", "description": "So."}
    stale = await browser.post(path, data=form | {"version": "7"})
    assert stale.status_code == 422
    assert "<details open" in stale.text.replace(' class="more" id="change"', "")
    assert "Sum" in (await browser.post(path, data=form | {"version": "1", "name": "SUM"})).text
    assert (await browser.post(path, data=form | {"version": "1"})).status_code == 303
    shown = (await browser.get(path)).text
    assert "Limits" in shown and "lim, limit" in shown and "So." in shown
    assert "Limits" not in (await browser.get("/concepts/suggestions?kind=concept")).text
    learner = await visit("learner")
    assert (await learner.post(path, data=form | {"version": "2"})).status_code == 403
