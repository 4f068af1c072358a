"""Each kind of content as the files of its resource."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

from bloop_cartridge import export_xml as xml
from bloop_cartridge.export_package import Layout, Place
from bloop_cartridge.export_qti import full_document, profile_document
from bloop_cartridge.htmltext import as_text
from bloop_sdk.records import (
    Assignment,
    Content,
    Discussion,
    Kind,
    Link,
    Note,
    Opaque,
    Page,
    Quiz,
    Tool,
)

FORMATS = {"text": "html", "file": "file", "url": "url"}
CANVAS_TYPES = {
    "text": "online_text_entry",
    "file": "online_upload",
    "url": "online_url",
    "external": "external_tool",
    "none": "none",
}


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a content, main file first, and what its format could not hold.

    ``parts`` stand in a resource of their own that the main one depends on, as Canvas has it.
    """

    files: tuple[tuple[str, bytes], ...]
    parts: tuple[tuple[str, bytes], ...] = ()
    dependencies: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def write(content: Content, place: Place, layout: Layout) -> Written:
    """The files of any content but a file."""
    return _WRITERS[type(content)](content, place, layout)


def page_bytes(title: str, body: str, meta: dict[str, str]) -> bytes:
    """An HTML page as Canvas writes it; the body stands in it untouched."""
    lines = [
        "<html>\n<head>\n",
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>\n',
        f"<title>{html.escape(title, quote=False)}</title>\n",
        *(f'<meta name="{name}" content="{html.escape(meta[name])}"/>\n' for name in sorted(meta)),
        f"</head>\n<body>\n{body}\n</body>\n</html>\n",
    ]
    return "".join(lines).encode("utf-8", "replace")


def _page(content: Page, place: Place, layout: Layout) -> Written:
    state = "active" if content.published else "unpublished"
    meta = {"identifier": place.identifier, "workflow_state": state}
    body = layout.html(content.html, "wiki_content")
    return Written(files=((place.path, page_bytes(content.title, body, meta)),))


def _note(content: Note, place: Place, layout: Layout) -> Written:
    body = content.html or f"<pre>{html.escape(content.markdown or '', quote=False)}</pre>"
    data = page_bytes(content.title, layout.html(body, "wiki_content"), {})
    return Written(
        files=((place.path, data),), lost=(f"note {content.remote_id!r} becomes a page",)
    )


def _link(content: Link, place: Place, layout: Layout) -> Written:
    del layout
    root = xml.root(xml.WEB_LINK, "webLink")
    xml.add(root, "title", content.title)
    target = {"target": "_blank"} if content.new_window else {}
    xml.add(root, "url", href=content.href, **target)
    return Written(files=((place.path, xml.to_bytes(root)),))


def _discussion(content: Discussion, place: Place, layout: Layout) -> Written:
    root = xml.root(xml.TOPIC, "topic")
    xml.add(root, "title", content.title)
    xml.add(root, "text", layout.html(content.html, None), texttype="text/html")
    found = [(ref, layout.place(ref)) for ref in content.attachments]
    if any(at for _, at in found):
        attachments = xml.add(root, "attachments")
        for _, at in found:
            if at is not None:
                xml.add(attachments, "attachment", href=f"$IMS-CC-FILEBASE$/{at.path}")
    lost = [
        f"discussion {content.remote_id!r}: attachment {ref} is not in the course"
        for ref, at in found
        if at is None
    ]
    return Written(
        files=((place.path, xml.to_bytes(root)),),
        parts=_topic_meta(content, place),
        dependencies=tuple(at.identifier for _, at in found if at is not None),
        lost=tuple(lost),
    )


def _topic_meta(content: Discussion, place: Place) -> tuple[tuple[str, bytes], ...]:
    """Canvas's settings of a topic, where there is something that the topic does not say."""
    if not content.announcement and content.posted_at is None:
        return ()
    meta = xml.root(xml.CANVAS, "topicMeta", identifier=f"{place.identifier}_meta")
    xml.add_set(
        meta,
        topic_id=place.identifier,
        title=content.title,
        posted_at=xml.time_text(content.posted_at),
        type="announcement" if content.announcement else "topic",
        workflow_state="active" if content.published else "unpublished",
    )
    return ((f"discussions/meta/{place.identifier}.xml", xml.to_bytes(meta)),)


def _tool(content: Tool, place: Place, layout: Layout) -> Written:
    root = xml.root(xml.LTI_LINK, "cartridge_basiclti_link")
    body = layout.html(content.html, None)
    secure = content.launch_url.startswith("https:")
    xml.add(root, f"{{{xml.LTI}}}title", content.title)
    xml.add(root, f"{{{xml.LTI}}}description", as_text(body))
    if content.custom:
        custom = xml.add(root, f"{{{xml.LTI}}}custom")
        for name, value in content.custom:
            xml.add(custom, f"{{{xml.LTI_MESSAGE}}}property", value, name=name)
    ours = xml.add(root, f"{{{xml.LTI}}}extensions", platform="bloop")
    xml.add(ours, f"{{{xml.LTI_MESSAGE}}}property", content.version, name="version")
    xml.add(ours, f"{{{xml.LTI_MESSAGE}}}property", body, name="html")
    name = "secure_launch_url" if secure else "launch_url"
    xml.add(root, f"{{{xml.LTI}}}{name}", content.launch_url)
    vendor = xml.add(root, f"{{{xml.LTI}}}vendor")
    xml.add(vendor, f"{{{xml.LTI_PLATFORM}}}code", "bloop")
    xml.add(vendor, f"{{{xml.LTI_PLATFORM}}}name", "Bloop")
    return Written(files=((place.path, xml.to_bytes(root)),))


def _assignment(content: Assignment, place: Place, layout: Layout) -> Written:
    root = xml.root(xml.ASSIGNMENT, "assignment", identifier=place.identifier)
    xml.add(root, "title", content.title)
    xml.add(root, "text", layout.html(content.html, None), texttype="text/html")
    points = xml.number_text(content.points)
    xml.add(root, "gradable", "true", **({"points_possible": points} if points else {}))
    formats = [FORMATS[name] for name in content.submission_types if name in FORMATS]
    if formats:
        holder = xml.add(root, "submission_formats")
        for name in formats:
            xml.add(holder, "format", type=name)
    extensions = xml.add(root, "extensions")
    canvas = xml.add(
        extensions, f"{{{xml.CANVAS}}}assignment", identifier=f"{place.identifier}_canvas"
    )
    types = [CANVAS_TYPES[name] for name in content.submission_types if name in CANVAS_TYPES]
    xml.add_set(
        canvas,
        title=content.title,
        due_at=xml.time_text(content.due_at),
        lock_at=xml.time_text(content.closes_at),
        unlock_at=xml.time_text(content.opens_at),
        workflow_state="published" if content.published else "unpublished",
        points_possible=points,
        submission_types=",".join(types) or None,
        rubric_identifierref=f"{place.identifier}_rubric" if content.rubric else None,
    )
    unknown = sorted(set(content.submission_types) - set(CANVAS_TYPES))
    lost = (f"assignment {content.remote_id!r}: ways to hand in {unknown}",) if unknown else ()
    return Written(files=((place.path, xml.to_bytes(root)),), lost=lost)


def _quiz(content: Quiz, place: Place, layout: Layout) -> Written:
    meta = xml.root(xml.CANVAS, "quiz", identifier=place.identifier)
    xml.add_set(
        meta,
        title=content.title,
        description=layout.html(content.html, None),
        quiz_type="assignment",
        points_possible=xml.number_text(content.points),
        due_at=xml.time_text(content.due_at),
        time_limit=xml.number_text(content.time_limit),
        allowed_attempts=str(content.attempts or -1),
        available="true" if content.published else "false",
    )
    meta_file = (f"quizzes/{place.identifier}/assessment_meta.xml", xml.to_bytes(meta))

    def rewrite(text: str) -> str:
        return layout.html(text, None)

    full = full_document(content, place.identifier, rewrite)
    unsaid = ["that each attempt has an order of its own"] if content.shuffle else []
    unsaid += ["from which share it is passed"] if content.pass_mark is not None else []
    lost = tuple(f"quiz {content.remote_id!r}: {what}" for what in [*full.lost, *unsaid])
    if content.bank:
        return Written(files=((place.path, xml.to_bytes(full.root)), meta_file), lost=lost)
    profile = profile_document(content, place.identifier, rewrite)
    lost = (*lost, *(f"quiz {content.remote_id!r}: {what}" for what in profile.lost))
    full_path = f"non_cc_assessments/{place.identifier}.xml.qti"
    return Written(
        files=((place.path, xml.to_bytes(profile.root)),),
        parts=(meta_file, (full_path, xml.to_bytes(full.root))),
        lost=lost,
    )


def _opaque(content: Opaque, place: Place, layout: Layout) -> Written:
    root = xml.root(xml.OURS, str(Kind.OPAQUE), kind=content.remote_kind)
    xml.add(root, "title", content.title)
    xml.add(root, "html", layout.html(content.html, None))
    return Written(files=((place.path, xml.to_bytes(root)),))


_WRITERS: dict[type[Content], Callable[..., Written]] = {
    Page: _page,
    Note: _note,
    Link: _link,
    Discussion: _discussion,
    Tool: _tool,
    Assignment: _assignment,
    Quiz: _quiz,
    Opaque: _opaque,
}
