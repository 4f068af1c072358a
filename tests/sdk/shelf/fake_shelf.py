"""The system that the shelf's plugin talks to: courses, a journal, and a log of changes."""

import copy
import hashlib
import hmac
import json
import time
from urllib.parse import urlsplit

from bloop_sdk import Kind, Ref, WebhookRequest, WriteOp
from bloop_sdk.testing import reply

URL = "https://shelf.example"
GOOD = {"base_url": URL, "token": "good-token-123"}
BAD = {"base_url": URL, "token": "never-valid-456"}
EXPIRED = {"base_url": URL, "token": "was-valid-789"}
AT_ONCE = 2


class FakeShelf:
    """Two courses of pages and a file; ``kind`` is what its pages are called."""

    kind = "page"
    courses = ("c1", "c1", "c1", "c1", "c2")

    def __init__(self):
        self.seq = 0
        self.items = []
        self.gone = []
        self.forbidden = set()
        self.done = {}
        self.removed = None
        for number, course in enumerate(self.courses, start=1):
            self.put(
                {"id": f"i{number * 10}", "type": self.kind, "body": f"<p>{number}</p>"}, course
            )
        self.put({"id": "i35", "type": "file", "body": "x" * 2000}, self.courses[0])

    def put(self, item, course):
        self.seq += 1
        known = {"title": f"Item {item['id']}", "version": 1, "container": course}
        self.items.append({**known, **item, "seq": self.seq, "at": time.time()})
        self.items.sort(key=lambda one: one["id"])

    def changed(self, item, **values):
        self.seq += 1
        item.update(values, version=item["version"] + 1, seq=self.seq, at=time.time())
        return Ref(Kind(item["type"]), item["id"])

    def item(self, item_id):
        return next((one for one in self.items if one["id"] == item_id), None)

    async def answer(self, request):  # noqa: C901 - a table of routes
        if request.headers.get("authorization") != f"Bearer {GOOD['token']}":
            return reply({"error": "who?"}, status=401)
        match (request.method, urlsplit(request.url).path.strip("/").split("/")):
            case "GET", ["api", "me"]:
                return reply({"id": "u1", "name": "Ada"})
            case "GET", ["api", "courses"]:
                return self.listed([{"id": c, "title": f"Course {c}"} for c in ("c1", "c2")])
            case "GET", ["api", "people"]:
                ada = {"person": "u1", "name": "Ada"}
                return self.listed([{"id": f"e-{c}", "course": c, **ada} for c in ("c1", "c2")])
            case "GET", ["api", "courses", course, "items"]:
                return self.page_of(course, request.params.get("after", ""))
            case "GET", ["api", "changes"]:
                return self.changes(int(request.params["since"]))
            case "GET", ["api", "changes-by-time"]:
                since = float(request.params["since"])
                return self.listed([self.public(one) for one in self.items if one["at"] > since])
            case "GET", ["api", "items", item]:
                found = self.item(item)
                return reply(self.public(found)) if found else reply({"error": "no"}, status=404)
            case "PUT" | "POST", ["api", "items", *rest]:
                return self.write_item(request, rest)
            case "GET", ["files", item]:
                if item in self.forbidden:
                    return reply({"error": "not you"}, status=403)
                found = self.item(item)
                return reply(found["body"].encode()) if found else reply(b"", status=404)
        return reply({"error": "nothing here"}, status=404)

    def listed(self, items):
        return reply({"items": items, "next": None})

    def public(self, item):
        hidden = {"body"} if item["type"] == "file" else set()
        return {name: value for name, value in item.items() if name not in hidden | {"seq", "at"}}

    def page_of(self, course, after):
        """By key, so that a deletion moves nothing over the edge of a page."""
        left = [one for one in self.items if one["container"] == course and one["id"] > after]
        more = len(left) > AT_ONCE
        at = f"{URL}/api/courses/{course}/items?after={left[AT_ONCE - 1]['id']}" if more else None
        return reply({"items": [self.public(one) for one in left[:AT_ONCE]], "next": at})

    def changes(self, since):
        log = sorted(
            [("item", one["seq"], one) for one in self.items]
            + [("gone", one["seq"], one) for one in self.gone],
            key=lambda entry: entry[1],
        )
        left = [entry for entry in log if entry[1] > since]
        shown, more = left[:AT_ONCE], len(left) > AT_ONCE
        seq = shown[-1][1] if shown else since
        return reply(
            {
                "items": [self.public(one) for what, _, one in shown if what == "item"],
                "gone": [one for what, _, one in shown if what == "gone"],
                "seq": seq,
                "next": f"{URL}/api/changes?since={seq}" if more else None,
            }
        )

    def write_item(self, request, rest):
        key = request.headers["idempotency-key"]
        if key in self.done:
            return self.done[key]
        if rest:
            item = self.item(rest[0])
            if request.headers["if-match"] != str(item["version"]):
                return reply({"error": "changed"}, status=412)
            self.changed(item, **request.json_body)
        else:
            new = f"i{90 + len(self.done)}"
            self.put({"id": new, "type": self.kind, **request.json_body}, "c2")
            item = self.item(new)
        self.done[key] = reply(self.public(item))
        return self.done[key]

    # -- what the kit may ask for

    def edit(self):
        return self.changed(self.item("i20"), body="<p>edited</p>")

    def add(self):
        self.put({"id": "i05", "type": self.kind, "body": "<p>new</p>"}, self.courses[0])
        return Ref(Kind(self.kind), "i05")

    def delete(self):
        item = self.item("i20")
        self.items.remove(item)
        self.removed = copy.deepcopy(item)
        self.seq += 1
        self.gone.append({"id": item["id"], "type": item["type"], "seq": self.seq})
        return Ref(Kind(item["type"]), item["id"])

    def restore(self):
        self.gone.clear()
        self.seq += 1
        self.items.append({**self.removed, "seq": self.seq})
        self.items.sort(key=lambda one: one["id"])

    def malform(self):
        del self.item("i30")["title"]
        return Ref(Kind(self.kind), "i30")

    def unknown(self):
        self.item("i30")["type"] = "hologram"
        return Ref(Kind.OPAQUE, "i30")

    def forbid(self):
        self.forbidden.add("i35")
        return Ref(Kind.FILE, "i35")

    unshare, share = delete, restore  # It lists what may be seen, and nothing else.

    def write(self, kind):
        number = len(self.done) + 1
        if kind == "page.create":
            values = {"title": f"New {number}", "body": "<p>new</p>"}
            return WriteOp(kind=kind, ref=None, values=values, idempotency_key=f"k{number}")
        return WriteOp(
            kind=kind,
            ref=Ref(Kind.PAGE, "i20"),
            values={"body": f"<p>written {number}</p>"},
            idempotency_key=f"k{number}",
        )

    def webhook(self):
        body = json.dumps({"id": "w1", "item": "i20"}).encode()
        signed = hmac.new(GOOD["token"].encode(), body, hashlib.sha256).hexdigest()
        return WebhookRequest(headers={"x-signature": signed}, body=body, received_at=0.0)


class FakeJournal(FakeShelf):
    """The same, with notes in one notebook."""

    kind = "note"
    courses = ("journal",) * 5
