"""Between the first factor and the session, and logging in with a passkey alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.devices import Device
from bloop.accounts.mfa import login, service
from bloop.accounts.mfa.errors import ProofRefusedError
from bloop.accounts.mfa.login import MOST_ATTEMPTS, PENDING_SECONDS
from bloop.accounts.mfa.models import PendingLogin
from bloop.accounts.mfa.proofs import Proof, Way
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import Method, StartedSession, new_token, token_hash
from bloop.store.types import utcnow
from bloop_sdk import Role
from tests.accounts.mfa.conftest import PARTY, audited

DEVICE = Device("203.0.113.5", "Firefox")


def begin(person):
    """The pending login of somebody whose password was right."""

    def command(unit):
        return login.second_factor_needed(unit, unit.get(User, person.id), Method.PASSWORD)

    return person.home.run(command)


def complete(person, token, proof):
    return person.home.run(login.complete, token, proof, DEVICE)


def recovery(code):
    return Proof(Way.RECOVERY_CODE, code)


def session_of(home, started):
    with home.unit() as unit:
        return unit.session.get(LoginSession, token_hash(started.token))


def test_without_a_second_factor_none_is_asked_for(ada):
    assert begin(ada) is None


def test_a_code_completes_a_login_once_and_the_session_is_a_new_one(ada, clock):
    app, added = ada.app(clock.seconds)
    clock.now += timedelta(seconds=30)
    needed = begin(ada)
    assert (needed.seconds, needed.ways) == (PENDING_SECONDS, ("totp", "recovery_code"))
    started = complete(ada, needed.token, Proof(Way.TOTP, app.at(clock.seconds)))
    assert isinstance(started, StartedSession)
    assert started.token not in {needed.token, ada.token}
    kept = session_of(ada.home, started)
    assert (kept.method, kept.second_factor, kept.address) == ("password", True, "203.0.113.5")
    again = complete(ada, needed.token, recovery(added.recovery_codes[0]))
    assert isinstance(again, ProofRefusedError)


def test_the_database_holds_no_token_of_a_pending_login(ada):
    ada.passkey()
    needed = begin(ada)
    with ada.home.unit() as unit:
        (row,) = unit.session.scalars(select(PendingLogin))
        assert needed.token not in repr(row.__dict__)


def test_a_pending_login_is_over_after_ten_minutes(ada, clock):
    _, added = ada.app(clock.seconds)
    needed = begin(ada)
    clock.now += timedelta(seconds=PENDING_SECONDS)
    refusal = complete(ada, needed.token, recovery(added.recovery_codes[0]))
    assert isinstance(refusal, ProofRefusedError)
    assert ada.home.run(login.pending_ways, needed.token) is None
    begin(ada)
    with ada.home.unit() as unit:
        assert len(unit.session.scalars(select(PendingLogin)).all()) == 1, "those over are gone"


def test_a_pending_login_has_so_many_tries(ada, clock):
    _, added = ada.app(clock.seconds)
    needed = begin(ada)
    for _ in range(MOST_ATTEMPTS):
        assert isinstance(complete(ada, needed.token, recovery("no")), ProofRefusedError)
    refusal = complete(ada, needed.token, recovery(added.recovery_codes[0]))
    assert isinstance(refusal, ProofRefusedError) and "log in again" in str(refusal.cure)
    assert audited(ada.home, "mfa.refused")[-1] == {"way": "login", "reason": "too_many"}


def test_a_new_login_brings_no_new_tries_of_codes(ada, clock):
    ada.app(clock.seconds)
    codes = set()
    for _ in range(6):
        refusal = complete(ada, begin(ada).token, Proof(Way.TOTP, "000000"))
        codes.add(refusal.code)
    assert codes == {"proof_refused", "too_many_tries"}


def test_the_factor_of_somebody_else_completes_nothing(ada, clock):
    ada.app(clock.seconds)
    bob = ada.home.person("Bob")
    bobs, added = bob.app(clock.seconds)
    clock.now += timedelta(seconds=30)
    token = begin(ada).token
    for proof in (Proof(Way.TOTP, bobs.at(clock.seconds)), recovery(added.recovery_codes[0])):
        assert isinstance(complete(ada, token, proof), ProofRefusedError)


def test_a_password_is_no_second_factor(ada):
    ada.passkey()
    refusal = complete(ada, begin(ada).token, Proof(Way.PASSWORD, "secret"))
    assert isinstance(refusal, ProofRefusedError)


def test_an_unknown_token_completes_nothing(ada):
    _, added = ada.passkey()
    for token in ("", new_token(ada.home.id)):
        refusal = complete(ada, token, recovery(added.recovery_codes[0]))
        assert isinstance(refusal, ProofRefusedError)


def test_who_was_disabled_meanwhile_does_not_come_in(ada):
    _, added = ada.passkey()
    needed = begin(ada)
    ada.home.run(lambda unit: unit.session.execute(update(User).values(disabled_at=utcnow())))
    refusal = complete(ada, needed.token, recovery(added.recovery_codes[0]))
    assert isinstance(refusal, ProofRefusedError)


def test_one_pending_login_in_many_threads_gives_one_session(ada):
    _, added = ada.passkey()
    token = begin(ada).token
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(
            threads.map(lambda code: complete(ada, token, recovery(code)), added.recovery_codes[:8])
        )
    assert [type(outcome) for outcome in outcomes].count(StartedSession) == 1


def test_a_passkey_completes_a_login_by_its_own_challenge(ada):
    device, _ = ada.passkey()
    bob = ada.home.person("Bob")
    bob.passkey()
    mine, bobs = begin(ada).token, begin(bob).token
    swapped = ada.home.run(login.pending_options, bobs, PARTY)
    options = ada.home.run(login.pending_options, mine, PARTY)

    def proof(given):
        return Proof(Way.PASSKEY, credential=device.get(given), party=PARTY)

    assert isinstance(complete(ada, mine, proof(swapped)), ProofRefusedError)
    assert isinstance(complete(ada, mine, proof(options)), StartedSession)


def passkey_login(person, credential):
    challenge = person.home.run(login.take_login_challenge, credential)
    if challenge is None:
        return None
    given = (person.id, PARTY, challenge, credential, DEVICE)
    return person.home.run(login.log_in_by_passkey, *given)


def test_a_passkey_alone_is_two_factors(ada):
    device, _ = ada.passkey()
    options = ada.home.run(login.passkey_options, PARTY)
    assert options["allowCredentials"] == []
    credential = device.get(options)
    started = passkey_login(ada, credential)
    kept = session_of(ada.home, started)
    assert (kept.method, kept.second_factor) == ("passkey", True)
    assert passkey_login(ada, credential) is None, "its challenge is used up"


def test_a_challenge_of_a_step_up_logs_nobody_in(ada):
    device, _ = ada.passkey()
    options = ada.home.run(service.step_up_options, ada.id, ada.session, PARTY)
    assert passkey_login(ada, device.get(options)) is None


def test_a_passkey_of_who_was_disabled_logs_nobody_in(ada):
    device, _ = ada.passkey()
    ada.home.run(lambda unit: unit.session.execute(update(User).values(disabled_at=utcnow())))
    options = ada.home.run(login.passkey_options, PARTY)
    assert isinstance(passkey_login(ada, device.get(options)), ProofRefusedError)


def test_a_reset_takes_factors_sessions_and_pending_logins(ada, clock):
    _, added = ada.app(clock.seconds)
    ada.passkey()
    needed = begin(ada)
    ada.home.run(service.reset, ada.id, Role.ADMIN)
    assert begin(ada) is None
    assert isinstance(
        complete(ada, needed.token, recovery(added.recovery_codes[0])), ProofRefusedError
    )
    with ada.home.unit() as unit:
        assert unit.session.scalar(select(LoginSession.id)) is None
    assert audited(ada.home, "mfa.reset") == [{}]


def test_an_admin_resets_nobody_above_them(home):
    operator = home.person("Olga", "operator")
    operator.passkey()
    with pytest.raises(ForbiddenError, match="operator or more"):
        home.run(service.reset, operator.id, Role.ADMIN)
    assert len(operator.passkeys()) == 1
