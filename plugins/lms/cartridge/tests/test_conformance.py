"""What the contract asks of every plugin and every course provider, of a cartridge on disk."""

from __future__ import annotations

import zipfile
from pathlib import Path

from bloop_cartridge import CartridgePlugin
from bloop_cartridge.config import CartridgeConfig
from bloop_cartridge.exporter import CartridgeExporter
from bloop_cartridge.provider import CartridgeProvider
from bloop_sdk import Exporter, Kind, Ref, load_manifest
from bloop_sdk.testing import FakeContext, Folder, plugin_tests

HERE = Path(__file__).parent
FILES = {
    "p.html": '<body><img src="pic.png"></body>',
    "pic.png": "png",
    "q.html": "<body>Second</body>",
    "l.xml": '<webLink><title>L</title><url href="https://example.org/"/></webLink>',
    "d.xml": "<topic><title>D</title><text>Talk</text></topic>",
}
RESOURCES = {
    "p": ("webcontent", "p.html", "pic.png"),
    "q": ("webcontent", "q.html"),
    "l": ("imswl_xmlv1p3", "l.xml"),
    "d": ("imsdt_xmlv1p3", "d.xml"),
}
NAMESPACE = "http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1"


def write(path, resources=RESOURCES, **files):
    """Write a cartridge; each resource has an item that refers to it."""
    items = "".join(
        f'<item identifier="i-{name}" identifierref="{name}"><title>{name}</title></item>'
        for name in resources
    )
    listed = "".join(
        f'<resource identifier="{name}" type="{kind}" href="{hrefs[0]}">'
        + "".join(f'<file href="{href}"/>' for href in hrefs)
        + "</resource>"
        for name, (kind, *hrefs) in resources.items()
    )
    manifest = (
        f'<manifest identifier="course" xmlns="{NAMESPACE}"><metadata>'
        "<schema>IMS Common Cartridge</schema><schemaversion>1.3.0</schemaversion>"
        "<lom><general><title><string>A course</string></title></general></lom></metadata>"
        '<organizations><organization identifier="org"><item identifier="root">'
        f"{items}</item></organization></organizations><resources>{listed}</resources></manifest>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("imsmanifest.xml", manifest)
        for name, text in {
            **FILES,
            **{f"{name}.html": body for name, body in files.items()},
        }.items():
            archive.writestr(name, text)


def edit(path):
    write(path, p="<body>Edited</body>")
    return Ref(Kind.PAGE, "p")


def add(path):
    write(path, {"a": ("webcontent", "a.html"), **RESOURCES}, a="<body>New</body>")
    return Ref(Kind.PAGE, "a")


def delete(path):
    write(path, {name: one for name, one in RESOURCES.items() if name != "l"})
    return Ref(Kind.LINK, "l")


def malform(path):
    write(path, {**RESOURCES, "l": ("imswl_xmlv1p3", "q.html")})
    return Ref(Kind.LINK, "l")


def unknown(path):
    write(path, {**RESOURCES, "d": ("hologram/x-3d", "d.xml")})
    return Ref(Kind.OPAQUE, "d")


TestCartridge = plugin_tests(
    "bloop_cartridge",
    lms=Folder(
        build=write,
        name="made.imscc",
        settings={"batch_records": 1},
        edit=edit,
        add=add,
        delete=delete,
        malform=malform,
        unknown=unknown,
    ),
)


def test_the_manifest_names_what_the_package_holds():
    manifest = load_manifest(HERE.parent / "bloop-plugin.toml")
    assert manifest.imports == (".imscc", ".zip")
    assert manifest.provides == {
        "lms": f"{CartridgeProvider.__module__}:{CartridgeProvider.__name__}",
        "exporter": f"{CartridgeExporter.__module__}:{CartridgeExporter.__name__}",
    }
    assert manifest.config == f"{CartridgeConfig.__module__}:{CartridgeConfig.__name__}"


def test_the_exporter_is_of_its_protocol():
    assert isinstance(CartridgeExporter(FakeContext()), Exporter)
    assert CartridgePlugin(FakeContext()).ctx is not None


async def test_check_counts_what_is_in_the_file(tmp_path):
    write(tmp_path / "made.imscc")
    provider = CartridgeProvider(FakeContext(source=tmp_path / "made.imscc"))
    result = await provider.check()
    assert result.account == "A course (1 discussion, 4 item, 1 link, 2 page)"
    assert (result.site, result.version) == ("made.imscc", "1.3.0")
