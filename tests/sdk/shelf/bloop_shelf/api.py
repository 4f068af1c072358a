"""What both providers ask the shelf for, and how an item becomes a record."""

import hashlib
import hmac
import json

from bloop_sdk import (
    AuthError,
    Batch,
    CheckResult,
    File,
    ForbiddenRecordError,
    Hint,
    Kind,
    MalformedRecordError,
    Note,
    Opaque,
    Page,
    PermissionMissingError,
    PreconditionFailedError,
    Ref,
    Request,
    Skipped,
    UnsupportedError,
    WriteResult,
)

PAGE, NOTE = "page", "note"


class Shelf:
    """The part of a provider that is the same for courses and notes."""

    kind_of_container = Kind.COURSE
    writes = frozenset()
    webhooks = False

    def __init__(self, ctx):
        self.ctx = ctx

    def headers(self):
        token = self.ctx.config.token
        return {"Authorization": f"Bearer {token.get_secret_value() if token else ''}"}

    async def get(self, path, **params):
        url = path if path.startswith("http") else f"{self.ctx.config.base_url}{path}"
        response = await self.ctx.http.send(Request(url=url, params=params, headers=self.headers()))
        if response.status == 404:
            return None
        answer = response.json()
        if not isinstance(answer, dict) or ("items" not in answer and "id" not in answer):
            raise MalformedRecordError(f"{path} answered something else than it should")
        return answer

    async def pages(self, path, **params):
        """Every page of a list; the next one is where the system says."""
        while path:
            answer = await self.get(path, **params)
            if answer is None:
                return
            yield answer
            path, params = answer["next"], {}

    async def check(self):
        me = await self.get("/api/me")
        return CheckResult(account=me["name"], site=self.ctx.config.base_url)

    def record(self, item, container):
        """A record, or why it is none."""
        ref = f"{item.get('type')}:{item.get('id')}"
        try:
            return self.made(item, container)
        except (KeyError, TypeError) as err:
            return Skipped(ref=ref, reason=f"{ref} lacks {err}", raw=item)

    def made(self, item, container):
        shared = {
            "remote_id": item["id"],
            "container": container,
            "title": item["title"],
            "raw": item,
            "remote_version": str(item["version"]),
        }
        match item["type"]:
            case "page":
                return Page(html=item["body"], **shared)
            case "note":
                return Note(html=item["body"], **shared)
            case "file":
                return File(name=item["title"], chunks=lambda: self.bytes(item["id"]), **shared)
        return Opaque(remote_kind=item["type"], **shared)

    async def bytes(self, item):
        request = Request(url=f"{self.ctx.config.base_url}/files/{item}", headers=self.headers())
        try:
            async for chunk in self.ctx.http.stream(request):
                yield chunk
        except PermissionMissingError as err:
            raise ForbiddenRecordError(str(err), ref=f"file:{item}") from err

    async def fetch(self, refs):
        records, skipped = [], []
        for ref in refs:
            item = await self.get(f"/api/items/{ref.remote_id}")
            if item is None:
                gone = Skipped(ref=str(ref), reason="it is gone", code="record_missing")
                skipped.append(gone)
                continue
            made = self.record(item, item["container"])
            (skipped if isinstance(made, Skipped) else records).append(made)
        return Batch(records=tuple(records), skipped=tuple(skipped))

    async def write(self, op, precondition):
        if op.kind not in self.writes:
            raise UnsupportedError(f"a shelf cannot {op.kind}")
        path = f"/api/items/{op.ref.remote_id}" if op.ref else "/api/items"
        response = await self.ctx.http.send(
            Request(
                url=f"{self.ctx.config.base_url}{path}",
                method="PUT" if op.ref else "POST",
                json_body=op.values,
                headers={
                    **self.headers(),
                    "If-Match": precondition.remote_version or "",
                    "Idempotency-Key": op.idempotency_key,
                },
            )
        )
        if response.status == 412:
            raise PreconditionFailedError(f"{op.ref} has changed since")
        item = response.json()
        return WriteResult(ref=Ref(Kind.PAGE, item["id"]), remote_version=str(item["version"]))

    def verify_webhook(self, request):
        if not self.webhooks:
            raise UnsupportedError("a shelf sends no webhooks")
        secret = self.ctx.config.token.get_secret_value().encode()
        signed = hmac.new(secret, request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(signed, request.headers.get("x-signature", "")):
            raise AuthError("the signature is wrong")
        event = json.loads(request.body)
        return [Hint(ref=Ref(Kind.PAGE, event["item"]), event_id=event["id"])]
