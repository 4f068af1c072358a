"""What each resource of a manifest becomes, and in which order: the plan of a read.

Types are those of Common Cartridge 1.3, section 4.4 (resource types); earlier versions differ in
the numbers after ``xmlv``. What Canvas writes as associated content is told by its files.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from bloop_cartridge import canvas
from bloop_cartridge.archive import Archive
from bloop_cartridge.attachments import close_attachments
from bloop_cartridge.index import Index, Item, Resource
from bloop_cartridge.told import add_told
from bloop_cartridge.unlisted import list_shown
from bloop_sdk.errors import BloopError
from bloop_sdk.records import Kind

OPAQUE_FOLDER = "bloop/opaque/"
_HTML = frozenset({".html", ".htm", ".xhtml"})
_META = "assessment_meta.xml"
_FULL_QTI = ".xml.qti"
_SETTINGS = "assignment_settings.xml"
_PARTS = (_META, _FULL_QTI, _SETTINGS)
_SNIFF = 2048
_CHAIN = 16


def make_plan(archive: Archive, index: Index) -> None:
    """Classify every resource, then write down each record to make, in order."""
    add_told(archive, index)
    for resource in index.resources():
        kind = _kind_of(resource, index)
        index.db.execute(
            "UPDATE resource SET kind = ? WHERE seq = ?", (kind and str(kind), resource.seq)
        )
    for resource in index.linked_resources():
        _find_owner(archive, index, resource)
    list_shown(archive, index)
    close_attachments(archive, index)
    _check_dependencies(index)
    index.add_step("container", "")
    _plan_nodes(index)
    for resource in index.resources():
        _plan_contents(index, resource)
    index.db.execute(
        "INSERT INTO step(what, key, data) SELECT 'problem', ref,"
        " json_array(reason, code) FROM problem ORDER BY seq"
    )


def _kind_of(resource: Resource, index: Index) -> Kind | None:
    """The kind a resource would have by itself; None for Canvas's settings."""
    type_ = resource.type.lower()
    path = resource.path or resource.facts["href"]
    if path.startswith(OPAQUE_FOLDER):
        return Kind.OPAQUE
    for part, kind in (
        ("imsqti", Kind.QUIZ),
        ("imswl", Kind.LINK),
        ("imsdt", Kind.DISCUSSION),
        ("imsbasiclti", Kind.TOOL),
        ("imslti", Kind.TOOL),
        ("assignment_xml", Kind.ASSIGNMENT),
    ):
        if type_.startswith(part):
            return kind
    if type_.startswith("webcontent"):
        if resource.path is None and resource.facts["href"].startswith(("http://", "https://")):
            return Kind.LINK  # Content Packaging lets a resource lie outside.
        return _kind_of_web(resource, path, index)
    if type_.startswith("associatedcontent"):
        return _kind_of_associated(resource, path, index)
    return Kind.OPAQUE


def _kind_of_web(resource: Resource, path: str, index: Index) -> Kind:
    if PurePosixPath(path).suffix.lower() not in _HTML:
        return Kind.FILE
    if path.startswith("wiki_content/"):
        return Kind.PAGE
    # An export of ours names the media type of a file that is to stay a file.
    if path.startswith("web_resources/") and "format" in resource.facts:
        return Kind.FILE
    return Kind.PAGE if index.first_item_of(resource.id) else Kind.FILE


def _kind_of_associated(resource: Resource, path: str, index: Index) -> Kind | None:
    names = {PurePosixPath(file).name for file, _ in index.files(resource.seq)}
    if path.startswith(canvas.FOLDER):
        return None
    if _SETTINGS in names:
        return Kind.ASSIGNMENT
    if path.endswith(_FULL_QTI):
        return Kind.QUIZ
    return _kind_of_web(resource, path, index)


def _find_owner(archive: Archive, index: Index, resource: Resource) -> None:
    """Mark what is a part of this resource, or what this resource is a fallback of."""
    variant = resource.facts.get("variant")
    if variant:
        _follow_variant(index, resource, index.resource(variant))
    for target in index.dependencies(resource.id):
        part = index.resource(target)
        if part and part.owner is None and _is_part(archive, resource, part):
            _set_owner(index, part, resource)


def _follow_variant(index: Index, resource: Resource, preferred: Resource | None) -> None:
    """A variant names the better form of the same thing; where that can be read, it stands."""
    if preferred is None or preferred.kind is None or preferred.path is None:
        return
    following: Resource | None = preferred
    for _ in range(_CHAIN):
        if following is None or following.id == resource.id:
            break
        if following.owner is None:
            _set_owner(index, resource, preferred)
            return
        following = index.resource(following.owner)
    index.add_problem(
        f"variant:{resource.id}",
        f"resource {resource.id!r} and its variants refer to each other; the last one is read",
        "reference_cycle",
    )


def _set_owner(index: Index, part: Resource, owner: Resource) -> None:
    index.db.execute("UPDATE resource SET owner = ? WHERE seq = ?", (owner.id, part.seq))


def _is_part(archive: Archive, resource: Resource, part: Resource) -> bool:
    """Whether a dependency holds Canvas's settings of a quiz or a topic."""
    if part.path is None:
        return False
    if resource.kind is Kind.TOOL and resource.facts.get("told"):
        return part.kind is Kind.TOOL  # Its launch parameters, which it has taken over.
    if not part.type.lower().startswith("associatedcontent"):
        return False
    if resource.kind is Kind.QUIZ:
        return part.path.endswith(_PARTS)
    if resource.kind is Kind.DISCUSSION and part.path.endswith(".xml"):
        try:
            return b"<topicMeta" in next(archive.chunks(part.path), b"")[:_SNIFF]
        except BloopError:
            return False
    return False


def _check_dependencies(index: Index) -> None:
    """Report dependencies that lead nowhere or in a circle; nothing else depends on them."""
    dangling = index.db.execute(
        "SELECT d.resource, d.target FROM dependency d LEFT JOIN resource r ON r.id = d.target"
        " WHERE r.id IS NULL"
    )
    for source, target in dangling.fetchall():
        index.add_problem(
            f"dependency:{source}->{target}",
            f"resource {source!r} depends on {target!r}, which the manifest does not hold",
        )
    for source, target in _circles(index.nested_dependencies()):
        index.add_problem(
            f"dependency:{source}->{target}",
            f"resource {source!r} depends on {target!r}, which depends on it in turn;"
            " both are read, the dependency is not",
            "reference_cycle",
        )


def _circles(edges: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges that close a circle, by a walk in depth with a stack of its own."""
    targets: dict[str, list[str]] = {}
    for source, target in edges:
        targets.setdefault(source, []).append(target)
    closing: list[tuple[str, str]] = []
    state: dict[str, bool] = {}  # True while a resource lies on the walk's path
    for start, first in targets.items():
        if start in state:
            continue
        state[start] = True
        walk = [(start, iter(first))]
        while walk:
            source, following = walk[-1]
            upcoming: str | None = next(following, None)
            if upcoming is None:
                state[source] = False
                walk.pop()
            elif state.get(upcoming):
                closing.append((source, upcoming))
            elif upcoming not in state:
                state[upcoming] = True
                walk.append((upcoming, iter(targets.get(upcoming, ()))))
    return closing


def _is_readable(index: Index, resource: Resource) -> bool:
    """Whether the zip holds what the resource's record is made of."""
    if resource.path is not None or resource.inline is not None or resource.kind is Kind.OPAQUE:
        return True
    several = resource.kind in {Kind.ASSIGNMENT, Kind.QUIZ}
    return several and any(found for _, found in index.files(resource.seq))


def resolve_item(index: Index, item: Item) -> tuple[Resource | None, str]:
    """The content an item shows, or None and why there is none."""
    resource = index.resource(item.ref or "")
    for _ in range(_CHAIN + 1):
        if resource is None:
            told = index.told_of(item)
            hint = (
                f" (Canvas calls it {told['type']} {told.get('url', '')})" if "type" in told else ""
            )
            return None, f"refers to {item.ref!r}, which the manifest does not hold{hint}"
        if resource.owner is None:
            break
        resource = index.resource(resource.owner)
    if resource is None or resource.owner is not None:
        return None, f"refers to {item.ref!r}, whose variants refer to each other"
    if resource.kind is None:
        return None, f"refers to {item.ref!r}, which holds settings and nothing to show"
    if not _is_readable(index, resource):
        return None, f"refers to {item.ref!r}, whose file {resource.facts['href']!r} is missing"
    return resource, ""


def _plan_nodes(index: Index) -> None:
    """A step for each item, with its place: wrappers without a title are skipped levels."""
    parents: list[str | None] = []
    positions: dict[str | None, int] = {}
    for item in index.items():
        del parents[item.depth :]
        parent = parents[-1] if parents else None
        if item.depth == 0 and not item.title and item.ref is None:
            parents.append(None)
            continue
        resource, fault = resolve_item(index, item) if item.ref else (None, "")
        if fault:
            shown = f" {item.title!r}" if item.title else ""
            index.add_problem(f"module:{item.id}", f"item{shown} {fault}")
        if fault and not item.children:
            parents.append(parent)
            continue
        positions[parent] = positions.get(parent, 0) + 1
        index.db.execute("INSERT INTO node VALUES (?, ?, ?)", (item.seq, parent, positions[parent]))
        content = resource.id if resource else None
        if content and item.children:
            index.add_step("node", item.id, None)
            index.add_step("leaf", item.id, content)
        else:
            index.add_step("node", item.id, content)
        parents.append(item.id)


def _plan_contents(index: Index, resource: Resource) -> None:
    """A step for a resource, and one for each of its files that is content by itself."""
    if resource.owner is None and resource.kind is not None:
        index.add_step("content", resource.id)
    if resource.kind is None:
        return
    for path, found in index.files(resource.seq):
        if _is_main_or_part(resource, path) or (resource.path is None and not found):
            continue
        others = (other for other in index.resources_at(path) if other.id != resource.id)
        if any(other.kind and other.owner is None for other in others):
            continue
        added = index.db.execute("INSERT OR IGNORE INTO extra VALUES (?, ?)", (path, resource.seq))
        if added.rowcount:
            index.add_step("file", path, resource.id)


def _is_main_or_part(resource: Resource, path: str) -> bool:
    """Whether a file of a resource goes into the resource's own record."""
    html = PurePosixPath(path).suffix.lower() in _HTML
    if resource.kind is Kind.OPAQUE:
        return path.startswith(OPAQUE_FOLDER) or (html and path == resource.path)
    if resource.kind is Kind.ASSIGNMENT and html:
        return True
    return path == resource.path or path.endswith(_PARTS)
