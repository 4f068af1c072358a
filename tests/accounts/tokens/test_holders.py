"""Who brings an access token: known without a query, and not a second longer than it is true."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey
from sqlalchemy import delete, select, update

from bloop.accounts import sessions as sessions_module
from bloop.accounts.models import User
from bloop.accounts.sessions import Sessions, system_call
from bloop.accounts.tokens import service, signing
from bloop.accounts.tokens.access_tokens import ACCESS_SECONDS
from bloop.accounts.tokens.models import KeyState, SigningKey, TokenFamily
from bloop.accounts.tokens.signing import SigningKeys
from bloop.accounts.tokens.tidy import tidy
from bloop.store.models import EVERY_INSTITUTION, AuditLine
from bloop.store.types import utcnow
from bloop_sdk import Role
from tests.support.database import OTHER

from .conftest import ISSUER

EVERYWHERE = system_call(EVERY_INSTITUTION)


def part(token, number):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[number] + "=="))


@pytest.fixture
def reads(world, monkeypatch):
    """The names of the registered reads that the database was asked for."""
    asked, read, read_one = [], world.database.read, world.database.read_one

    async def counted(statement, call, **parameters):
        asked.append(statement.name)
        return await read(statement, call, **parameters)

    async def counted_one(statement, call, **parameters):
        asked.append(statement.name)
        return await read_one(statement, call, **parameters)

    monkeypatch.setattr(world.database, "read", counted)
    monkeypatch.setattr(world.database, "read_one", counted_one)
    return asked


@pytest.fixture
def clock(monkeypatch):
    """The processes' monotonic time, which stands until the test moves it."""
    now = [1000.0]
    monkeypatch.setattr(sessions_module.time, "monotonic", lambda: now[0])
    return now


async def test_a_token_of_the_hub_has_the_claims_of_rfc_9068(world):
    token = world.grant(client="bloop-mobile", scopes={"content:read"}).access_token
    head, body = part(token, 0), part(token, 1)
    assert head == {"typ": "at+jwt", "alg": "Ed25519", "kid": head["kid"]}
    assert body["exp"] - body["iat"] == ACCESS_SECONDS == 600
    assert {name: body[name] for name in ("iss", "aud", "sub", "client_id", "scope")} == {
        "iss": ISSUER,
        "aud": f"{ISSUER}/api",
        "sub": world.learner,
        "client_id": "bloop-mobile",
        "scope": "content:read",
    }
    assert body["institution"] == world.home
    assert "role" not in body
    # And as somebody else reads it who knows the published keys alone.
    keys = (await world.access.keys.published())["keys"]
    (jwk,) = [key for key in keys if key["kid"] == head["kid"]]
    assert jwt.decode(token, OKPKey.import_key(jwk), algorithms=["Ed25519"]).claims == body


async def test_a_warm_token_costs_neither_a_read_nor_a_signature(world, reads, clock):
    token, trace = world.grant().access_token, EVERYWHERE.trace
    for _ in range(50):
        holder = await world.sessions.holder(token, trace)
    assert (holder.principal.id, holder.principal.role) == (world.learner, Role.LEARNER)
    assert reads == ["accounts.signing_keys", "accounts.family_holder"]
    clock[0] += 1.1
    for _ in range(50):
        await world.sessions.holder(token, trace)
    assert reads == ["accounts.signing_keys", *["accounts.family_holder"] * 2]


async def test_tokens_of_no_known_key_do_not_have_the_keys_read_again_and_again(
    world, reads, clock
):
    token = world.grant().access_token
    _, body, signature = token.split(".")
    for number in range(50):
        stranger = f"{signing.header_of(f'{number:043}')}.{body}.{signature}"
        assert await world.sessions.holder(stranger, EVERYWHERE.trace) is None
    assert reads == ["accounts.signing_keys"]


@pytest.mark.parametrize("change", ["ended", "expired", "disabled", "gone", "key"])
async def test_what_was_revoked_elsewhere_is_refused_within_a_second(world, clock, change):
    pair, trace = world.grant(), EVERYWHERE.trace
    other = world.another_process()
    assert await other.holder(pair.access_token, trace)

    def revoke(unit):
        past = utcnow() - timedelta(seconds=1)
        if change == "ended":
            service.end_family(unit, pair.family, world.learner)
        elif change == "expired":
            unit.session.execute(update(TokenFamily).values(expires_at=past))
        elif change == "disabled":
            unit.session.execute(
                update(User).where(User.id == world.learner).values(disabled_at=past)
            )
        elif change == "gone":
            unit.session.execute(delete(TokenFamily))
            unit.session.execute(delete(User).where(User.id == world.learner))
        else:
            signing.replace(unit)

    world.do(revoke)
    clock[0] += sessions_module.REMEMBERED_SECONDS + 0.01
    assert sessions_module.REMEMBERED_SECONDS <= 1
    assert await other.holder(pair.access_token, trace) is None
    assert await world.holder(pair.access_token) is None


async def test_a_role_that_changed_holds_for_tokens_that_are_out(world, clock):
    token, trace = world.grant().access_token, EVERYWHERE.trace
    assert (await world.sessions.holder(token, trace)).principal.role is Role.LEARNER
    world.do(lambda unit: unit.session.execute(update(User).values(role=Role.EDUCATOR)))
    clock[0] += sessions_module.REMEMBERED_SECONDS + 0.01
    assert (await world.sessions.holder(token, trace)).principal.role is Role.EDUCATOR


async def test_a_token_is_good_in_its_own_institution_and_at_its_own_address_alone(world):
    with world.database.unit(system_call(OTHER)) as unit:
        stranger = User(institution_id=OTHER, name="Sam", role=Role.ADMIN)
        unit.session.add(stranger)
        unit.session.flush()
        pair = service.grant(unit, world.access, stranger, service.Asked())
    holder = await world.holder(pair.access_token)
    assert (holder.institution, holder.principal.role) == (OTHER, Role.ADMIN)
    # The family of one institution in the name of another, signed by the hub itself.
    family = TokenFamily(
        institution_id=world.home, id=pair.family, user_id=world.learner, client="x"
    )
    forged = world.do(lambda unit: world.access.sign(unit, family))
    assert await world.holder(forged) is None
    for issuer in ("https://other.example.edu", "http://learn.example.edu"):
        elsewhere = Sessions(world.database, secure=True, issuer=issuer)
        assert await elsewhere.holder(pair.access_token, EVERYWHERE.trace) is None


async def test_scopes_of_a_token_narrow_its_holder(world):
    holder = await world.holder(world.grant(scopes={"content:read"}).access_token)
    assert holder.principal.scopes == {"content:read"}
    assert (holder.session, holder.key) == (None, None)
    assert (await world.holder(world.grant().access_token)).principal.scopes is None


async def test_those_who_listen_are_asked_for_together_whatever_they_hold(world):
    pair = world.grant()
    tokens = {pair.access_token, "nonsense", f"{world.home}.{'x' * 43}"}
    found = await world.sessions.holders(tokens)
    assert {token: one.family for token, one in found.items()} == {pair.access_token: pair.family}


# Keys that sign.


def states(world):
    def read(unit):
        return unit.session.execute(select(SigningKey.state, SigningKey.kid)).all()

    return sorted((state, kid) for state, kid in world.do(read))


async def test_the_first_token_makes_the_keys_and_none_is_in_the_database_as_such(world):
    assert (await world.access.keys.published()) == {"keys": []}
    token = world.grant().access_token
    assert [state for state, _ in states(world)] == [KeyState.CURRENT, KeyState.NEXT]

    def private(unit):
        kid = part(token, 0)["kid"]
        row = unit.session.get(SigningKey, kid)
        signer = world.access.keys.signer(unit)
        return row.sealed, base64.urlsafe_b64decode(signer.key.as_dict(private=True)["d"] + "==")

    sealed, key = world.do(private)
    assert key not in sealed
    assert len(key) == 32


def test_processes_that_begin_at_once_have_one_key(world):
    """Each with a cache of its own, and all at the first token of the hub."""
    count, barrier, kids = 4, threading.Barrier(4), []

    def begin():
        keys = SigningKeys(world.database, EVERYWHERE)
        barrier.wait()
        kids.append(world.do(lambda unit: keys.signer(unit).kid))

    threads = [threading.Thread(target=begin) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kids) == count
    assert len(set(kids)) == 1
    assert [state for state, _ in states(world)] == [KeyState.CURRENT, KeyState.NEXT]


async def test_a_key_is_published_before_it_signs_and_verifies_after_it_did(world):
    before = world.grant().access_token
    published = {key["kid"] for key in (await world.access.keys.published())["keys"]}
    kid = world.do(signing.rotate)
    assert kid in published
    after = world.grant().access_token
    assert part(after, 0)["kid"] == kid != part(before, 0)["kid"]
    for token in (before, after):
        assert await world.holder(token)
    assert [state for state, _ in states(world)] == ["current", "next", "retired"]


async def test_keys_are_rotated_under_traffic_and_no_token_is_refused(world):
    """One process signs, another verifies and knows only what it has read itself."""
    verifier, refused = world.another_process(), []
    tokens = [world.grant().access_token]
    for _ in range(6):
        await asyncio.to_thread(world.do, signing.rotate)
        tokens.append((await asyncio.to_thread(world.grant)).access_token)
        for token in tokens:
            holder = await verifier.holder(token, EVERYWHERE.trace)
            refused += [token] * (holder is None)
        verifier.bearers.access.keys._read_at -= signing.RELOAD_SECONDS
    assert refused == []
    assert len({part(token, 0)["kid"] for token in tokens}) == 7


def test_rotations_at_once_leave_one_key_of_each_kind(world):
    world.grant()
    barrier = threading.Barrier(4)

    def rotate():
        barrier.wait()
        world.do(signing.rotate)

    threads = [threading.Thread(target=rotate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [state for state, _ in states(world) if state != KeyState.RETIRED]
    assert found == [KeyState.CURRENT, KeyState.NEXT]


async def test_an_old_key_is_rotated_by_the_next_token_and_a_retired_one_forgotten(world):
    before = world.grant().access_token
    old = utcnow() - timedelta(days=signing.KEY_DAYS, seconds=1)
    world.do(lambda unit: unit.session.execute(update(SigningKey).values(current_since=old)))
    after = world.grant().access_token
    assert part(after, 0)["kid"] != part(before, 0)["kid"]

    def age(unit):
        past = utcnow() - signing.OVERLAP - timedelta(seconds=1)
        unit.session.execute(
            update(SigningKey).where(SigningKey.state == KeyState.RETIRED).values(retired_at=past)
        )

    world.do(age)
    tidy(world.database, EVERYWHERE)
    assert [state for state, _ in states(world)] == [KeyState.CURRENT, KeyState.NEXT]
    assert await world.holder(before) is None
    assert await world.holder(after)
    assert timedelta(seconds=ACCESS_SECONDS) < signing.OVERLAP


def test_a_rotation_leaves_a_line_of_audit(world):
    world.grant()
    kid = world.do(signing.rotate)

    def lines(unit):
        return unit.session.execute(
            select(AuditLine.action, AuditLine.resource).order_by(AuditLine.seq)
        ).all()

    assert world.do(lines)[-1] == ("keys.signing_rotated", f"signing_key:{kid}")


async def test_nonsense_is_not_remembered(world):
    """Else whoever sends enough of it could fill the memory."""
    for token in ("x" * 5000, "eyJ" + "x" * 5000, "eyJ.a.b", "bloop_pat_x", f"{OTHER}.short"):
        assert await world.sessions.holder(token, EVERYWHERE.trace) is None
    assert world.sessions._known == {}
