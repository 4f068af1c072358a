"""Messages reach people by whichever plugin brings them, once it can; their text is sealed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bloop.accounts.messages.models import Message
from bloop.accounts.messages.service import Text, opened, queue
from bloop.accounts.sessions import system_call
from bloop.jobs.models import Job
from bloop.kernel.models import InstitutionPlugin
from bloop.ops.health import CHECKS
from bloop.store.sealing import SealError
from bloop.store.types import utcnow
from tests.accounts.posting import folder

PATIENCE_SECONDS = 60
TEXT = Text(
    "You are invited to\n\x00Riverside ", "https://learn.example.edu/join?token=very-secret\n"
)


@pytest.fixture
def hub(posting_hub):
    return posting_hub


def ask(hub):
    with hub.database.unit(system_call(hub.institution)) as unit:
        return queue(unit, "invitation", "ada@example.org", TEXT)


def look(hub, message_id):
    with hub.database.reading(system_call(hub.institution)) as unit:
        return unit.session.get_one(Message, message_id)


async def ended(hub, message_id):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (message := await asyncio.to_thread(look, hub, message_id)).state == "queued":  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.02)
    return message


async def test_a_message_is_brought_and_its_text_forgotten(hub):
    assert await hub.brings_messages(system_call(hub.institution))
    message_id = ask(hub)
    message = await ended(hub, message_id)
    assert (message.state, message.brought_by, message.body) == ("sent", "post", None)
    brought = (folder(hub) / message_id).read_text()
    assert brought == f"ada@example.org|You are invited to Riverside|{TEXT.text}"


async def test_while_it_waits_its_text_is_nowhere_in_the_clear(hub):
    with hub.database.unit(system_call(hub.institution)) as unit:
        message_id = queue(unit, "invitation", "ada@example.org", TEXT)
        unit.session.flush()
        body = unit.session.get_one(Message, message_id).body
        assert body is not None
        assert b"secret" not in body
        assert opened(unit, message_id).text == TEXT
        for payload in unit.session.scalars(select(Job.payload)):
            assert payload == {"message": message_id}
        other = queue(unit, "invitation", "bob@example.org", Text("x", "y"))
        unit.session.execute(update(Message).where(Message.id == other).values(body=body))
        unit.session.expire_all()
        with pytest.raises(SealError):
            opened(unit, other)


@pytest.mark.parametrize("plan", ["away", "locked out"])
async def test_one_that_is_away_or_has_a_wrong_password_is_asked_again(hub, plan):
    (folder(hub) / "plan").write_text(plan)
    message = await ended(hub, ask(hub))
    assert message.state == "sent"


async def test_messages_that_wait_for_long_are_told_with_the_reason(hub):
    (folder(hub) / "plan").write_text("locked out locked out locked out locked out")
    message_id, call = ask(hub), system_call(hub.institution)

    def tried():
        with hub.database.reading(call) as unit:
            return unit.session.scalar(select(Job.error))

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await asyncio.to_thread(tried):  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.02)
    assert (await CHECKS["messages"](hub)).ok is True
    with hub.database.unit(call) as unit:
        old = utcnow() - timedelta(minutes=20)
        unit.session.execute(update(Message).where(Message.id == message_id).values(created_at=old))
    found = await CHECKS["messages"](hub)
    assert (found.ok, found.cure) == (None, "correct it")
    assert found.detail.startswith("1 wait") and "a wrong password" in found.detail


async def test_one_that_refuses_is_not_asked_again(hub):
    (folder(hub) / "plan").write_text("refuse")
    message = await ended(hub, ask(hub))
    assert (message.state, message.body) == ("failed", None)
    assert "nobody of that name" in message.reason


async def test_an_institution_that_has_switched_it_off_brings_none(hub):
    call = system_call(hub.institution)
    with hub.database.unit(call) as unit:
        unit.session.add(
            InstitutionPlugin(institution_id=hub.institution, plugin_id="post", enabled=False)
        )
    hub.choices.forget(hub.institution)
    assert not await hub.brings_messages(call)
