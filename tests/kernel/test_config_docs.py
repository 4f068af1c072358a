import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_on_configuration_tells_what_the_models_say():
    tool = runpy.run_path(str(ROOT / "tools" / "reference_docs.py"))
    page = (ROOT / "docs" / "admin" / "configuration.md").read_text("utf-8")
    made = page.partition(tool["START"])[2].partition(tool["END"])[0]
    assert made == f"\n{tool['settings']()}", "stale: run tools/reference_docs.py"
