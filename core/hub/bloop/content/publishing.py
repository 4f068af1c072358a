"""Publishing much at once: what learners do not see yet of a course, and drafts of what they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bloop.content.changing import editable
from bloop.content.models import Container, Item, Node
from bloop.content.service import RefusePublish, publish
from bloop.store.commands import command
from bloop.store.errors import InvalidError
from bloop.store.unit import UnitOfWork


@command("content:publish")
def publish_chosen(
    unit: UnitOfWork,
    container_id: str,
    refuse: RefusePublish,
    *,
    items: Mapping[str, int | None],
    nodes: Mapping[str, int | None],
    container: int | None = None,
) -> int:
    """Publish all that is named, or nothing: ids with the versions that somebody looked at.

    ``container`` is the course's own version where it is to be published as well; 0 for any. How
    much was published. Raises ConflictError for another version, PublishRefusedError with a
    plugin's reason, and InvalidError for what is not in this course.
    """
    editable(unit, Container, container_id, None)
    if container is not None:
        publish(unit, Container, container_id, container or None, refuse)
    models: tuple[tuple[type[Item | Node], Mapping[str, int | None]], ...]
    models = ((Node, nodes), (Item, items))
    for model, chosen in models:
        for id_, version in sorted(chosen.items()):
            row: Any = unit.get(model, id_)
            if row.container_id != container_id:
                raise InvalidError(f"{id_} is not in this course", field="items")
            publish(unit, model, id_, version, refuse)
    return len(items) + len(nodes) + (container is not None)
