"""Bring the catalogues of core/hub/bloop/web/locale up to date with the pages' messages.

`--check` only compares: it names what is missing, untranslated or no longer used.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po, write_po

from bloop.learning.quizzes.problems import MESSAGES
from bloop_sdk.translations import Message, catalogue_faults, first_of, message_of

WEB = Path(__file__).parents[1] / "core" / "hub" / "bloop" / "web"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "ngettext": (1, 2)}
SDK = WEB.parents[2] / "sdk" / "bloop_sdk"
SENTENCES = (SDK / "rights.py", SDK / "mastery.py")
"""What plugins may do, and why an estimate is what it is, in sentences that pages show."""
LEARNING = WEB.parent / "learning"
SETUP = WEB.parent / "hub" / "setup"
REASONS = (
    LEARNING / "recommend" / "reasons.py",
    LEARNING / "mastery" / "reasons.py",
    SETUP / "steps.py",
    SETUP / "contributed.py",
)
"""Why something is recommended, which model says what somebody knows, and the first steps."""
POLICIES = WEB.parent / "accounts" / "policy" / "policies"
WORDS = re.compile(r'^@words\("(.+)"\)$', re.MULTILINE)
"""Why somebody may do something or may not, as the page of policies shows it."""


def messages() -> set[Message]:
    """Every message of the templates and of the code around them."""
    found = extract_from_dir(WEB, METHODS, keywords=KEYWORDS)
    sentences = [
        found
        for path in SENTENCES
        for found in extract_from_file("python", path, keywords={"sentence": None})
    ]
    for path in REASONS:
        sentences += extract_from_file("python", path, keywords={"_": None})
    sentences += [(0, text, [], None) for text in MESSAGES.values()]
    words = (WORDS.findall(path.read_text("utf-8")) for path in POLICIES.glob("*.cedar"))
    return (
        {message for _file, _line, message, _comments, _context in found if message}
        | {message for _line, message, _comments, _context in sentences}
        | {message for found in words for message in found}
    )


def catalogues() -> dict[Path, Catalog]:
    """The catalogue of each language."""
    return {path: _read(path) for path in sorted((WEB / "locale").glob("*.po"))}


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.stem)


def faults() -> list[str]:
    """What is missing, untranslated or no longer used, a line each."""
    return catalogue_faults(WEB, messages())


def update() -> None:
    """Add new messages without a translation, and drop those that nobody says any more."""
    wanted = messages()
    for path, catalogue in catalogues().items():
        for text in [message_of(entry.id) for entry in catalogue if entry.id]:
            if text not in wanted:
                catalogue.delete(first_of(text))
        for text in sorted(wanted, key=first_of):
            if catalogue.get(first_of(text)) is None:
                catalogue.add(text)
        with path.open("wb") as file:
            write_po(file, catalogue, sort_output=True, omit_header=False, width=100)


def main() -> int:
    """Update, or tell the faults."""
    if "--check" in sys.argv:
        for line in faults():
            print(line)
        return 1 if faults() else 0
    update()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
