"""Small helpers for writing XML the same way every time."""

from __future__ import annotations

import xml.etree.ElementTree as ET

XSI = "http://www.w3.org/2001/XMLSchema-instance"


def root(tag: str, namespace: str, schema: str, **attributes: str) -> ET.Element:
    """A document's root element with its default namespace and schema location."""
    element = ET.Element(tag, {"xmlns": namespace, "xmlns:xsi": XSI})
    element.set("xsi:schemaLocation", f"{namespace} {schema}")
    for name, value in attributes.items():
        element.set(name, value)
    return element


def add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    """Append a child element and return it."""
    child = ET.SubElement(parent, tag, attributes)
    child.text = text or None
    return child


def serialise(element: ET.Element) -> bytes:
    """The document as indented UTF-8 with an XML declaration."""
    ET.indent(element)
    body = ET.tostring(element, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode()
