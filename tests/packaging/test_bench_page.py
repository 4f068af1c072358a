"""`make bench`: a page with a section for each benchmark, which failures leave as it was."""

import json

import bench
import pytest

RESULT = {
    "bench": "dispatch",
    "machine": {"cores": 2, "python": "3.11.7"},
    "rows": [{"what": "pluggy", "us": 1.4567}, {"what": "ours", "us": 0.15, "spread": "3 %"}],
    "ratios": {"vs_pluggy_1": 0.1034},
}


@pytest.fixture
def benchmarks(tmp_path, monkeypatch):
    """Adds benchmarks that print what they are given, to a tree of their own."""
    folder = tmp_path / "tests" / "bench"
    folder.mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(bench, "FOLDER", folder)
    monkeypatch.setattr(bench, "PAGE", tmp_path / "docs" / "benchmarks.md")
    monkeypatch.setattr("sys.argv", ["bench.py"])

    def add(name, **changes):
        result = {**RESULT, "bench": name, **changes}
        (folder / f"{name}.py").write_text(f"print('warming up'); print({json.dumps(result)!r})")

    return add


def test_each_benchmark_has_a_section_with_its_ratios_and_rows(benchmarks):
    benchmarks("read")
    benchmarks("dispatch")
    assert bench.main() == 0
    page = bench.PAGE.read_text()
    assert page.index("## dispatch") < page.index("## read")
    assert "cores 2, python 3.11.7" in page
    assert "| vs_pluggy_1 | 0.103 |" in page
    assert (
        "| what | us | spread |\n|---|---|---|\n| pluggy | 1.46 |  |\n| ours | 0.15 | 3 % |" in page
    )


def test_one_can_be_run_alone_and_the_others_stay(benchmarks, monkeypatch):
    benchmarks("dispatch")
    benchmarks("read")
    bench.main()
    before = bench.sections(bench.PAGE.read_text())
    benchmarks("dispatch", ratios={"vs_pluggy_1": 0.5})
    benchmarks("read", ratios={"vs_pluggy_1": 0.7})
    monkeypatch.setattr("sys.argv", ["bench.py", "dispatch"])
    assert bench.main() == 0
    after = bench.sections(bench.PAGE.read_text())
    assert "| vs_pluggy_1 | 0.5 |" in after["dispatch"]
    assert after["read"] == before["read"]


def test_a_failure_is_told_and_leaves_what_was_measured(benchmarks, capsys):
    benchmarks("dispatch")
    bench.main()
    before = bench.PAGE.read_text()
    (bench.FOLDER / "dispatch.py").write_text("raise SystemExit(3)")
    assert bench.main() == 1
    assert bench.PAGE.read_text() == before
    assert "failed" in capsys.readouterr().out


def test_an_unknown_name_is_told_with_those_there_are(benchmarks, monkeypatch):
    benchmarks("dispatch")
    monkeypatch.setattr("sys.argv", ["bench.py", "dispach"])
    with pytest.raises(SystemExit, match="no benchmark dispach; there are dispatch"):
        bench.main()
