"""How large a cartridge may be. A file from outside is hostile until it has kept these bounds."""

from __future__ import annotations

from bloop_sdk.archives import MIB, ArchiveBounds
from bloop_sdk.settings import setting


class CartridgeConfig(ArchiveBounds):
    """Bounds that a cartridge is held to before anything of it is read."""

    max_xml_bytes: int = setting(64 * MIB, ge=1, description="Most bytes of one XML or HTML file")
    max_depth: int = setting(64, ge=8, le=200, description="Most levels of nesting in XML")
    batch_records: int = setting(200, ge=1, le=1000, description="Records committed together")
    batch_bytes: int = setting(
        4 * MIB, ge=1, description="Bytes of XML and HTML after which a batch is ended early"
    )
