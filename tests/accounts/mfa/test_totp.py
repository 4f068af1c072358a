"""Codes of authenticator apps: each once, near its time, and not guessed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pyotp
from sqlalchemy import select, text

from bloop.accounts.mfa import proofs, service, totp
from bloop.accounts.mfa.errors import ProofRefusedError, TooManyTriesError
from bloop.accounts.mfa.models import TotpFactor
from bloop.accounts.mfa.totp import LONGEST_WAIT, STEP_SECONDS, wait_after
from bloop.store.models import AuditLine, OutboxEvent
from tests.accounts.mfa.conftest import audited

STEP = timedelta(seconds=STEP_SECONDS)


def check(person, code):
    return person.home.run(totp.check, person.id, code)


def test_an_app_is_of_use_once_its_first_code_is_there(ada, clock):
    made = ada.home.run(service.begin_totp, ada.id, "Here")
    app = pyotp.TOTP(made.key)
    assert isinstance(check(ada, app.at(clock.seconds)), ProofRefusedError)
    assert ada.home.run(proofs.ways_of, ada.id) == ()
    wrong = ada.home.run(service.confirm_totp, ada.id, ada.session, "000000")
    assert isinstance(wrong, ProofRefusedError)
    added = ada.home.run(service.confirm_totp, ada.id, ada.session, app.at(clock.seconds))
    assert len(added.recovery_codes) == 10
    assert ada.home.run(proofs.ways_of, ada.id) == ("totp", "recovery_code")
    assert "issuer=Here" in made.uri and made.key in made.uri
    assert made.svg().startswith("<svg") and made.grouped.replace(" ", "") == made.key


def test_a_code_works_once(ada, clock):
    app, _ = ada.app(clock.seconds)
    assert isinstance(check(ada, app.at(clock.seconds)), ProofRefusedError), "it confirmed the app"
    clock.now += STEP
    code = app.at(clock.seconds)
    assert check(ada, f" {code[:3]} {code[3:]} ") is None
    assert isinstance(check(ada, code), ProofRefusedError)
    assert audited(ada.home, "mfa.refused")[-1] == {"way": "totp", "reason": "reused"}


def test_a_code_before_the_last_one_is_refused(ada, clock):
    app, _ = ada.app(clock.seconds)
    clock.now += STEP * 5
    assert check(ada, app.at(clock.seconds + STEP_SECONDS)) is None
    assert isinstance(check(ada, app.at(clock.seconds)), ProofRefusedError)


def test_a_clock_may_be_one_step_wrong(ada, clock):
    app, _ = ada.app(clock.seconds)
    for steps, taken in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        clock.now += STEP * 10
        refusal = check(ada, app.at(clock.seconds + steps * STEP_SECONDS))
        assert (refusal is None) is taken, steps


def test_what_is_no_code_is_refused(ada, clock):
    ada.app(clock.seconds)
    for code in ("", "12345", "１２３４５６", "0" * 4000, "-00001", "\x00" * 6):
        clock.now += STEP
        assert isinstance(check(ada, code), ProofRefusedError), code


def test_wrong_codes_make_the_next_ones_wait(ada, clock):
    app, _ = ada.app(clock.seconds)
    clock.now += STEP
    for _ in range(totp.FREE_TRIES):
        assert isinstance(check(ada, "000000"), ProofRefusedError)
    early = check(ada, app.at(clock.seconds))
    assert isinstance(early, TooManyTriesError) and early.retry_after == 1
    clock.now += timedelta(seconds=1)
    assert isinstance(check(ada, "000000"), ProofRefusedError)
    assert check(ada, app.at(clock.seconds)).retry_after == 2
    clock.now += STEP
    assert check(ada, app.at(clock.seconds)) is None
    assert isinstance(check(ada, "000000"), ProofRefusedError), "a right one begins anew"


def test_the_wait_doubles_up_to_a_quarter_of_an_hour():
    waits = [wait_after(count) for count in range(1, 20)]
    assert waits[:5] == [0, 0, 1, 2, 4] and waits[-1] == LONGEST_WAIT == 900
    assert waits == sorted(waits)


def test_one_code_in_many_threads_is_taken_once(ada, clock):
    app, _ = ada.app(clock.seconds)
    clock.now += STEP
    code = app.at(clock.seconds)
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda _: check(ada, code), range(8)))
    assert outcomes.count(None) == 1


def test_many_wrong_codes_at_once_are_no_more_tries(ada, clock):
    ada.app(clock.seconds)
    clock.now += STEP
    with ThreadPoolExecutor(8) as threads:
        tries = list(threads.map(lambda number: check(ada, f"{number:06}"), range(16)))
    # Of those that come together one is looked at, so it may be fewer than are free.
    looked_at = sum(isinstance(refusal, ProofRefusedError) for refusal in tries)
    assert 1 <= looked_at <= totp.FREE_TRIES
    with ada.home.unit() as unit:
        assert unit.session.scalar(select(TotpFactor.failures)) == looked_at


def test_a_new_app_replaces_the_one_before_when_it_is_confirmed(ada, clock):
    old, _ = ada.app(clock.seconds)
    clock.now += STEP
    made = ada.home.run(service.begin_totp, ada.id, "Here")
    assert check(ada, old.at(clock.seconds)) is None
    new = pyotp.TOTP(made.key)
    again = ada.home.run(service.confirm_totp, ada.id, ada.session, new.at(clock.seconds))
    assert again.recovery_codes == (), "those from before still stand"
    clock.now += STEP
    assert isinstance(check(ada, old.at(clock.seconds)), ProofRefusedError)
    assert check(ada, new.at(clock.seconds)) is None


def test_a_key_that_nobody_confirmed_in_time_is_of_no_use(ada, clock):
    made = ada.home.run(service.begin_totp, ada.id, "Here")
    clock.now += totp.ENROLMENT + STEP
    code = pyotp.TOTP(made.key).at(clock.seconds)
    refusal = ada.home.run(service.confirm_totp, ada.id, ada.session, code)
    assert isinstance(refusal, ProofRefusedError)


def test_neither_key_nor_code_is_readable_anywhere(ada, clock):
    app, added = ada.app(clock.seconds)
    clock.now += STEP
    code = app.at(clock.seconds)
    check(ada, code)
    with ada.home.unit() as unit:
        rows = [
            dict(row.__dict__)
            for model in (TotpFactor, AuditLine, OutboxEvent)
            for row in unit.session.scalars(select(model))
        ]
        rows += unit.session.execute(
            text("SELECT * FROM mfa_recovery_code WHERE institution_id = :institution"),
            {"institution": unit.institution},
        ).all()
    written = repr(rows)
    for secret in (app.secret, code, *added.recovery_codes):
        assert secret not in written
    assert app.secret.encode() not in b"".join(
        value for row in rows[:1] for value in row.values() if isinstance(value, bytes)
    )
