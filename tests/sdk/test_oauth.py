"""The two answers of OAuth's code flow: what is taken of them, and what is said of the others."""

import json

import pytest

from bloop_sdk import AuthError, Response
from bloop_sdk.oauth import code_of, granted

HERE = "https://school.example/token"


def answer(body, status=200):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers={}, body=text, url=HERE)


def test_a_code_is_taken_and_a_no_is_told_apart():
    assert code_of({"code": "c", "state": "s"}, "School", "again") == "c"
    with pytest.raises(AuthError, match="cancelled in School") as no:
        code_of({"error": "access_denied"}, "School", "again")
    assert no.value.code == "login_cancelled"
    for params in ({}, {"code": ""}, {"code": "c", "error": "server_error"}):
        with pytest.raises(AuthError, match="School refused") as refused:
            code_of(params, "School", "again")
        assert (refused.value.code == "login_cancelled", refused.value.cure) == (False, "again")


def test_an_answer_with_a_token_is_taken():
    body = {"access_token": "t", "expires_in": 3600}
    assert granted(answer(body), HERE, "again") == body


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"error": "invalid_grant"}, 400, "400: invalid_grant"),
        ({"error": "<b>secret-7</b>"}, 400, "400: no token"),
        ({"error": "a" * 40}, 400, "400: no token"),
        ({"access_token": "t"}, 500, "500: no token"),
        ({"access_token": 7}, 200, "200: no token"),
        (["access_token"], 200, "200: no token"),
        (b"<html>", 200, "200: no token"),
    ],
)
def test_of_any_other_only_the_standards_word_is_said(body, status, said):
    with pytest.raises(AuthError) as refused:
        granted(answer(body, status), HERE, "again")
    assert refused.value.message == f"{HERE} answered {said}"
    assert refused.value.cure == "again"
