"""The pages of jobs as people without JavaScript meet them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.jobs import ledger
from bloop.jobs.models import Job
from bloop.store.types import utcnow
from bloop.web import job_pages
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of

KIND = "test.wait"
"""Nobody runs it here, so that what is written of such jobs stays."""
ERROR = {"code": "no_luck", "message": "the <source> is away", "cure": "ask it to come back"}
BETWEEN = timedelta(minutes=3)


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def ask(hub):
    """Asks for a job, by default as the hub itself, then writes what has become of it."""

    async def enqueue(state="waiting", *, call=None, payload=None, kind=KIND, **values):
        def write():
            with hub.database.unit(call or system_call(hub.institution)) as unit:
                job = ledger.enqueue(unit, kind, payload or {"course": "waves"})
                if state == "running":
                    values.setdefault("lease_owner", "elsewhere:1:1")
                    values.setdefault("lease_until", utcnow() + timedelta(hours=1))
                    values.setdefault("started_at", utcnow())
                    values.setdefault("attempts", 1)
                unit.session.execute(
                    update(Job)
                    .where(Job.id == job)
                    .values(state=state, **values)
                    .execution_options(synchronize_session=False)
                )
                return job

        return await hub.database.run(write)

    return enqueue


def found(hub, job):
    """What the ledger says of a job now."""
    with hub.database.unit(system_call(hub.institution)) as unit:
        return unit.session.scalar(select(Job).where(Job.id == job))


def shown(answer):
    """The ids of the jobs on a page, in order."""
    return re.findall(r'data-job="([^"]+)"', answer.text)


def row_of(answer, job):
    """The text of a job's row, its tags apart."""
    part = re.search(rf'<li [^>]*data-job="{job}".*?</li>', answer.text, re.DOTALL)[0]
    return " ".join(re.sub(r"<[^>]+>", " ", part).split())


async def test_jobs_stand_newest_first_in_pages_and_by_state(ask, visit, monkeypatch):
    monkeypatch.setattr(job_pages, "JOBS_AT_ONCE", 2)
    made = [await ask(state) for state in ("failed", "waiting", "succeeded", "failed", "failed")]
    admin = await visit("admin")
    first = await admin.get("/jobs")
    assert shown(first) == [made[4], made[3]]
    assert 'rel="next"' in first.text and "Newest" not in first.text
    second = await admin.get(f"/jobs?before={made[3]}")
    assert shown(second) == [made[2], made[1]] and "Newest" in second.text
    last = await admin.get(f"/jobs?before={made[1]}")
    assert shown(last) == [made[0]] and 'rel="next"' not in last.text
    failed = await admin.get("/jobs?state=failed")
    assert shown(failed) == [made[4], made[3]]
    older = re.search(r'href="([^"]+)">Older', failed.text)[1].replace("&amp;", "&")
    assert shown(await admin.get(older)) == [made[0]]
    assert shown(await admin.get("/jobs?state=cancelled")) == []
    assert (await admin.get("/jobs?state=lost")).status_code == 422


async def test_an_empty_page_says_what_would_be_there(ask, visit):
    admin = await visit("admin")
    assert "No jobs yet" in (await admin.get("/jobs")).text
    await ask("waiting")
    assert "No such job" in (await admin.get("/jobs?state=failed")).text
    german = await admin.get("/jobs?state=failed", headers={"accept-language": "de"})
    assert "<h1>Aufträge</h1>" in german.text


async def test_a_row_tells_how_far_a_job_is_and_how_long_it_will_take(ask, visit):
    began = utcnow() - timedelta(minutes=2)
    job = await ask(
        "running",
        progress_done=1000,
        progress_total=4000,
        progress_message="page <7>",
        started_at=began,
    )
    retried = await ask("running", progress_done=1, progress_total=4, attempts=2, started_at=began)
    answer = await (await visit("admin")).get("/jobs")
    assert '<progress max="4000" value="1000"' in answer.text
    row = row_of(answer, job)
    assert "1,000 of 4,000" in row and "page &lt;7&gt;" in row
    assert re.search(r"about \d min left", row)
    assert "left" not in row_of(answer, retried), "who knows where the second try began"


async def test_a_row_tells_until_when_a_job_lasts_also_while_it_waits(ask, visit):
    until = utcnow() + timedelta(hours=5)
    told = {"progress_done": 320, "progress_total": 2000, "progress_until": until}
    waits = await ask(error=ERROR, attempts=2, run_after=utcnow() + BETWEEN, turn=None, **told)
    answer = await (await visit("admin")).get("/jobs")
    assert f"1,680 left, until about {until:%-d %B %Y, %H:%M} UTC" in row_of(answer, waits)


async def test_a_job_that_failed_tells_why_and_what_to_do(ask, visit):
    failed = await ask("failed", error=ERROR, attempts=5)
    waits = await ask(error=ERROR, attempts=2, run_after=utcnow() + BETWEEN, turn=None)
    answer = await (await visit("admin")).get("/jobs")
    row = row_of(answer, failed)
    assert "failed" in row and "the &lt;source&gt; is away" in row and "come back" in row
    row = row_of(answer, waits)
    assert "next try in 3 minutes" in row and "2 of 5 tries" in row and "The last try:" in row


async def test_who_asked_has_a_name_only_for_who_may_see_the_people(hub, ask, visit):
    educator = await visit("educator")
    holder = await hub.sessions.holder(educator.cookies[hub.sessions.cookie], None)
    call = replace(system_call(hub.institution), principal=holder.principal)
    job = await ask(call=call)
    assert row_of(await educator.get("/jobs"), job).startswith(f"{KIND} you ·")
    assert f"{KIND} educator ·" in row_of(await (await visit("admin")).get("/jobs"), job)
    other = await visit("educator")
    assert f"{KIND} educator ·" in row_of(await other.get("/jobs"), job)
    own = await ask()
    assert f"{KIND} the hub ·" in row_of(await other.get("/jobs"), own)


async def test_a_jobs_page_holds_all_but_secrets(hub, ask, visit):
    payload = {"course": "waves", "api_token": "s3cret", "deep": {"password": "s3cret"}}
    job = await ask("succeeded", payload=payload, result={"written": 7}, attempts=1)
    answer = await (await visit("admin")).get(f"/jobs/{job}")
    assert "s3cret" not in answer.text
    assert "&#34;course&#34;: &#34;waves&#34;" in answer.text
    assert "&#34;written&#34;: 7" in answer.text
    assert found(hub, job).trace.split("-")[1] in answer.text
    assert "1 of 5" in answer.text and job in answer.text


async def test_what_waits_is_cancelled_at_once_and_tried_again(hub, ask, visit):
    job = await ask(run_after=utcnow() + BETWEEN, turn=None)
    admin = await visit("admin")
    page = await admin.get("/jobs")
    assert f'action="/jobs/{job}/cancel"' in page.text
    form = {"csrf": csrf_of(page)}
    done = await admin.post(f"/jobs/{job}/cancel", data=form)
    assert (done.status_code, done.headers["location"]) == (303, f"/jobs/{job}")
    assert found(hub, job).state == "cancelled"
    assert f'action="/jobs/{job}/retry"' in (await admin.get(f"/jobs/{job}")).text
    await admin.post(f"/jobs/{job}/retry", data=form)
    assert found(hub, job).state == "waiting"
    refused = await admin.post(f"/jobs/{job}/retry", data=form)
    assert refused.status_code == 409 and "only what failed can be retried" in refused.text


async def test_what_runs_is_stopped_only_after_a_question(hub, ask, visit):
    job = await ask("running")
    admin = await visit("admin")
    page = await admin.get("/jobs")
    assert f'href="/jobs/{job}/cancel"' in page.text
    assert f'action="/jobs/{job}/cancel"' not in page.text
    question = await admin.get(f"/jobs/{job}/cancel")
    assert "What it has done so far stays" in question.text
    assert found(hub, job).cancel_requested is False
    await admin.post(f"/jobs/{job}/cancel", data={"csrf": csrf_of(question)})
    assert found(hub, job).cancel_requested is True
    assert "asked to stop" in (await admin.get(f"/jobs/{job}")).text
    again = await admin.get(f"/jobs/{job}/cancel")
    assert (again.status_code, again.headers["location"]) == (303, f"/jobs/{job}")


async def test_nothing_changes_without_the_forms_token(hub, ask, visit):
    job = await ask()
    admin = await visit("admin")
    assert (await admin.post(f"/jobs/{job}/cancel")).status_code == 403
    assert (await admin.post(f"/jobs/{job}/cancel", data={"csrf": "00"})).status_code == 403
    assert found(hub, job).state == "waiting"


@pytest.mark.parametrize(
    ("role", "status"),
    [(None, 401), ("learner", 403), ("educator", 200), ("admin", 200), ("operator", 200)],
)
async def test_each_role_meets_what_the_api_lets_it_do(hub, ask, visit, role, status):
    running, failed, waiting = await ask("running"), await ask("failed"), await ask()
    visitor = await visit(role)
    for path in ("/jobs", f"/jobs/{running}", f"/jobs/{running}/cancel"):
        assert (await visitor.get(path)).status_code == status, path
    home = await visitor.get("/")
    # Who administers gets there by the overview.
    place = "/admin" if role in {"admin", "operator"} else "/jobs"
    assert (f'href="{place}"' in home.text) == (status == 200)
    form = {"csrf": csrf_of(home)} if role else {}
    for path in (f"/jobs/{waiting}/cancel", f"/jobs/{failed}/retry"):
        answer = await visitor.post(path, data=form)
        assert answer.status_code == (303 if status == 200 else status), path
    changed = "cancelled" if status == 200 else "waiting"
    assert found(hub, waiting).state == changed


async def test_another_institutions_jobs_are_not_there(hub, ask, visit):
    job = await ask("failed")
    away = await visit("operator", add_institution(hub, "away"))
    page = await away.get("/jobs")
    assert shown(page) == [] and "No jobs yet" in page.text
    form = {"csrf": csrf_of(page)}
    assert (await away.get(f"/jobs/{job}")).status_code == 404
    assert (await away.get(f"/jobs/{job}/cancel")).status_code == 404
    assert (await away.post(f"/jobs/{job}/retry", data=form)).status_code == 404
    assert (await away.post(f"/jobs/{job}/cancel", data=form)).status_code == 404
    assert found(hub, job).state == "failed"


async def test_only_these_pages_run_the_hubs_own_module(ask, visit):
    job = await ask()
    admin = await visit("admin")
    for path in ("/jobs", f"/jobs/{job}"):
        answer = await admin.get(path)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'; connect-src 'self'" in policy
        (script,) = re.findall(r"<script[^>]*>[^<]*", answer.text)
        source = re.fullmatch(r'<script type="module" src="([^"]+)">', script)[1]
        module = await admin.get(source)
        assert module.headers["content-type"].startswith("text/javascript")
        assert "immutable" in module.headers["cache-control"]
    assert "script-src" not in (await admin.get("/keys")).headers["content-security-policy"]
