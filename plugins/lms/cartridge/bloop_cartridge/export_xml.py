"""Building XML for a cartridge: namespaces in one place, text that XML can hold."""

from __future__ import annotations

from datetime import UTC, datetime

from lxml import etree
from lxml.etree import _Element as Element

from bloop_cartridge.encoding import FORBIDDEN

CP = "http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1"
LOM_MANIFEST = "http://ltsc.ieee.org/xsd/imsccv1p3/LOM/manifest"
LOM_RESOURCE = "http://ltsc.ieee.org/xsd/imsccv1p3/LOM/resource"
QTI = "http://www.imsglobal.org/xsd/ims_qtiasiv1p2"
WEB_LINK = "http://www.imsglobal.org/xsd/imsccv1p3/imswl_v1p3"
TOPIC = "http://www.imsglobal.org/xsd/imsccv1p3/imsdt_v1p3"
ASSIGNMENT = "http://www.imsglobal.org/xsd/imscc_extensions/assignment"
LTI_LINK = "http://www.imsglobal.org/xsd/imslticc_v1p0"
LTI = "http://www.imsglobal.org/xsd/imsbasiclti_v1p0"
LTI_MESSAGE = "http://www.imsglobal.org/xsd/imslticm_v1p0"
LTI_PLATFORM = "http://www.imsglobal.org/xsd/imslticp_v1p0"
CANVAS = "http://canvas.instructure.com/xsd/cccv1p0"
OURS = "urn:bloop:cartridge:1"


def clean(text: str) -> str:
    """Text without the characters that XML forbids."""
    return FORBIDDEN.sub("", text)


def root(namespace: str, name: str, /, **attributes: str) -> Element:
    """A root element whose namespace is the default one."""
    element = etree.Element(f"{{{namespace}}}{name}", nsmap={None: namespace})
    return _with(element, attributes)


def add(parent: Element, name: str, text: str | None = None, /, **attributes: str) -> Element:
    """A child; its namespace is the parent's unless ``name`` is ``{namespace}name``."""
    if not name.startswith("{"):
        name = f"{{{etree.QName(parent).namespace}}}{name}"
    element = _with(etree.SubElement(parent, name), attributes)
    if text is not None:
        element.text = clean(text)
    return element


def _with(element: Element, attributes: dict[str, str]) -> Element:
    for key, value in attributes.items():
        element.set(key, clean(value))
    return element


def add_set(parent: Element, **values: str | None) -> None:
    """A child with text for each value that is not None."""
    for name, value in values.items():
        if value is not None:
            add(parent, name, value)


def to_bytes(element: Element) -> bytes:
    """The document."""
    return etree.tostring(element, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def time_text(value: datetime | None) -> str | None:
    """A time as Canvas writes it: UTC without a zone."""
    return None if value is None else value.astimezone(UTC).replace(tzinfo=None).isoformat()


def number_text(value: float | None) -> str | None:
    """A number that reads back as the same number."""
    return None if value is None else repr(float(value))
