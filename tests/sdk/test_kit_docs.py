"""The page about the kit says what the kit does."""

import re

import testing_docs

from bloop_sdk.testing import Folder, System
from bloop_sdk.testing.suites import EVERY_PLUGIN, SUITES
from bloop_sdk.testing.system import OFFERS


def test_the_tables_are_made_from_the_rules():
    text = testing_docs.PAGE.read_text()
    assert testing_docs.page(text) == text, "run make docs"
    for suite in {EVERY_PLUGIN, *SUITES.values()}:
        for rule in suite.rules.values():
            assert f"| `{rule.name}` | {rule.sentence} |" in text
    for name in OFFERS:
        assert f"| `{name}` |" in text


def test_every_name_that_the_page_imports_exists():
    import bloop_sdk.testing

    text = testing_docs.PAGE.read_text()
    lines = re.findall(r"^from bloop_sdk\.testing import (.+)$", text, re.MULTILINE)
    names = {name.strip() for line in lines for name in line.split(",")}
    assert names >= {"System", "plugin_tests", "reply"}
    assert names <= set(bloop_sdk.testing.__all__)
    for keyword in re.findall(r"^    +(\w+)=", text, re.MULTILINE):
        fields = {*System.__dataclass_fields__, *Folder.__dataclass_fields__, *SUITES}
        assert keyword in fields, keyword
