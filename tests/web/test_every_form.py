"""Every form of every page, sent with what it does not ask for.

Nothing fails, what is refused is refused on a page that says why, gives back what was typed and
has changed nothing, and nothing that was sent becomes a part of a page.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from lxml import html

from bloop.accounts.login import hashing
from bloop.web.kept_forms import NEVER, is_secret
from tests.web.attacks import MARK, Attack, attacks
from tests.web.forms import FoundForm, distinct
from tests.web.sending import sending

# All is sent by what sets the module up, beside whatever else runs.
pytestmark = pytest.mark.timeout(300)
TRIES = {"audit_line", "audit_personal", "outbox_event", "login_delay"}
"""What is written down of a wrong password or code, so that nobody tries them all."""
GERMAN = {"accept-language": "de"}
PROOFS = ("/login", "/step-up", "/account/security/app/confirm")


@dataclass(frozen=True)
class Sent:
    """A form that was sent, and what came of it."""

    form: FoundForm
    attack: Attack
    status: int
    kind: str
    location: str
    is_download: bool
    text: str
    changed: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.form.label} with {self.attack.name}: {self.status}"

    @property
    def refused(self) -> bool:
        return self.status >= 400


@pytest.fixture(scope="module")
def sent(filled, tmp_path_factory):
    """Every form with everything that it is tried with."""
    from argon2 import PasswordHasher

    folder = tmp_path_factory.mktemp("forms") / "hub"
    shutil.copytree(filled[0], folder)
    with pytest.MonkeyPatch.context() as patch:
        # What a hash costs is not what is tried here.
        patch.setattr(hashing, "hasher", lambda: PasswordHasher(1, 8, 1))
        patch.setattr(socket, "getaddrinfo", _nowhere)
        return asyncio.run(_sent(folder, filled[1]))


def _nowhere(*_arguments, **_options):
    raise socket.gaierror("nothing is asked outside")


async def _sent(folder, filled):
    answers = []
    async with sending(folder, filled) as sender:
        # Those that only have a button come last: they switch plugins off.
        forms = sorted(distinct(await sender.forms()), key=lambda form: not form.asks)
        sender.keep()
        for form in forms:
            for attack in attacks(form):
                headers = GERMAN | attack.headers
                answer, changed = await sender.send(form, attack.body, **headers)
                kind = answer.headers.get("content-type", "")
                location = answer.headers.get("location", "")
                is_download = "attachment" in answer.headers.get("content-disposition", "")
                one = (form, attack, answer.status_code, kind, location, is_download, answer.text)
                answers.append(Sent(*one, frozenset(changed)))
    return answers


def test_there_are_forms(sent):
    assert len({one.form.label for one in sent}) > 60
    assert sum(one.refused for one in sent) > 200


def test_a_secret_is_known_by_its_fields_name(sent):
    """Else it would be kept where somebody has to log in before they send it (kept_forms)."""
    fields = {
        (one.form.action, field.name, field.kind) for one in sent for field in one.form.fields
    }
    for action, name, kind in fields:
        if kind == "password":
            assert is_secret(name) or action.startswith(NEVER), (action, name)
        assert kind != "textarea" or not is_secret(name), (action, name)


def test_none_makes_the_hub_fail(sent):
    assert [one.name for one in sent if one.status >= 500 or "Traceback" in one.text] == []


def test_each_is_answered_by_a_page_or_leads_to_one_of_the_hubs(sent):
    for one in sent:
        if one.status in {302, 303}:
            to = urlsplit(one.location)
            assert to.netloc in {"", "127.0.0.1:8080"} and MARK not in to.netloc, one.name
        elif one.form.method == "GET" and one.is_download:
            assert one.status == 200, one.name
        else:
            assert one.kind.startswith("text/html"), one.name
            assert "<h1" in one.text, one.name


def test_nothing_that_was_sent_becomes_a_part_of_a_page(sent):
    raw = (f"<script>{MARK}", f"<b onclick={MARK}", f"<b>{MARK}")
    assert [one.name for one in sent if any(part in one.text for part in raw)] == []


def test_what_is_refused_changes_nothing(sent):
    def allowed(one):
        return TRIES if one.form.action.startswith(PROOFS) else set()

    changed = {one.name: one.changed - allowed(one) for one in sent if one.refused}
    assert {name: tables for name, tables in changed.items() if tables} == {}


def test_a_form_of_another_session_is_refused(sent):
    tried = [one for one in sent if one.attack.name == "wrong token"]
    assert len(tried) > 50
    assert {one.name for one in tried if one.status != 403} == set()


def test_what_is_refused_says_what_is_wrong(sent):
    assert {one.name for one in sent if one.refused and not said(one)} == set()


def test_what_is_refused_is_said_in_the_visitors_language(sent):
    english = re.compile(r"\b(the|is|are|this|has|have|it|of|with|your|they)\b")
    refused = [one for one in sent if one.refused]
    foreign = {said(one): one.name for one in refused if english.search(said(one))}
    assert foreign == {}


def test_words_that_are_not_taken_come_back(sent):
    lost = [one.name for one in sent if one.refused and one.attack.typed and not came_back(one)]
    assert lost == []


def said(one: Sent) -> str:
    """Why a page refuses something; empty where it does not say so.

    What it quotes beside that (``pre``) is somebody's text, in their language.
    """
    page = html.document_fromstring(one.text)
    found = page.xpath(
        "//main//*[@role='alert' or contains(@class, 'fault') or contains(@class, 'bad')]"
        " | //main//*[contains(@class, 'message')]//p"
    )
    words = [" ".join(part.xpath(".//text()[not(ancestor::pre)]")) for part in found]
    return " ".join(" ".join(text.split()) for text in words)


def came_back(one: Sent) -> bool:
    """Whether a text field of the page holds what was typed."""
    page = html.document_fromstring(one.text)
    wanted = one.attack.typed.replace("\r\n", "\n")
    areas = (area.text or "" for area in page.iter("textarea"))
    return any(wanted in text.replace("\r\n", "\n") for text in areas)
