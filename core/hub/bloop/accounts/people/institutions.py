"""Commands on institutions, for operators, who may act in each of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from bloop.accounts.models import Institution
from bloop.accounts.people.invitations import Made, invite
from bloop.accounts.people.service import clean_name
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.idempotency import claimed_ahead
from bloop.store.ids import new_id
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import Call, Role

if TYPE_CHECKING:
    from bloop.store.database import Database

ADMIN_HOURS = 24 * 7
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Opened:
    """A new institution, and the invitation of its first admin."""

    id: str
    invitation: Made


def within(call: Call, institution: str) -> Call:
    """The same principal's call in another institution; who may is asked by the route's action.

    Raises NotFoundError for what stands for every institution.
    """
    if institution == EVERY_INSTITUTION:
        raise NotFoundError(f"no institution {institution}")
    return Call(call.principal, institution, call.trace)


def create(
    database: Database, call: Call, *, name: str, slug: str, admin_email: str | None
) -> Opened:
    """An institution with an invitation for its first admin, written together.

    Raises InvalidError, and ConflictError for a slug that is another one's.
    """
    clean = clean_name(name)
    if not _SLUG.fullmatch(slug):
        raise InvalidError(
            "a slug has 1 to 60 characters of a-z, 0-9 and hyphens between them", field="slug"
        )
    made = Institution(id=new_id(), slug=slug, name=clean)
    payload = {"id": made.id, "slug": slug, "name": clean}
    # The key of the request belongs to the caller's institution, what it does to another one.
    with claimed_ahead(database, call), database.unit(within(call, made.id)) as unit:
        unit.enter("institutions:write")
        unit.session.add(made)
        try:
            unit.session.flush()
        except IntegrityError as err:
            raise ConflictError(
                f"there is an institution {slug} already", cure="take another slug"
            ) from err
        unit.audit.append("institutions:create", f"institution:{made.id}", {"slug": slug})
        unit.outbox.append("user.institution_created", f"institution:{made.id}", payload)
        invitation = invite(unit, role=Role.ADMIN, email=admin_email, hours=ADMIN_HOURS)
        return Opened(made.id, invitation)


def rename(
    database: Database, call: Call, institution_id: str, version: int | None, name: str
) -> None:
    """Another name; raises NotFoundError, InvalidError, and ConflictError for another version."""
    clean = clean_name(name)
    with claimed_ahead(database, call), database.unit(within(call, institution_id)) as unit:
        unit.enter("institutions:write")
        found = unit.session.get(Institution, institution_id)
        if found is None:
            raise NotFoundError(f"no institution {institution_id[:40]}")
        unit.expect(found, version)
        if found.name != clean:
            found.name = clean
            resource = f"institution:{institution_id}"
            unit.audit.append("institutions:rename", resource, {"name": clean})
            payload = {"id": institution_id, "name": clean}
            unit.outbox.append("user.institution_renamed", resource, payload)
