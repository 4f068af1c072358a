"""What a manifest cannot say of a course, in the files that Canvas has for it."""

from __future__ import annotations

from collections.abc import Sequence

from lxml.etree import _Element as Element

from bloop_cartridge import canvas
from bloop_cartridge import export_xml as xml
from bloop_cartridge.export_items import page_bytes
from bloop_cartridge.export_package import Layout
from bloop_sdk.records import Assignment, Container, Node, RubricCriterion


def settings_files(
    course: Container,
    nodes: Sequence[tuple[Node, str]],
    rubrics: Element | None,
    layout: Layout,
) -> list[tuple[str, bytes]]:
    """The files of ``course_settings/``, the course itself first."""
    files = [(canvas.SETTINGS, _course(course, layout)), (canvas.MODULES, _modules(nodes))]
    if rubrics is not None:
        files.append((canvas.RUBRICS, xml.to_bytes(rubrics)))
    if course.summary_html:
        body = layout.html(course.summary_html, "course_settings")
        files.append((canvas.SYLLABUS, page_bytes("Syllabus", body, {})))
    return files


def _course(course: Container, layout: Layout) -> bytes:
    root = xml.root(xml.CANVAS, "course", identifier=layout.course)
    xml.add_set(
        root,
        title=course.title,
        course_code=course.code,
        start_at=xml.time_text(course.starts_at),
        conclude_at=xml.time_text(course.ends_at),
        locale=course.language,
    )
    return xml.to_bytes(root)


def _modules(nodes: Sequence[tuple[Node, str]]) -> bytes:
    """The state of each node; what stands at the top is a module to Canvas."""
    root = xml.root(xml.CANVAS, "modules")
    items: Element | None = None
    for node, identifier in nodes:
        state = "active" if node.published else "unpublished"
        if node.parent is None or items is None:
            module = xml.add(root, "module", identifier=identifier)
            xml.add_set(module, title=node.title, workflow_state=state)
            items = xml.add(module, "items")
        else:
            item = xml.add(items, "item", identifier=identifier)
            xml.add_set(item, workflow_state=state, title=node.title)
    return xml.to_bytes(root)


def add_rubric(rubrics: Element | None, assignment: Assignment, identifier: str) -> Element | None:
    """The rubrics with that of an assignment, if it has one."""
    if not assignment.rubric:
        return rubrics
    root = xml.root(xml.CANVAS, "rubrics") if rubrics is None else rubrics
    rubric = xml.add(root, "rubric", identifier=f"{identifier}_rubric")
    xml.add(rubric, "title", assignment.title)
    criteria = xml.add(rubric, "criteria")
    for place, row in enumerate(assignment.rubric):
        _add_criterion(criteria, row, f"criterion_{place + 1}")
    return root


def _add_criterion(criteria: Element, row: RubricCriterion, identifier: str) -> None:
    criterion = xml.add(criteria, "criterion")
    xml.add_set(
        criterion,
        criterion_id=identifier,
        points=xml.number_text(row.points),
        description=row.title,
        long_description=row.description or None,
    )
    ratings = xml.add(criterion, "ratings")
    for place, rating in enumerate(row.ratings):
        one = xml.add(ratings, "rating")
        xml.add_set(
            one,
            description=rating.title,
            long_description=rating.description or None,
            points=xml.number_text(rating.points),
            criterion_id=identifier,
            id=f"{identifier}_rating_{place + 1}",
        )
