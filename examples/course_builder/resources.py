"""Each item of the course as the files and the manifest entry that stand for it."""

from __future__ import annotations

import html
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from course_builder.load import load_quiz
from course_builder.markdown import Renderer
from course_builder.model import Course, Item
from course_builder.qti import quiz_xml
from course_builder.toml_reader import Table, read_front_matter
from course_builder.xml_tools import add, root, serialise

WEB = "web_resources"
SUBMISSION_FORMATS = ("text", "html", "file", "url")
CC = "http://www.imsglobal.org/xsd/imsccv1p3"
PROFILE = "http://www.imsglobal.org/profile/cc"


@dataclass(frozen=True)
class Resource:
    """One manifest resource: its type, its one file, and the assets it depends on."""

    identifier: str
    type: str
    path: str
    content: bytes
    assets: tuple[str, ...] = ()
    has_href: bool = False


def asset_identifier(asset: str) -> str:
    """The manifest identifier of an image or attached file."""
    return "res-asset-" + asset.replace("/", "-").replace(".", "-")


def asset_resource(asset: str, content: bytes) -> Resource:
    """A picture, sound or data file."""
    path = f"{WEB}/{asset}"
    return Resource(asset_identifier(asset), "webcontent", path, content, has_href=True)


def identifier_for(item: Item) -> str:
    """The manifest identifier of the resource an item points at."""
    if item.type == "file":
        return asset_identifier(f"files/{item.source.name}")
    return f"res-{item.type}-{item.slug}"


class ResourceMaker:
    """Makes the resource for any item that is not a plain file."""

    def __init__(self, course: Course, renderer: Renderer) -> None:
        self._course = course
        self._renderer = renderer

    def make(self, item: Item) -> Resource:
        """The resource *item* points at."""
        makers = {
            "page": self._page,
            "quiz": self._quiz,
            "assignment": self._assignment,
            "discussion": self._discussion,
            "link": _link,
        }
        return makers[item.type](item)

    def _page(self, item: Item) -> Resource:
        _, body = read_front_matter(item.source)
        content, assets = self._renderer.block(item.source, body)
        title = html.escape(item.title, quote=False)
        document = (
            f'<!DOCTYPE html>\n<html lang="{self._course.language}">\n'
            f'<head>\n<meta charset="utf-8" />\n<title>{title}</title>\n</head>\n'
            f"<body>\n{content}</body>\n</html>\n"
        )
        path = f"{WEB}/pages/{item.slug}.html"
        return Resource(
            identifier_for(item), "webcontent", path, document.encode(), assets, has_href=True
        )

    def _quiz(self, item: Item) -> Resource:
        quiz = load_quiz(item.source, item.title)
        content, assets = quiz_xml(quiz, f"quiz-{item.slug}", self._renderer)
        kind = "imsqti_xmlv1p2/imscc_xmlv1p3/assessment"
        path = f"quizzes/{item.slug}/assessment.xml"
        return Resource(identifier_for(item), kind, path, content, assets)

    def _assignment(self, item: Item) -> Resource:
        front, body = read_front_matter(item.source)
        text, assets = self._renderer.block(item.source, body)
        identifier = identifier_for(item)
        document = root(
            "assignment",
            "http://www.imsglobal.org/xsd/imscc_extensions/assignment",
            f"{PROFILE}/cc_extensions/cc_extresource_assignmentv1p0_v1p0.xsd",
            identifier=identifier,
        )
        add(document, "title", item.title)
        add(document, "text", text, texttype="text/html")
        add(document, "gradable", "true", points_possible=str(front.number("points", 10)))
        _submission_formats(document, front)
        path = f"assignments/{item.slug}/assignment.xml"
        content = serialise(document)
        return Resource(identifier, "assignment_xmlv1p0", path, content, assets, has_href=True)

    def _discussion(self, item: Item) -> Resource:
        _, body = read_front_matter(item.source)
        text, assets = self._renderer.block(item.source, body)
        document = root("topic", f"{CC}/imsdt_v1p3", f"{PROFILE}/ccv1p3/ccv1p3_imsdt_v1p3.xsd")
        add(document, "title", item.title)
        add(document, "text", text, texttype="text/html")
        path = f"discussions/{item.slug}.xml"
        return Resource(identifier_for(item), "imsdt_xmlv1p3", path, serialise(document), assets)


def _submission_formats(document: ET.Element, front: Table) -> None:
    formats = add(document, "submission_formats")
    for name in front.texts("submission"):
        if name not in SUBMISSION_FORMATS:
            raise front.fail(f"'{name}' submissions", f"use: {', '.join(SUBMISSION_FORMATS)}")
        add(formats, "format", type=name)


def _link(item: Item) -> Resource:
    document = root("webLink", f"{CC}/imswl_v1p3", f"{PROFILE}/ccv1p3/ccv1p3_imswl_v1p3.xsd")
    add(document, "title", item.title)
    add(document, "url", href=item.url, target="_blank")
    path = f"links/{item.slug}.xml"
    return Resource(identifier_for(item), "imswl_xmlv1p3", path, serialise(document))
