"""How large a cartridge may be. A file from outside is hostile until it has kept these bounds."""

from __future__ import annotations

from bloop_sdk.settings import PluginConfig, setting

MIB = 1024 * 1024


class CartridgeConfig(PluginConfig):
    """Bounds that a cartridge is held to before anything of it is read."""

    max_entries: int = setting(50_000, ge=1, description="Most entries in the zip")
    max_total_bytes: int = setting(
        4096 * MIB, ge=1, description="Most bytes of all entries together, unpacked"
    )
    max_entry_bytes: int = setting(
        2048 * MIB, ge=1, description="Most bytes of one entry, unpacked"
    )
    max_ratio: int = setting(
        200, ge=1, description="Most times that an entry may grow when it is unpacked"
    )
    ratio_floor_bytes: int = setting(
        MIB, ge=0, description="Entries up to this size, unpacked, may grow as they like"
    )
    max_xml_bytes: int = setting(64 * MIB, ge=1, description="Most bytes of one XML or HTML file")
    max_depth: int = setting(64, ge=8, le=200, description="Most levels of nesting in XML")
    batch_records: int = setting(200, ge=1, le=1000, description="Records committed together")
    batch_bytes: int = setting(
        4 * MIB, ge=1, description="Bytes of XML and HTML after which a batch is ended early"
    )
