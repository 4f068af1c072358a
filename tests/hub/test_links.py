"""The key of signed addresses."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import urlsplit

from bloop.accounts.models import User
from bloop.hub.links import Links
from bloop.ops.keys import rotate
from bloop.store.models import HubSecret
from tests.support.database import HOME, make_call, make_system_call


async def test_links_outlive_another_master_key_and_another_process(database):
    with database.unit(make_system_call(HOME)) as unit:
        unit.session.add(User(id="ada", institution_id=HOME, name="Ada", role="learner"))
    call = make_call(HOME, name="ada")
    url = Links(SimpleNamespace(database=database)).sign(call, "studio", "/a b?c=d", 60)
    assert url.startswith("/x/studio/a%20b?c=d&bloop_signature=")
    with database.unit(make_system_call(HOME)) as unit:
        before = unit.session.get(HubSecret, "links").value
    await database.run(rotate, database)
    with database.unit(make_system_call(HOME)) as unit:
        assert unit.session.get(HubSecret, "links").value != before
    elsewhere = Links(SimpleNamespace(database=database))
    opened = await elsewhere.open("studio", "/a b", urlsplit(url).query, call.trace)
    assert (opened.call.institution, opened.call.principal.id) == (HOME, "ada")
    assert opened.call.principal.role == "learner"
    assert await elsewhere.open("studio", "/a b", "c=d", call.trace) is None
