"""The cartridge's table of contents: ``imsmanifest.xml``."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from course_builder.model import Course
from course_builder.resources import Resource, asset_identifier, identifier_for
from course_builder.xml_tools import XSI, add, serialise

CP = "http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1"
LOM = "http://ltsc.ieee.org/xsd/imsccv1p3/LOM/resource"
LOM_MANIFEST = "http://ltsc.ieee.org/xsd/imsccv1p3/LOM/manifest"
PROFILE = "http://www.imsglobal.org/profile/cc/ccv1p3"
SCHEMAS = (
    (CP, f"{PROFILE}/ccv1p3_imscp_v1p2_v1p0.xsd"),
    (LOM, f"{PROFILE}/LOM/ccv1p3_lomresource_v1p0.xsd"),
    (LOM_MANIFEST, f"{PROFILE}/LOM/ccv1p3_lommanifest_v1p0.xsd"),
)


def manifest_xml(course: Course, resources: Sequence[Resource]) -> bytes:
    """The manifest for *course*, listing *resources* in the order given."""
    manifest = ET.Element("manifest", {"identifier": course.identifier, "xmlns": CP})
    manifest.set("xmlns:lom", LOM)
    manifest.set("xmlns:lomimscc", LOM_MANIFEST)
    manifest.set("xmlns:xsi", XSI)
    manifest.set("xsi:schemaLocation", " ".join(f"{ns} {xsd}" for ns, xsd in SCHEMAS))
    _metadata(manifest, course)
    _organisation(manifest, course)
    listing = add(manifest, "resources")
    for resource in resources:
        _resource(listing, resource)
    return serialise(manifest)


def _metadata(manifest: ET.Element, course: Course) -> None:
    metadata = add(manifest, "metadata")
    add(metadata, "schema", "IMS Common Cartridge")
    add(metadata, "schemaversion", "1.3.0")
    lom = add(metadata, "lomimscc:lom")
    general = add(lom, "lomimscc:general")
    _lom_text(general, "title", course.title, course.language)
    add(general, "lomimscc:language", course.language)
    _lom_text(general, "description", course.description, course.language)
    for keyword in course.keywords:
        _lom_text(general, "keyword", keyword, course.language)
    rights = add(lom, "lomimscc:rights")
    add(add(rights, "lomimscc:copyrightAndOtherRestrictions"), "lomimscc:value", "yes")
    _lom_text(rights, "description", course.rights, course.language)


def _lom_text(parent: ET.Element, tag: str, text: str, language: str) -> None:
    add(add(parent, f"lomimscc:{tag}"), "lomimscc:string", text, language=language)


def _organisation(manifest: ET.Element, course: Course) -> None:
    organisations = add(manifest, "organizations")
    tree = add(organisations, "organization", identifier="org-1", structure="rooted-hierarchy")
    top = add(tree, "item", identifier="root")
    for number, module in enumerate(course.modules, 1):
        branch = add(top, "item", identifier=f"module-{number}")
        add(branch, "title", module.title)
        for item in module.items:
            leaf = add(branch, "item", identifier=f"item-{item.type}-{item.slug}")
            leaf.set("identifierref", identifier_for(item))
            add(leaf, "title", item.title)


def _resource(listing: ET.Element, resource: Resource) -> None:
    entry = add(listing, "resource", identifier=resource.identifier, type=resource.type)
    if resource.has_href:
        entry.set("href", resource.path)
    add(entry, "file", href=resource.path)
    for asset in resource.assets:
        add(entry, "dependency", identifierref=asset_identifier(asset))
