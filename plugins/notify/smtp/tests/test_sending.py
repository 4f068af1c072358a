"""Messages on a real SMTP server: whole, once known, and refused as it refuses them."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest
from pydantic import ValidationError

from bloop_sdk.errors import (
    AuthError,
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
    for key in ("one", "one", "two"):
        await made.notify(message(idempotency_key=key))
    ids = [one["Message-ID"] for one in read(mailbox)]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@example.edu>")


@pytest.mark.parametrize(
    "given",
    [
        {"subject": "s\nBcc: all@example.org"},
        {"to": "ada@example.org\nBcc: all@example.org"},
        {"to": "ada@example.org, bob@example.org"},
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
