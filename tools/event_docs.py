"""Write docs/events.md, the event catalogue, from the declared topics; `--check` only compares."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from bloop.hub.catalogue import catalogue, described
from bloop.store.topics import Topic

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "events.md"
START, END = "<!-- topics: made from the source by `make docs` -->\n", "<!-- end -->"


def tables() -> str:
    """The topics of each domain, then each payload once with its fields and an example."""
    lines: list[str] = []
    for domain, found in groupby(catalogue(), lambda topic: topic.name.partition(".")[0]):
        topics = list(found)
        lines += ["", f"### `{domain}.*`", "", *_topics(topics)]
        for payload in dict.fromkeys(topic.payload for topic in topics):
            lines += ["", *_payload([one for one in topics if one.payload is payload])]
    return "\n".join(lines) + "\n\n"


def _topics(topics: list[Topic]) -> Iterator[str]:
    yield "| topic | when | aggregate | since | version | who may follow it live |"
    yield "|---|---|---|---|---|---|"
    for topic in topics:
        who = f"`{topic.action}`"
        if topic.shown:
            who += ", and `content:read` for what is shown to them"
        facts = (f"`{topic.name}`", topic.when, f"`{topic.aggregate}:ID`", topic.since)
        yield "| " + " | ".join((*facts, str(topic.version), who)) + " |"


def _payload(topics: list[Topic]) -> Iterator[str]:
    first = described(topics[0])
    kinds = dict.fromkeys(topic.name.rpartition(".")[0] for topic in topics)
    names = [f"{kind}.*" for kind in kinds] if len(kinds) > 1 else [one.name for one in topics]
    yield "The payload of " + ", ".join(f"`{name}`" for name in names) + ":"
    yield ""
    yield "| field | type | personal |"
    yield "|---|---|---|"
    schema = first["schema"]
    for name, field in schema["properties"].items():
        personal = "yes" if name in first["personal"] else ""
        yield f"| `{name}` | {_kind(field, schema)} | {personal} |"
    yield ""
    yield "```json"
    yield json.dumps(first["example"])
    yield "```"


def _kind(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in field:
        return _kind(schema["$defs"][field["$ref"].rpartition("/")[2]], schema)
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(_kind(part, schema) for part in field["anyOf"])
    return str(field["type"])


def page(text: str) -> str:
    """The page with its tables made anew."""
    before, _, rest = text.partition(START)
    return f"{before}{START}{tables()}{END}{rest.partition(END)[2]}"


def main() -> int:
    """Write the page, or say that it is stale."""
    text = PAGE.read_text("utf-8")
    made = page(text)
    if "--check" in sys.argv:
        if made != text:
            print(f"{PAGE.relative_to(ROOT)} is stale; run make docs")
        return int(made != text)
    PAGE.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
