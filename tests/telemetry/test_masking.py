import enum
from dataclasses import dataclass, field
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretBytes, SecretStr

from bloop.telemetry.masking import mask, personal_fields
from bloop_sdk import Personal
from bloop_sdk._masking import MASK, MAX_TEXT, mask_text


@pytest.mark.parametrize(
    "key",
    [
        *("token", "access_token", "accessToken", "Access-Token", "refresh_tokens", "tokenValue"),
        *("password", "passwd", "user_password", "passphrase", "client_secret", "secrets"),
        *("Authorization", "HTTP_AUTHORIZATION", "Proxy-Authorization", "cookie", "Set-Cookie"),
        *("api_key", "apikey", "X-Api-Key", "private_key", "credentials", "session", "sessionId"),
        *("email", "e-mail", "contactEmail", "phone", "given_name", "displayName", "birthdate"),
        "x" * 300 + "_token",
    ],
)
def test_a_value_under_a_private_key_is_masked(key):
    assert mask({key: "s3cr3t"}) == {key: MASK}
    assert mask({key: {"inner": "s3cr3t"}}) == {key: MASK}
    assert mask({"outer": [{key: 5}]}) in ({"outer": [{key: MASK}]}, {"outer": [{key: 5}]})


@pytest.mark.parametrize(
    "key", ["path", "keyboard", "tokenizer", "secretary", "author", "compass", "monkey", "name"]
)
def test_a_word_that_only_sounds_like_one_is_shown(key):
    assert mask({key: "value"}) == {key: "value"}


def test_what_tells_nothing_is_shown_under_a_private_key():
    shown = {"token": None, "password": False, "tokens": 512}
    assert mask(shown) == shown
    assert mask({"pin": 1234}) == {"pin": MASK}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abcdef123456 x", f"Authorization: Bearer {MASK} x"),
        ("basic dXNlcjpwYXNz", f"basic {MASK}"),
        ("postgresql+psycopg://bloop:s3cr3t@db/x", f"postgresql+psycopg://{MASK}@db/x"),
        ("redis://:s3cr3t@h:6379/0", f"redis://{MASK}@h:6379/0"),
        ("https://h/p?page=2&access_token=abc&x=1", f"https://h/p?page=2&access_token={MASK}&x=1"),
        ("/cb?code=abc&state=def#f", f"/cb?code={MASK}&state={MASK}#f"),
        ("?X-Amz-Signature=abc", f"?X-Amz-Signature={MASK}"),
        ('{"password": "s3cr3t", "a": 1}', f'{{"password": "{MASK}", "a": 1}}'),
        ("client_secret=s3cr3t&a=1", f"client_secret={MASK}&a=1"),
        ("api-key: s3cr3t", f"api-key: {MASK}"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.c2ln", MASK),
        ("key sk-abcdefghij0123456789 rejected", f"key {MASK} rejected"),
        (f"1017~{'aB3' * 20}", MASK),
        ("mail to ada.l+x@example.edu failed", f"mail to {MASK} failed"),
        ("please refund 4242 4242 4242 4242, thanks", f"please refund {MASK}, thanks"),
        ("card:5555-5555-5555-4444", f"card:{MASK}"),
        ("378282246310005 and 3782 822463 10005", f"{MASK} and {MASK}"),
        ("6011000990139424", MASK),
    ],
)
def test_a_credential_within_a_text_is_masked(text, masked):
    assert mask_text(text) == masked
    assert mask({"event": [text]}) == {"event": [masked]}


@pytest.mark.parametrize(
    "text",
    [
        "GET https://canvas.example.edu/api/v1/courses?page=2&per_page=100 200",
        "plugin canvas: state ready; code 7",
        "the token was refused",
        "postgresql+psycopg://db/bloop",
        "token counts 4-5",
        "a@b",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "order 4242424242424241, at 1764183360123456789",
        "pi_4242424242424242 of 4242-4242-4242-4242-9",
        "00000000-0000-4000-8000-424242424242",
    ],
)
def test_an_ordinary_text_stays(text):
    assert mask_text(text) == text


def test_a_number_that_is_a_card_s_is_masked():
    assert mask([4242424242424242, 4242424242424241, 49]) == [MASK, 4242424242424241, 49]


@pytest.mark.parametrize(
    "text",
    [
        "a.a-" * 20_000,
        "4242 " * 16_000,
        "?token" * 9000,
        "eyJ-" * 20_000,
        "x@" * 20_000,
        "password" * 9000,
    ],
)
def test_the_search_takes_a_text_made_to_be_slow(text):
    # Each of these takes minutes where an alternative may start within a run of its characters.
    assert len(mask_text(text, limit=80_000)) <= 80_100


def test_a_long_text_is_cut_before_a_credential_and_tells_its_length():
    text = "x" * (MAX_TEXT - 30) + " Bearer " + "s3cr3t" * 10
    masked = mask_text(text)
    assert masked.endswith(f"[{len(text)} characters]")
    assert "s3cr3t" not in masked


@dataclass
class Learner:
    id: str
    mail: Annotated[str, Personal("contact")]
    nick: Annotated[str | None, Personal] = None
    friends: list["Learner"] = field(default_factory=list)


class Profile(BaseModel):
    id: str
    home: Annotated[str, Personal("address")]
    key_to: SecretStr = SecretStr("s3cr3t")


def test_personal_fields_are_masked_by_their_mark():
    ada = Learner("1", "ada", "a", [Learner("2", "bob")])
    assert mask(ada) == {
        "id": "1",
        "mail": MASK,
        "nick": MASK,
        "friends": [{"id": "2", "mail": MASK, "nick": None, "friends": []}],
    }
    assert mask({"who": Profile(id="3", home="there")}) == {
        "who": {"id": "3", "home": MASK, "key_to": MASK}
    }


def test_marks_are_found_or_left_where_hints_cannot_be_read():
    class Odd:
        x: "NoSuchName"  # noqa: F821

    assert personal_fields(Odd) == frozenset()


def test_secrets_are_masked_by_their_type():
    assert mask([SecretStr("s3cr3t"), {"x": SecretBytes(b"s3cr3t")}]) == [MASK, {"x": MASK}]


class Level(enum.IntEnum):
    HIGH = 3


class Name(enum.StrEnum):
    A = "a"


def test_what_comes_out_is_plain():
    assert mask((1, 2.5, True, None, Level.HIGH, Name.A)) == [1, 2.5, True, None, 3, "a"]
    assert type(mask(Level.HIGH)) is int
    assert type(mask(Name.A)) is str
    assert mask({1: b"abc", ("a",): {3}}) == {"1": "<3 bytes>", "['a']": [3]}
    assert mask(2**70) == str(2**70)


def test_what_comes_out_is_bounded():
    endless = {}
    endless["self"] = endless
    assert "<dict>" in str(mask(endless))
    assert mask(list(range(500)))[-1] == "<500 items>"
    assert mask({str(n): n for n in range(500)})["..."] == "<500 items>"


class Hostile:
    def __repr__(self):
        raise self.error


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), RecursionError()])
def test_a_value_that_cannot_be_shown_costs_itself_alone(error):
    hostile = Hostile()
    hostile.error = error
    assert mask({"a": 1, "b": hostile}) == {
        "a": 1,
        "b": f"<Hostile that cannot be shown: {type(error).__name__}>",
    }


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


def _is_plain(value):
    if isinstance(value, dict):
        return all(type(key) is str and _is_plain(part) for key, part in value.items())
    if isinstance(value, list):
        return all(_is_plain(part) for part in value)
    return value is None or type(value) in {bool, int, float, str}


@given(PLAIN)
def test_whatever_goes_in_plain_comes_out(value):
    assert _is_plain(mask(value))
