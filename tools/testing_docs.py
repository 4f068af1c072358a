"""Write the tables of docs/plugins/testing.md from the kit's rules; `--check` only compares."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.suites import EVERY_PLUGIN, SUITES
from bloop_sdk.testing.system import OFFERS, Folder

ROOT = Path(__file__).resolve().parent.parent
END = "<!-- end -->"
PAGE = ROOT / "docs" / "plugins" / "testing.md"


def offers() -> str:
    """What a system may offer."""
    lines = ["| offer | what it is |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {what} |" for name, what in OFFERS.items())])


def table(suite: Suite) -> Iterable[str]:
    """A suite's rules."""
    yield f"## {suite.title}\n"
    yield "| rule | what holds | needs | for |"
    yield "|---|---|---|---|"
    for rule in suite.rules.values():
        needs = ", ".join(f"`{name}`" for name in rule.needs)
        which = "files and folders" if rule.subject is Folder else "systems over HTTP"
        which = "all" if rule.subject is None else which
        yield f"| `{rule.name}` | {rule.sentence} | {needs} | {which} |"


def rules() -> str:
    """Every suite once."""
    suites = [EVERY_PLUGIN, *dict.fromkeys(SUITES.values())]
    return "\n\n".join("\n".join(table(suite)) for suite in suites)


def page(text: str) -> str:
    """The page with its tables made anew."""
    for name, made in (("offers", offers()), ("rules", rules())):
        start = f"<!-- {name}: made from the source by `make docs` -->\n"
        before, _, rest = text.partition(start)
        text = f"{before}{start}\n{made}\n\n{END}{rest.partition(END)[2]}"
    return text


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
