from __future__ import annotations

import base64
import gzip
import hashlib
import re

import pytest

from tests.web.conftest import csrf_of


def test_every_page_of_the_course_answers_with_our_scripts_alone_and_no_cookie(served, guest):
    framed = 0
    for kind, title, path in served.lessons():
        page = guest.get(path)
        assert page.status_code == 200, title
        assert f"<h1>{title}</h1>" in page.text or kind == "file"
        assert "set-cookie" not in page.headers
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy and "https:" not in policy
        framed += "<iframe" in page.text
        if "<iframe" in page.text:
            ours = re.findall(r'<script type="module" src="[^"]*/(\w+\.js)"', page.text)
            assert len(re.findall("<script", page.text)) == len(ours)
            assert set(ours) - {"notes.js"} == {"framing.js"}
        else:
            assert "script-src" not in policy
    assert framed > 20


def test_a_text_is_served_with_a_policy_that_lets_one_script_run(served, guest):
    path = next(path for kind, _, path in served.lessons() if kind == "page")
    text = guest.get(f"{path}/text")
    script = re.search(r"<script>(.*?)</script>", text.text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = dict(
        part.strip().split(" ", 1) for part in text.headers["content-security-policy"].split(";")
    )
    assert policy["script-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert "allow-same-origin" not in policy["sandbox"]
    assert "allow-top-navigation" not in policy["sandbox"]
    assert "allow-forms" not in policy["sandbox"]
    page = guest.get(path).text
    assert f'sandbox="{policy["sandbox"]}"' in page


def test_a_course_leads_through_its_lessons_in_order(served, guest):
    home = guest.get("/").text
    course = guest.get(re.search(r'href="(/courses/[^"]+)"', home)[1]).text
    path = re.search(r'class="button first" href="([^"]+)"', course)[1]
    walked = []
    while path:
        walked.append(path)
        following = re.search(r'rel="next" href="([^"]+)"', guest.get(path).text)
        path = following and following[1]
    assert walked == [path for _, _, path in served.lessons()]


def test_a_guest_never_sees_what_is_right(served, guest, operator):
    quizzes = [path for kind, _, path in served.lessons() if kind == "quiz"]
    assert len(quizzes) >= 3
    for path in quizzes:
        shown, whole = guest.get(f"{path}/text").text, operator.get(f"{path}/text").text
        assert 'class="question"' in shown
        for mark in ('class="right"', 'class="is-right"', 'class="accepted"'):
            assert mark not in shown
        assert 'class="right"' in whole
    answer = "1.25 Hz"  # Of a blank in the first quiz.
    assert answer in operator.get(f"{quizzes[0]}/text").text
    assert answer not in guest.get(f"{quizzes[0]}/text").text
    assert answer not in guest.get(quizzes[0]).text


def test_every_kind_of_question_shows_what_there_is_to_do_and_nothing_more(
    served, guest, operator, shared_data
):
    report = served.bloop("import", shared_data / "cartridges" / "all-question-types.imscc")
    course = operator.get(f"/courses/{report['containers'][0]}")
    path = re.search(r'href="(/lessons/[^"]+)"', course.text)[1]  # At no place of the tree.
    whole = operator.get(f"{path}/text").text
    publish(operator, path.removeprefix("/lessons/"), csrf_of(course))
    shown = guest.get(f"{path}/text").text
    for part in ('class="choices one"', 'class="choices many"', 'class="pairs"', 'class="pool"'):
        assert part in shown
    assert shown.count('class="line"') >= 2
    for mark in ('class="right"', 'class="is-right"', 'class="accepted"'):
        assert mark not in shown
        assert mark in whole


def publish(operator, item, csrf):
    address = f"/api/v1/items/{item}"
    version = operator.get(address).headers["etag"]
    headers = {"if-match": version, "x-csrf-token": csrf}
    assert operator.post(f"{address}/publish", headers=headers).status_code == 200


def test_a_rubric_stands_below_its_assignment(served, operator, shared_data):
    report = served.bloop("import", shared_data / "cartridges" / "assignment-rubrics.imscc")
    course = operator.get(f"/courses/{report['containers'][0]}").text
    pages = [operator.get(path).text for path in re.findall(r'href="(/lessons/[^"]+)"', course)]
    assert any('class="criterion"' in page for page in pages)


def test_the_visitor_is_addressed_in_the_language_of_the_browser(guest):
    german = guest.get("/", headers={"accept-language": "fr;q=0.9, de-CH, en;q=0.1"})
    assert '<html lang="de"' in german.text
    assert "<h1>Kurse</h1>" in german.text
    assert german.headers["content-language"] == "de"
    assert "<h1>Courses</h1>" in guest.get("/", headers={"accept-language": "xx"}).text


def test_formulas_are_mathml(served, guest):
    lessons = served.lessons()
    pages = [guest.get(f"{path}/text").text for kind, _, path in lessons if kind == "page"]
    assert sum(page.count("<math") for page in pages) > 20
    assert not any('class="tex-error"' in page for page in pages)


def test_what_is_not_there_is_a_calm_page(guest):
    page = guest.get("/lessons/nothing")
    assert page.status_code == 404
    assert "There is nothing here" in page.text
    assert 'href="/"' in page.text


def test_a_guest_at_a_members_page_is_told_how_to_log_in(guest):
    page = guest.get("/plugins")
    assert page.status_code == 401
    assert "Please log in" in page.text and "bloop login-link" in page.text


def test_a_login_link_is_good_once(served, guest):
    path = served.login_path()
    assert guest.head(path).status_code == 200  # Whoever only looks does not use it up.
    first = guest.get(path)
    # To a first password, unless another test has set one.
    assert first.status_code == 303
    assert first.headers["location"] in {"/", "/account/password?first=true"}
    guest.cookies.clear()
    second = guest.get(path)
    assert second.status_code == 403
    assert "This link is used up" in second.text and "bloop login-link" in second.text
    assert not guest.cookies


def test_logging_out_ends_the_session(operator):
    home = operator.get("/")
    assert "You are logged in as operator." in home.text
    kept = dict(operator.cookies)
    after = operator.post("/logout", data={"csrf": csrf_of(home)})
    assert "You are reading as a guest." in after.text
    operator.cookies.update(kept)  # The cookie alone is worth nothing any more.
    assert "You are reading as a guest." in operator.get("/").text


@pytest.mark.parametrize("path", ["/logout", "/plugins/cartridge/disable"])
def test_a_form_without_its_token_does_nothing(operator, path):
    for data in ({}, {"csrf": "0" * 64}):
        assert operator.post(path, data=data).status_code == 403
    assert "You are logged in as operator." in operator.get("/plugins").text
    assert "Switch off" in operator.get("/plugins").text


def test_a_plugin_is_switched_off_and_on_in_the_running_hub(served, operator):
    page = operator.get("/plugins")
    assert "Common Cartridge" in page.text and re.search(r"2 of \d+ are ready", page.text)
    off = operator.post("/plugins/cartridge/disable", data={"csrf": csrf_of(page)})
    assert off.url.params["switched"] == "cartridge"
    assert re.search(
        r'role="status">\s*<p><strong>Common Cartridge</strong>: switched off', off.text
    )
    assert "enabled = false" in (served.folder / "hub.toml").read_text()
    on = operator.post("/plugins/cartridge/enable", data={"csrf": csrf_of(off)})
    assert re.search(r"2 of \d+ are ready", on.text) and "loaded in" in on.text
    assert "enabled = true" in (served.folder / "hub.toml").read_text()


def test_a_switch_is_planned_first_and_can_be_undone(served, operator):
    file = served.folder / "hub.toml"
    before = file.read_text()
    plan = operator.get("/plugins/cartridge/disable")
    assert "Switch off Common Cartridge?" in plan.text
    assert "It brings courses into the hub." in plan.text
    assert re.search(r": (1 connection|\d+ connections)</li>", plan.text)
    assert "-enabled = true" in plan.text and file.read_text() == before
    off = operator.post("/plugins/cartridge/disable", data={"csrf": csrf_of(plan)})
    assert 'action="/plugins/undo"' in off.text
    undone = operator.post("/plugins/undo", data={"csrf": csrf_of(off)})
    assert "The last switch was taken back." in undone.text
    assert 'action="/plugins/undo"' not in undone.text
    assert file.read_text() == before and re.search(r"2 of \d+ are ready", undone.text)


def test_a_plan_is_told_in_the_readers_language(operator):
    page = operator.get("/plugins/cartridge/disable", headers={"accept-language": "de"})
    assert "Common Cartridge ausschalten?" in page.text
    assert "Es bringt Kurse in den Hub." in page.text


def test_an_admin_switches_for_the_own_institution_and_not_for_the_hub(served, admin):
    page = admin.get("/plugins")
    assert "It brings courses into the hub." in page.text
    assert "Switch off" not in page.text and "On for your institution" in page.text
    refused = admin.get("/plugins/cartridge/disable")
    assert (refused.status_code, "plugins:toggle" in refused.text) == (403, False)
    assert "does not allow this" in refused.text
    choice = admin.get("/plugins/cartridge/institution")
    assert "Your institution uses it." in choice.text and "What it may do" in choice.text
    form = {"csrf": csrf_of(choice)}
    assert admin.post("/plugins/cartridge/disable", data=form).status_code == 403
    off = admin.post("/plugins/cartridge/institution/off", data=form)
    assert "Off for your institution" in off.text
    assert "enabled = false" not in (served.folder / "hub.toml").read_text()
    choice = admin.get("/plugins/cartridge/institution")
    assert "Your institution does not use it." in choice.text
    on = admin.post("/plugins/cartridge/institution/on", data=form)
    assert "On for your institution" in on.text


def test_what_is_not_loaded_is_not_an_institutions_to_choose(admin):
    assert admin.get("/plugins/nowhere/institution").status_code == 404


def test_an_unknown_plugin_cannot_be_switched(operator):
    data = {"csrf": csrf_of(operator.get("/plugins"))}
    page = operator.post("/plugins/nowhere/enable", data=data)
    assert page.status_code in {404, 503}
    assert "nowhere" in page.text or "There is nothing here" in page.text


def test_static_files_are_kept_for_ever_and_come_packed(guest):
    address = re.search(r'rel="stylesheet" href="([^"]+)"', guest.get("/").text)[1]
    packed = guest.get(address, headers={"accept-encoding": "gzip"})
    plain = guest.get(address, headers={"accept-encoding": "identity"})
    assert packed.headers["content-type"] == "text/css; charset=utf-8"
    assert packed.headers["content-encoding"] == "gzip"
    assert "immutable" in packed.headers["cache-control"]
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert len(gzip.compress(plain.content)) < 11_000


def test_a_static_file_under_another_digest_is_not_kept(guest):
    answer = guest.get("/static/00000000/bloop.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.css", "..%2Froutes.py", ".hidden", "%2e%2e", "a" * 300])
def test_nothing_else_is_served_as_static(guest, name):
    assert guest.get(f"/static/00000000/{name}").status_code == 404


def test_a_page_is_light(served, guest):
    for _, title, path in served.lessons():
        assert len(guest.get(path).content) < 64_000, title


def test_a_note_shows_its_tags_pictures_and_links(served, guest, tmp_path):
    notes = tmp_path / "Notes"
    notes.mkdir()
    (notes / "one.md").write_text(
        "---\ntags: [tides, '<b>']\n---\n# One\n\n![[pic.svg]] [[two#A b]]"
    )
    (notes / "two.md").write_text("# Two\n\n## A b\n\n$x$")
    (notes / "pic.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    report = served.bloop("import", notes)
    (_, _, first), (_, _, second) = served.lessons(*report["containers"])

    page, text = guest.get(first).text, guest.get(f"{first}/text").text

    assert "<li>tides</li><li>&lt;b&gt;</li>" in page
    picture, link = re.findall(r'(?:src|href)="(/(?:framed|lessons)/[^/"]+/[^"]+)"', text)
    assert guest.get(picture).headers["content-type"] == "image/svg+xml"
    target, anchor = link.split("#")
    assert guest.get(target).headers["location"] == second
    other = guest.get(f"{second}/text").text
    assert f'id="{anchor}"' in other
    assert "<math" in other
    assert 'class="tags"' not in guest.get(second).text
    served.bloop("content", "undo", report["run"])
