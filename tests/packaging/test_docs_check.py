"""The docs check finds links that lead nowhere and leaves the others alone."""

import pytest
from docs_check import anchors, check, slug


@pytest.fixture
def docs(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# Page\n\n## The `kernel`, and more\n\n## Page\n")
    return tmp_path


@pytest.mark.parametrize(
    "target",
    [
        "docs/page.md",
        "docs/page.md#the-kernel-and-more",
        "docs/page.md#page-1",
        "docs/",
        "#here",
        "https://example.org/nowhere",
        "mailto:somebody@example.org",
    ],
)
def test_a_good_link_passes(docs, target):
    (docs / "README.md").write_text(f"# Here\n\n[link]({target})\n")
    assert check(docs) == []


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("docs/absent.md", "no such file"),
        ("docs/page.md#absent", "no heading #absent there"),
        ("#absent", "no heading #absent there"),
        ("../outside.md", "leads out of the repository"),
    ],
)
@pytest.mark.parametrize("form", ["[link]({})", "![image]({})", "[link][1]\n\n[1]: {}"])
def test_a_link_that_leads_nowhere_is_named_with_its_place(docs, target, fault, form):
    (docs / "README.md").write_text(f"# Here\n\n{form.format(target)}\n")
    assert check(docs) == [f"README.md:3: {target}: {fault}"]


def test_code_holds_no_links(docs):
    (docs / "README.md").write_text("```\n[link](absent.md)\n```\n\n`[link](absent.md)`\n")
    assert check(docs) == []


def test_anchors_are_those_of_forges(docs):
    assert slug("What's new? (2 things)") == "whats-new-2-things"
    assert anchors(docs / "docs" / "page.md") == {"page", "the-kernel-and-more", "page-1"}
