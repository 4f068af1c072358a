"""What syncing a Canvas is compared with; run by a Python that has dlt and canvasapi.

    python _canvas_peers.py walk|bulk|incremental ADDRESS     # prints seconds

``walk`` reads a course as canvasapi's documentation shows it (modules, their items, the page of
each), and stores nothing. ``bulk`` is dlt's rest_api source over the two lists with everything in
them, into SQLite; ``incremental`` the second run of it with a cursor, by which nothing is new.
Both of dlt have run once before, into another database, so that nothing is imported meanwhile.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"


def walk(address: str) -> float:
    from canvasapi import Canvas

    begin = time.perf_counter()
    course = Canvas(address, "walk").get_course(1)
    pages = 0
    for module in course.get_modules(per_page=100):
        for item in module.get_module_items(per_page=100):
            if item.type == "Page":
                pages += bool(course.get_page(item.page_url).body)
    seconds = time.perf_counter() - begin
    assert pages == 1000, pages
    return seconds


def pipeline(folder: Path, name: str):
    import dlt

    return dlt.pipeline(
        name,
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.sqlalchemy(f"sqlite:///{folder / name}.db"),
        dataset_name="main",
    )


def source(address: str, token: str, *, incremental: bool):
    from dlt.sources.rest_api import rest_api_source

    pages = {"path": "courses/1/pages", "params": {"include[]": "body", "per_page": 100}}
    if incremental:
        pages["incremental"] = {
            "cursor_path": "updated_at",
            "initial_value": "2000-01-01T00:00:00Z",
        }
    how = "merge" if incremental else "replace"
    return rest_api_source(
        {
            "client": {
                "base_url": f"{address}/api/v1/",
                "auth": {"type": "bearer", "token": token},
                "paginator": "header_link",
            },
            "resource_defaults": {"write_disposition": how, "parallelized": True},
            "resources": [
                {"name": "pages", "primary_key": "page_id", "endpoint": pages},
                {
                    "name": "modules",
                    "primary_key": "id",
                    "endpoint": {
                        "path": "courses/1/modules",
                        "params": {"include[]": "items", "per_page": 100},
                    },
                },
            ],
        }
    )


def run(address: str, folder: Path, name: str, *, incremental: bool) -> float:
    made = pipeline(folder, name)
    begin = time.perf_counter()
    made.run(source(address, name, incremental=incremental))
    return time.perf_counter() - begin


def main() -> None:
    kind, address = sys.argv[1:]
    if kind == "walk":
        print(walk(address))
        return
    incremental = kind == "incremental"
    with tempfile.TemporaryDirectory(prefix="bloop-dlt-") as name:
        folder = Path(name)
        run(address, folder, "warming", incremental=incremental)
        first = run(address, folder, "measured", incremental=incremental)
        if incremental:
            first = run(address, folder, "measured", incremental=True)
        print(first)


if __name__ == "__main__":
    main()
