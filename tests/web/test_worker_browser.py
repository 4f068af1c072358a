"""The worker's own rules, without a hub: its script in a page whose requests are answered there."""

from __future__ import annotations

import pytest

from bloop.web import assets

pytestmark = pytest.mark.browser

pytest.importorskip("playwright.sync_api")
HUB = 'const HUB = {files: ["/offline", "/static/a1/bloop.css"]}; self.registration = {};\n'
STUBS = """
let asked_of = [], session = "ben", posts = [], under = 0, most = 0, status = 200;
self.fetch = async (asked, given = {}) => {
  const path = String(asked.url ?? asked).replace(location.origin, "");
  if (under < 0) throw new TypeError("no connection");
  asked_of.push(path);
  if (path === "/api/v1/account") return Response.json({ csrf_token: "t", reader: session });
  if (given.method !== "POST") return new Response("<h1>x</h1>");
  most = Math.max(most, (under += 1));
  await new Promise((done) => setTimeout(done, 20));
  under -= 1;
  posts.push(Object.fromEntries(new URLSearchParams(given.body)));
  return new Response("", { status });
};
const sent = (fields) =>
  new Request("/reviews", { method: "POST", body: new URLSearchParams(fields) });
const be = async (reader) => { session = reader; posts = []; await note("reader", reader); };
const names = async (name) =>
  (await (await caches.open(name)).keys()).map((one) => new URL(one.url).pathname);
const left = async () => (await everybodys()).length;
"""
ANOTHERS = """async () => {
  await be("ben");
  status = 403;
  const said = await takeAnswer(sent({ csrf: "a", reader: "ada", key: "k1", answer: "1" }));
  const kept = [said.status || said.type, (await waiting()).length, await ofOthers()];
  status = 200;
  posts = [];
  await sendWaiting();
  const asBen = posts.length;
  await be("ada");
  await sendWaiting();
  return { kept, asBen, asAda: posts, left: await left() };
}"""
ONCE = """async () => {
  await be("ada");
  await keepAnswer({ key: "one", path: "/reviews", about: "/reviews?key=k2", reader: "ada",
    body: "key=k2&answer=first", at: Date.now() - 3600_000 });
  most = 0;
  const sending = sendWaiting();
  await new Promise((done) => setTimeout(done, 10));
  await takeAnswer(sent({ csrf: "a", reader: "ada", key: "k2", answer: "second" }));
  await Promise.all([sending, sendWaiting(), sendWaiting()]);
  return { most, posts: posts.map((one) => [one.answer, Number(one.ago)]), left: await left() };
}"""
FULL = """async () => {
  await be("ada");
  const put = IDBObjectStore.prototype.put;
  const full = (times) => (IDBObjectStore.prototype.put = function (...given) {
    if (times-- > 0) throw new DOMException("full", "QuotaExceededError");
    return put.apply(this, given);
  });
  await (await caches.open(VISITED)).put("/notes", new Response("<h1>x</h1>"));
  full(1);
  await keepAnswer({ key: "two", path: "/reviews", about: "/reviews?key=k3", reader: "ada",
    body: "key=k3", at: 1 });
  const room = await names(VISITED);
  full(99);
  await sendWaiting();
  IDBObjectStore.prototype.put = put;
  return { room, posts: posts.length, left: await left() };
}"""
FILES = """async () => {
  await be("ada");
  const files = await caches.open(FILES);
  const kin = ["/static/wiki/c3/wiki.js", "/static/wiki/c3/part.js"];
  const all = [...HUB.files, "/static/b2/old.css", ...kin];
  for (const one of [...all, "/static/d4/admin.js"]) await files.put(one, new Response(""));
  const html = `<h1>Waves &amp; sound</h1><link href="/static/b2/old.css"><script src="${kin[0]}">`;
  await keepPage("/lessons/1", new Response(html), KEPT, await turn());
  await tidy();
  const kept = await names(FILES);
  const [{ title }] = await readable();
  // A worker that is being replaced was fetching a page while its reader logged out in another one.
  const since = await turn();
  const guest = new Response("", { headers: { "x-bloop-reader": NOBODY } });
  await meet(guest, since);
  await keepPage("/lessons/2", new Response(html), KEPT, since);
  const [after, pages] = [await names(FILES), await names(KEPT)];
  return { all, kept, title, after, pages, reader: await fact("reader") };
}"""
LEAVE = """async () => {
  await be("ada");
  under = -99;
  const said = await leave(new Request("/logout", { method: "POST" }));
  const reader = await fact("reader");
  under = 0;
  asked_of = [];
  const event = { request: new Request("/courses"), waitUntil() {} };
  for (const one of [event, event]) await answerPage(one, "/courses");
  await note("leaving", "ben");
  await answerPage(event, "/next");
  return { to: new URL(said.headers.get("location")).pathname, reader, asked: asked_of };
}"""


def test_what_waits_is_its_readers_sent_once_and_outlives_a_full_device(browser):
    page = browser.new_page()
    page.route(
        "**/*", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html")
    )
    page.goto("http://localhost/")
    page.add_script_tag(content=HUB + assets.read("worker.js").body.decode() + STUBS)

    found = page.evaluate(ANOTHERS)
    assert found["kept"][1:] == [0, {"count": 1, "old": 0}]
    assert found["asBen"] == 0, "an answer of Ada's is never sent as Ben's"
    assert [(one["reader"], one["answer"]) for one in found["asAda"]] == [("ada", "1")]
    assert found["left"] == 0

    found = page.evaluate(ONCE)
    assert found["most"] == 1, "of one question one answer is under way at a time"
    assert [answer for answer, _ in found["posts"]] == ["first", "second"]
    assert found["posts"][0][1] >= 3600 > found["posts"][1][1]
    assert found["left"] == 0

    assert page.evaluate(FULL) == {"room": [], "posts": 1, "left": 0}

    found = page.evaluate(FILES)
    assert sorted(found["kept"]) == sorted(found["all"]), "what no page needs is gone"
    assert found["title"] == "Waves & sound"
    assert (sorted(found["after"]), found["pages"], found["reader"]) == (
        ["/offline", "/static/a1/bloop.css"], [], None,
    )  # fmt: skip
    found = page.evaluate(LEAVE)
    assert (found["to"], found["reader"]) == ("/offline", None)
    assert found["asked"] == [
        *("/api/v1/account", "/logout", "/courses", "/courses"),
        *("/api/v1/account", "/courses"),
    ], "whoever logged in meanwhile stays"
    page.close()
