"""The choice of a language: it beats the browser's, stays with the account, and leads nowhere."""

from bloop.accounts.languages import NAMES
from bloop.web.render import LOCALES

ARABIC = '<html lang="ar" dir="rtl">'


def test_each_language_of_the_hub_has_a_name_and_a_catalogue():
    assert set(NAMES) == set(LOCALES)


def test_a_guest_chooses_for_their_browser_and_comes_back_within_the_hub(guest):
    form, own = {"set": "ar", "next": "/courses?q=a"}, {"sec-fetch-site": "same-origin"}
    refused = guest.post("/language", data=form, headers={"sec-fetch-site": "cross-site"})
    assert refused.status_code == 403
    chosen = guest.post("/language", data=form, headers=own, follow_redirects=False)
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/courses?q=a")
    shown = guest.get("/", headers={"accept-language": "de"})
    assert ARABIC in shown.text
    assert "cookie" in shown.headers["vary"]
    away = form | {"next": "//else.example", "set": ""}
    back = guest.post("/language", data=away, headers=own, follow_redirects=False)
    assert back.headers["location"] == "/"
    assert '<html lang="de"' in guest.get("/", headers={"accept-language": "de"}).text
    bad = guest.post("/language", data=form | {"set": "xx"}, headers=own)
    assert bad.status_code == 422


def test_a_choice_goes_with_the_account_and_can_be_taken_back(operator):
    account = operator.get("/api/v1/account").json()
    head = {"x-csrf-token": account["csrf_token"]}
    assert account["language"] is None
    changed = operator.patch("/api/v1/account", json={"language": "ar"}, headers=head)
    assert changed.json()["language"] == "ar"
    assert ARABIC in operator.get("/", headers={"accept-language": "de"}).text
    bad = operator.patch("/api/v1/account", json={"language": "xx"}, headers=head)
    assert bad.status_code == 422
    form = {"csrf": account["csrf_token"], "set": "", "next": "/account/language"}
    assert '<html lang="en"' in operator.post("/language", data=form).text
