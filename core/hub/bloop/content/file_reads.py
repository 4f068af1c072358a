"""A file as whoever asks may have it: by its course, or because a lesson of theirs shows it."""

from __future__ import annotations

from typing import Any

from bloop.content import file_queries as queries
from bloop.content.links import names_file
from bloop.store.database import Database
from bloop.store.errors import NotFoundError
from bloop.store.statements import parsed
from bloop_sdk import Call


async def file_for(database: Database, call: Call, id_: str, *, drafts: bool) -> dict[str, Any]:
    """A file's id, title, data, bytes' hash and version; raises NotFoundError.

    Who was granted a single lesson has the files of its course that the lesson shows, links to or
    has attached, as it is now.
    """
    statement = queries.FILE if drafts else queries.FILE_SHOWN
    row = await database.read_one(statement, call, id=id_)
    if row is not None:
        return statement.as_dict(row)
    for beside in () if drafts else await database.read(queries.FILE_BESIDE, call, id=id_):
        found = queries.FILE_BESIDE.as_dict(beside)
        if names_file(found["html"], parsed(found["lesson_data"]), found["remote_id"]):
            return found
    raise NotFoundError(f"no file {id_[:40]}")
