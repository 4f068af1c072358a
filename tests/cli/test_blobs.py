"""``bloop blobs sweep``: what nothing refers to, counted or removed."""

from __future__ import annotations

import os

from bloop.hub import Hub


def test_what_nothing_refers_to_is_counted_and_then_removed(hub_folder, bloop):
    hub = Hub.open(None, "cli")
    digest = hub.blobs.put([b"x" * 5000]).sha256
    os.utime(hub.blobs.path(digest), (1, 1))
    hub.database.close_now()
    would = bloop("blobs", "sweep", "--dry-run", "--json").json
    assert would == {"dry_run": True, "holds": 0, "files": 1, "bytes": 5000}
    assert bloop("blobs", "sweep", "--dry-run").out == (
        "1 file would be removed, 5 KiB; 0 holds would be forgotten\n"
    )
    assert hub.blobs.holds(digest)
    assert bloop("blobs", "sweep").out == "1 file removed, 5 KiB; 0 holds forgotten\n"
    assert not hub.blobs.holds(digest)
    assert bloop("blobs", "sweep", "--json").json["files"] == 0
