"""Content that is written, indexed as its consumer does, and searched."""

from __future__ import annotations

from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Item
from bloop.content.search import index
from bloop.content.search.service import Asked, find
from bloop.events.queries import EVENTS
from bloop.events.reader import logged
from bloop.store.models import EVERY_INSTITUTION
from tests.support.database import make_call


class Library:
    """Writes content, and brings it into the index as its consumer does."""

    def __init__(self, database, call):
        self.database = database
        self.call = call
        self.place = 0

    def run(self, command, *args, call=None, **values):
        with self.database.unit(call or self.call) as unit:
            made = command(unit, *args, **values)
            unit.session.flush()
            return made.id

    def course(self, title="Biology", call=None, **values):
        values = {"published": True, "language": "en", **values}
        return self.run(service.create_container, title=title, call=call, **values)

    def page(self, container, title, html="", *, kind="page", published=True, call=None, **values):
        values = {"kind": kind, "title": title, "html": html, **values}
        made = self.run(service.create_item, container, call=call, **values)
        if published:
            self.publish(Item, made, call)
        return made

    def publish(self, model, id_, call=None):
        self.run(service.publish, model, id_, None, lambda *_: None, call=call)

    def index(self, blobs=None):
        log = system_call(EVERY_INSTITUTION)
        events = self.database.read_now(EVENTS, log, after=self.place, upto=2**60, limit=10_000)
        for one in map(logged, events):
            if index.consumer().wants(one.event.topic):
                with self.database.unit(make_call(one.event.institution)) as unit:
                    index.take(unit, one.event, blobs)
            self.place = one.seq

    async def find(self, text, *, drafts=False, call=None, **asked):
        asked = Asked(text=text, **asked)
        return await find(self.database, call or self.call, asked, drafts=drafts)

    async def titles(self, text, **options):
        return [one["title"] for one in (await self.find(text, **options))["items"]]
