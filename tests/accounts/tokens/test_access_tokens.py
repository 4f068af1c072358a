"""Access tokens are accepted in the one form in which they were made, and in no other.

The properties are those of the Wycheproof vectors for JWS (`json_web_signature_test`): algorithms,
keys, headers, and every other spelling of the same bytes.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from bloop.accounts.tokens import access_tokens, signing
from bloop.accounts.tokens.access_tokens import ACCESS_SECONDS, AccessTokens
from bloop.accounts.tokens.signing import ALGORITHM, encoded, header
from tests.support.database import OTHER

from .conftest import ISSUER

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. \n\t%"


class OneKey:
    """What verifies, of one key: the same look-up by header as the hub's, without a database."""

    def __init__(self):
        self.key = OKPKey.generate_key("Ed25519")
        self.kid = self.key.thumbprint()
        self.by_header = {signing.header_of(self.kid): (self.kid, self.key)}

    async def verifier(self, first):
        return self.by_header.get(first)


KEYS = OneKey()
READER = AccessTokens(KEYS, ISSUER)


def claims(**changes):
    now = int(time.time())
    made = {
        "iss": ISSUER,
        "aud": f"{ISSUER}/api",
        "sub": "a-user",
        "client_id": "bloop",
        "iat": now,
        "exp": now + 600,
        "jti": "a-token",
        "sid": "a-family",
        "institution": OTHER,
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def signed(body=None, *, head=None, key=None, alg=ALGORITHM):
    head = {**header(KEYS.kid), "alg": alg} if head is None else head
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    payload = json.dumps(claims() if body is None else body)
    return jws.serialize_compact(head, payload, key or KEYS.key, registry=registry)


def read(token, reader=READER):
    return asyncio.run(AccessTokens(reader.keys, reader.issuer).read(token))


TOKEN = signed(claims(exp=int(time.time()) + 10**6))


def test_a_token_says_who_holds_it():
    found = read(signed(claims(scope="content:read events:watch")))
    assert (found.user, found.family, found.institution) == ("a-user", "a-family", OTHER)
    assert found.scopes == {"content:read", "events:watch"}
    assert read(TOKEN).scopes is None


def test_the_header_is_what_joserfc_makes_of_it():
    assert TOKEN.split(".")[0] == signing.header_of(KEYS.kid)


@settings(max_examples=300)
@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(LETTERS))
def test_any_other_letter_anywhere_is_refused(at, letter):
    altered = TOKEN[:at] + letter + TOKEN[at + 1 :]
    assert (read(altered) is None) is (altered != TOKEN)


@settings(max_examples=300)
@given(st.integers(0, len(TOKEN)), st.text(LETTERS, min_size=1, max_size=4))
def test_any_letter_more_is_refused(at, letters):
    assert read(TOKEN[:at] + letters + TOKEN[at:]) is None


@given(st.integers(0, len(TOKEN) - 1))
def test_any_letter_less_is_refused(at):
    assert read(TOKEN[:at] + TOKEN[at + 1 :]) is None


@given(st.integers(0, 2), st.data())
def test_any_other_bit_of_what_was_signed_or_of_its_signature_is_refused(part, data):
    parts = TOKEN.split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=="))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    parts[part] = encoded(bytes(raw))
    assert read(".".join(parts)) is None


def test_no_other_spelling_of_the_same_bytes_is_accepted():
    """The last letter of a part has bits that belong to no byte; joserfc ignores them."""
    spellings = 0
    for part in range(3):
        parts = TOKEN.split(".")
        raw = base64.urlsafe_b64decode(parts[part] + "==")
        for letter in LETTERS[:64]:
            other = parts[part][:-1] + letter
            if other != parts[part] and base64.urlsafe_b64decode(other + "==") == raw:
                spellings += 1
                assert read(".".join([*parts[:part], other, *parts[part + 1 :]])) is None
        for padding in ("=", "==", "===", "\n", " "):
            assert (
                read(".".join([*parts[:part], parts[part] + padding, *parts[part + 1 :]])) is None
            )
    assert spellings


@pytest.mark.parametrize("group_order", [2**252 + 27742317777372353535851937790883648493])
def test_the_other_signature_of_the_same_message_is_refused(group_order):
    """S + L verifies in implementations that do not check its range (RFC 8032, section 5.1.7)."""
    first, payload, last = TOKEN.split(".")
    raw = base64.urlsafe_b64decode(last + "==")
    other = (int.from_bytes(raw[32:], "little") + group_order).to_bytes(32, "little")
    assert read(f"{first}.{payload}.{encoded(raw[:32] + other)}") is None


def test_an_unsigned_token_is_refused():
    payload = TOKEN.split(".")[1]
    for alg in ("none", "None", "NONE", ""):
        for more in ({}, {"kid": KEYS.kid, "typ": "at+jwt"}):
            head = encoded(json.dumps({"alg": alg, **more}).encode())
            assert read(f"{head}.{payload}.") is None
    assert read(f"{signing.header_of(KEYS.kid)}.{payload}.") is None


def test_the_public_key_is_no_secret_of_an_hmac():
    jwk = KEYS.key.as_dict(private=False)
    raw = base64.urlsafe_b64decode(jwk["x"] + "==")
    payload = TOKEN.split(".")[1]
    for secret in (
        raw,
        jwk["x"].encode(),
        KEYS.key.as_pem(private=False),
        KEYS.key.as_der(private=False),
        json.dumps(jwk).encode(),
        b"",
    ):
        for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
            # With the header of the right algorithm as well: over what is signed, by the secret.
            for head in (header(KEYS.kid), header(KEYS.kid) | {"alg": alg}):
                text = f"{encoded(json.dumps(head, separators=(',', ':')).encode())}.{payload}"
                mac = hmac.digest(secret, text.encode(), digest)
                assert read(f"{text}.{encoded(mac)}") is None


def test_another_algorithms_or_anothers_key_is_refused():
    assert read(signed(alg="ES256", key=ECKey.generate_key("P-256"))) is None
    assert read(signed(key=OKPKey.generate_key("Ed25519"))) is None


@pytest.mark.parametrize(
    "change",
    [
        {"typ": "JWT"},
        {"typ": "at+JWT"},
        {"typ": "application/at+jwt"},
        {"typ": None},
        {"kid": None},
        {"kid": "../../etc/passwd"},
        {"kid": "x' OR '1'='1"},
        {"kid": ["019a"]},
        {"kid": {"$ne": ""}},
        {"crit": ["exp"]},
        {"jku": "https://evil.example/jwks.json"},
        {"x5u": "https://evil.example/x.pem"},
        {"jwk": KEYS.key.as_dict(private=False)},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ],
    ids=lambda change: "jwk" if "jwk" in change else str(change),
)
def test_a_header_that_says_anything_else_is_refused(change):
    head = {name: value for name, value in (header(KEYS.kid) | change).items() if value is not None}
    first, payload = encoded(json.dumps(head).encode()), encoded(json.dumps(claims()).encode())
    signature = encoded(KEYS.key.private_key.sign(f"{first}.{payload}".encode()))
    assert read(f"{first}.{payload}.{signature}") is None


@pytest.mark.parametrize(
    "spelling",
    [
        lambda head: json.dumps(head, indent=1),
        lambda head: json.dumps(dict(reversed(head.items()))),
        lambda head: json.dumps(head)[:-1] + ', "alg": "none"}',
        lambda head: json.dumps(head).replace("at+jwt", "at\\u002bjwt"),
        lambda head: "\ufeff" + json.dumps(head),
    ],
    ids=["spaces", "order", "twice", "escaped", "mark"],
)
def test_another_spelling_of_the_header_is_refused_even_when_signed(spelling):
    first = encoded(spelling(header(KEYS.kid)).encode())
    payload = encoded(json.dumps(claims()).encode())
    signature = encoded(KEYS.key.private_key.sign(f"{first}.{payload}".encode()))
    assert read(f"{first}.{payload}.{signature}") is None


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://elsewhere.example.edu"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"aud": ISSUER},
        {"aud": "https://elsewhere.example.edu/api"},
        {"aud": ["https://elsewhere.example.edu/api"]},
        {"aud": None},
        {"exp": None},
        {"exp": 0},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"iat": None},
        {"iat": 2**40},
        {"nbf": 2**40},
        {"sub": None},
        {"sub": 7},
        {"sid": None},
        {"jti": None},
        {"institution": None},
    ],
    ids=str,
)
def test_claims_for_others_for_another_time_or_missing_are_refused(change):
    assert read(signed(claims(**change))) is None


@pytest.mark.parametrize("payload", ["", "null", "[]", '"a"', "1", "{", "\xff"])
def test_what_is_no_object_is_refused(payload):
    first, body = signing.header_of(KEYS.kid), encoded(payload.encode("latin-1"))
    signature = encoded(KEYS.key.private_key.sign(f"{first}.{body}".encode()))
    assert read(f"{first}.{body}.{signature}") is None


@given(st.text(LETTERS + "{}\"'", max_size=200))
def test_what_is_no_token_at_all_is_refused(text):
    for token in (text, f"{signing.header_of(KEYS.kid)}.{text}", f"{text}.{text}.{text}"):
        assert read(token) is None


def test_a_token_that_was_valid_ends_in_time(monkeypatch):
    reader, token = AccessTokens(KEYS, ISSUER), signed()
    assert asyncio.run(reader.read(token))
    later = time.time() + ACCESS_SECONDS
    monkeypatch.setattr(access_tokens.time, "time", lambda: later)
    assert asyncio.run(reader.read(token)) is None
