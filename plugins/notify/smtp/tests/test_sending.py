"""Messages on a real SMTP server: whole, once known, and refused as it refuses them."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from pydantic import ValidationError

from bloop_sdk.errors import (
    AuthError,
    ConfigError,
    MalformedRecordError,
    RetriableError,
    SkippableError,
    UnavailableError,
)
from bloop_sdk.providers.services import Notification, Notifier
from bloop_sdk.testing import plugin_tests

from .conftest import let_in

SETTINGS = {"host": "smtp.example.edu", "sender": "learn@example.edu"}

TestContract = plugin_tests("bloop_smtp", settings=SETTINGS)


def message(**given):
    return Notification(
        **({"to": "ada@example.org", "subject": "Für dich", "text": "Hallo\n"} | given)
    )


def read(mailbox):
    return [message_from_bytes(one, policy=policy.default) for one in mailbox.taken]


async def test_a_message_arrives_whole(serve, notifier, mailbox):
    made = notifier(port=serve())
    assert isinstance(made, Notifier)
    html = "<p>Grüße, <b>Wellen</b></p>\n"
    await made.notify(message(text="Grüße\n", html=html, idempotency_key="one"))
    (got,) = read(mailbox)
    assert (got["To"], got["Subject"]) == ("ada@example.org", "Für dich")
    assert got["From"] == "Riverside <learn@example.edu>"
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Date"].datetime is not None
    plain, rich = got.iter_parts()
    texts = [part.get_content().replace("\r\n", "\n") for part in (plain, rich)]
    assert texts == ["Grüße\n", html]


async def test_what_is_sent_again_is_known_by_its_id(serve, notifier, mailbox):
    made = notifier(port=serve())
    for key in ("one", "one", "two", "", ""):
        await made.notify(message(idempotency_key=key))
    ids = [one["Message-ID"] for one in read(mailbox)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4, "a check that is sent twice arrives twice"
    assert ids[0].endswith("@example.edu>")


@pytest.mark.parametrize(
    "given",
    [
        {"subject": "s\nBcc: all@example.org"},
        {"to": "ada@example.org\nBcc: all@example.org"},
        {"to": "ada@example.org, bob@example.org"},
        {"to": "ada@example.org bob@example.org"},
        {"to": "ada@example.org\x00"},
        {"to": "nobody"},
        {"to": ""},
    ],
)
async def test_a_message_goes_to_one_person_and_to_nobody_else(serve, notifier, mailbox, given):
    with pytest.raises(MalformedRecordError):
        await notifier(port=serve()).notify(message(**given))
    assert mailbox.taken == []


@pytest.mark.parametrize("part", ["rcpt", "data"])
@pytest.mark.parametrize(
    ("reply", "error"),
    [("451 come back ada@example.org", RetriableError), ("550 no ada@example.org", SkippableError)],
)
async def test_a_refusal_is_told_without_the_address(serve, notifier, mailbox, part, reply, error):
    mailbox.reply[part] = reply
    with pytest.raises(error) as caught:
        await notifier(port=serve()).notify(message())
    assert "ada" not in str(caught.value)
    assert reply[:3] in str(caught.value)
    if error is RetriableError:
        assert caught.value.retry_after >= 60


@pytest.mark.parametrize(
    ("part", "reply", "error"),
    [
        # Of the hub's settings: the message itself may go once they are right.
        ("mail", "530 5.7.57 Client not authenticated to send mail", AuthError),
        ("mail", "550 5.7.60 Client does not have permissions to send as this", ConfigError),
        ("mail", "553 sender address rejected: not owned by user", ConfigError),
        ("data", "554 5.2.252 SendAsDenied", ConfigError),
        ("data", "550 5.4.5 Daily user sending limit exceeded", RetriableError),
        ("data", "no reply at all", RetriableError),
    ],
)
async def test_what_is_no_fault_of_the_message_is_not_told_as_one(
    serve, notifier, mailbox, part, reply, error
):
    mailbox.reply[part] = reply
    with pytest.raises(error):
        await notifier(port=serve()).notify(message())


async def test_who_thinks_long_about_a_message_gets_it_once(serve, notifier, mailbox):
    mailbox.slow_seconds = 2.5
    await notifier(port=serve(), timeout_seconds=2).notify(message())
    assert len(mailbox.taken) == 1


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("Riverside, Inc. <learn@example.edu>", "Riverside, Inc."),
        ("Uni @ Home:\u00a0Köln <learn@example.edu>", "Uni @ Home:\u00a0Köln"),
        ('"St. \\"Ann\\"" <learn@example.edu>', 'St. "Ann"'),
    ],
)
async def test_names_are_names_and_domains_are_those_of_dns(serve, notifier, mailbox, sender, name):
    await notifier(port=serve(), sender=sender).notify(message(to="Ada <ada@Straße.de>"))
    (got,) = read(mailbox)
    (shown,) = got["From"].addresses
    assert (shown.display_name, shown.addr_spec) == (name, "learn@example.edu")
    assert got["To"].addresses[0].addr_spec == "ada@xn--strae-oqa.de"
    assert mailbox.envelopes == [("learn@example.edu", ["ada@xn--strae-oqa.de"])]


async def test_a_server_that_knows_ascii_alone_refuses_the_one_address(serve, notifier, mailbox):
    with pytest.raises(SkippableError, match="other than ASCII"):
        await notifier(port=serve(enable_SMTPUTF8=False)).notify(message(to="jörg@example.org"))
    assert mailbox.taken == []
    await notifier(port=serve(enable_SMTPUTF8=True)).notify(message(to="jörg@example.org"))
    assert mailbox.envelopes[0][1] == ["jörg@example.org"]


async def test_a_server_that_is_away_is_tried_later(notifier, free_port):
    with pytest.raises(UnavailableError) as caught:
        await notifier(port=free_port).notify(message())
    assert caught.value.retry_after


async def test_a_password_goes_over_tls_to_who_has_the_certificate(
    serve, notifier, mailbox, certificate, monkeypatch
):
    cert, context = certificate
    port = serve(
        tls_context=context, require_starttls=True, authenticator=let_in, auth_required=True
    )
    right = {"port": port, "tls": "starttls", "username": "ada", "password": "right"}
    # Nobody who is trusted has signed it.
    with pytest.raises(UnavailableError):
        await notifier(**right).notify(message())
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    await notifier(**right).notify(message())
    assert await notifier(**right).check() == f"localhost:{port}"
    with pytest.raises(AuthError, match="does not let ada in") as caught:
        await notifier(**(right | {"password": "wrong-secret"})).notify(message())
    assert "wrong-secret" not in str(caught.value)
    with pytest.raises(RetriableError, match=r"later \(454\)"):
        await notifier(**(right | {"username": "bob"})).notify(message())
    assert len(mailbox.taken) == 1


async def test_implicit_tls(serve, notifier, mailbox, certificate, monkeypatch):
    cert, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    await notifier(port=serve(ssl_context=context), tls="implicit").notify(message())
    assert len(mailbox.taken) == 1


async def test_starttls_is_never_given_up_for_a_server_that_has_none(serve, notifier, mailbox):
    with pytest.raises((UnavailableError, Exception)) as caught:
        await notifier(port=serve(), tls="starttls").notify(message())
    assert caught.value.code in {"unavailable", "config"}
    assert mailbox.taken == []


def test_a_password_without_tls_is_refused(notifier):
    with pytest.raises(ValidationError, match="over TLS only"):
        notifier(username="ada", password="right")


@pytest.mark.parametrize(
    "given", [{"username": "ada"}, {"sender": "Riverside"}, {"sender": "a@b.c, d@e.f"}]
)
def test_settings_with_which_nothing_would_arrive_are_refused(notifier, given):
    with pytest.raises(ValidationError, match=r"belong together|not one address"):
        notifier(**given)
