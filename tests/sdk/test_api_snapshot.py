"""The public API against the last released one, and that the comparison sees every break."""

import copy
import json
import sys
import types

import api_snapshot
import pytest
from api_compare import compare

import bloop_sdk
from bloop_sdk.manifest import API_VERSION

UNIT = "bloop_sdk.plugin.Unit"
LMS = "bloop_sdk.providers.content.ContentProvider"
PAYMENTS = "bloop_sdk.providers.payments.PaymentProvider"


@pytest.fixture(scope="module")
def now():
    return api_snapshot.snapshot()


@pytest.fixture
def old(now):
    """A copy that a test may damage: the snapshot of yesterday, or that of tomorrow."""
    return copy.deepcopy(now)


def test_nothing_breaks_against_the_last_released_snapshot(now):
    path = api_snapshot.last()
    assert path is not None, "run make api-snapshot"
    assert [int(part) for part in path.stem.split(".")] <= list(API_VERSION)
    found = compare(json.loads(path.read_text("utf-8")), now)
    assert [str(change) for change in found if change.breaks] == []


def test_a_snapshot_equals_itself_and_survives_json(now):
    assert compare(now, json.loads(json.dumps(now))) == []


def test_it_holds_every_exported_name(now):
    short = {name.rpartition(".")[2] for name in now["names"]}
    modules = {
        name for name in bloop_sdk.__all__ if isinstance(vars(bloop_sdk)[name], types.ModuleType)
    }
    assert set(now["exports"]) - modules <= short


def test_stable_is_what_stable_providers_need(now):
    def stable(name):
        return now["names"][f"bloop_sdk.{name}"]["stable"]

    assert stable("plugin.Unit")
    assert stable("providers.content.LMSProvider")
    assert stable("providers.content.Partition")
    assert not stable("providers.content.Exporter")
    assert not stable("providers.content.ExportReport")
    assert not stable("providers.payments.PaymentNews")


def parameter(snapshot, name, method, at=0):
    return snapshot["names"][name]["members"][method]["parameters"][at]


def field(snapshot, name, which):
    fields = snapshot["names"][name]["fields"]
    return next(one for one in fields if one["name"] == which)


def manifest(snapshot, *keys):
    found = snapshot["manifest"]
    for key in keys:
        found = found[key]
    return found


REQUIRED = {"name": "more", "kind": "keyword_only", "type": "str"}
OPTIONAL = {**REQUIRED, "default": "None"}
READ = "bloop_sdk.web.read_form"

BREAKS = {
    "removed name": lambda new: new["names"].pop(UNIT),
    "removed name ": lambda new: new["exports"].remove("Unit"),
    "removed member": lambda new: new["names"][UNIT]["members"].pop("emit"),
    "removed parameter": lambda new: new["names"][UNIT]["members"]["emit"]["parameters"].pop(),
    "new required parameter": lambda new: new["names"][READ]["parameters"].append(REQUIRED),
    "changed default": lambda new: parameter(new, UNIT, "enqueue", 3).update(default="1.0"),
    "changed default ": lambda new: parameter(new, UNIT, "enqueue", 3).pop("default"),
    "narrowed annotation": lambda new: parameter(new, UNIT, "enqueue", 2).update(type="str"),
    "widened annotation": lambda new: new["names"][UNIT]["members"]["institution"].update(
        type="str | None"
    ),
    "widened annotation ": lambda new: parameter(new, LMS, "read", 1).update(
        type="Cursor | str | None"
    ),
    "narrowed annotation ": lambda new: new["names"]["bloop_sdk.plugin.Plugin"]["members"][
        "start"
    ].update(returns="bool"),
    "changed kind": lambda new: new["names"][LMS]["members"]["check"].update({"async": False}),
    "changed kind of parameter": lambda new: parameter(new, UNIT, "emit", 1).update(
        kind="keyword_only"
    ),
    "reordered": lambda new: new["names"][UNIT]["members"]["emit"]["parameters"].reverse(),
    "new parameter to implement": lambda new: new["names"][LMS]["members"]["fetch"][
        "parameters"
    ].append(OPTIONAL),
    "new member to implement": lambda new: new["names"][LMS]["members"].update(
        more=new["names"][LMS]["members"]["check"]
    ),
    "removed base": lambda new: new["names"]["bloop_sdk.records.Page"]["bases"].clear(),
    "removed value": lambda new: new["names"]["bloop_sdk.records.Kind"]["values"].pop("NOTE"),
    "removed field": lambda new: new["names"]["bloop_sdk.records.Page"]["fields"].pop(),
    "new required field": lambda new: new["names"]["bloop_sdk.records.Page"]["fields"].append(
        {"name": "more", "type": "str", "positional": False}
    ),
    "changed annotation": lambda new: field(new, "bloop_sdk.records.Page", "html").update(
        type="str | None"
    ),
    "changed error code": lambda new: new["names"]["bloop_sdk.errors.FatalError"].update(code="x"),
    "reordered ": lambda new: new["names"]["bloop_sdk.records.Cursor"]["fields"].reverse(),
    "reordered  ": lambda new: new["names"]["bloop_sdk.records.Cursor"]["fields"].insert(
        0, {"name": "more", "type": "int", "positional": True, "default": "1"}
    ),
    "removed hook": lambda new: new["hooks"].pop("content_changed"),
    "removed parameter ": lambda new: new["hooks"]["refuse_publish"]["parameters"].pop(),
    "changed fail": lambda new: new["hooks"]["refuse_publish"].update(fail="open"),
    "removed capability": lambda new: new["capabilities"].pop("lms"),
    "withdrawn promise": lambda new: new["capabilities"]["notes"].update(stable=False),
    "removed key": lambda new: manifest(new, "properties").pop("imports"),
    "stricter manifest": lambda new: manifest(new, "required").append("config"),
    "stricter manifest ": lambda new: manifest(new, "properties", "summary").update(maxLength=100),
    "stricter manifest  ": lambda new: manifest(new, "properties", "api").update(pattern="^1"),
    "stricter manifest   ": lambda new: manifest(new, "properties", "family")["enum"].pop(),
    "changed default  ": lambda new: manifest(new, "properties", "queue").update(default="slow"),
}


@pytest.mark.parametrize("rule", BREAKS)
def test_a_break_is_named(now, old, rule):
    BREAKS[rule](old)
    found = compare(now, old)
    assert any(change.rule == rule.strip() and change.breaks for change in found), found


ADDITIONS = {
    "name": lambda new: new["names"].update(more=new["names"][UNIT]),
    "member that the hub implements": lambda new: new["names"][UNIT]["members"].update(
        more=new["names"][UNIT]["members"]["emit"]
    ),
    "parameter with a default": lambda new: new["names"][READ]["parameters"].append(OPTIONAL),
    "wider parameter": lambda new: parameter(new, UNIT, "emit").update(type="str | None"),
    "narrower result": lambda new: new["names"]["bloop_sdk.plugin.ConnectionContext"]["members"][
        "source"
    ].update(type="Path"),
    "default of what had none": lambda new: parameter(new, UNIT, "emit").update(default="''"),
    "field with a default": lambda new: new["names"]["bloop_sdk.records.Page"]["fields"].append(
        {"name": "more", "type": "str", "positional": False, "default": "''"}
    ),
    "positional field at the end": lambda new: new["names"]["bloop_sdk.records.Cursor"][
        "fields"
    ].append({"name": "more", "type": "str", "positional": True, "default": "''"}),
    "value": lambda new: new["names"]["bloop_sdk.records.Kind"]["values"].update(VIDEO="video"),
    "hook": lambda new: new["hooks"].update(more=new["hooks"]["content_changed"]),
    "argument of a hook": lambda new: new["hooks"]["content_changed"]["parameters"].append(
        {"name": "more", "kind": "positional_or_keyword", "type": "str"}
    ),
    "capability": lambda new: new["capabilities"].update(more=new["capabilities"]["lms"]),
    "key of the manifest": lambda new: manifest(new, "properties").update(more={"type": "string"}),
    "kind of contribution": lambda new: (
        manifest(new, "$defs", "Contributions", "properties").update(more={"type": "array"}),
        manifest(new, "properties", "contributes", "default").update(more=[]),
    ),
    "longer text": lambda new: manifest(new, "properties", "summary").update(maxLength=300),
    "family": lambda new: manifest(new, "properties", "family")["enum"].append("games"),
    "no pattern": lambda new: manifest(new, "properties", "api").pop("pattern"),
}


@pytest.mark.parametrize("what", ADDITIONS)
def test_an_addition_passes(now, old, what):
    ADDITIONS[what](old)
    assert old != now
    assert compare(now, old) == []


def test_what_is_provisional_may_change_and_is_reported(now, old):
    now = copy.deepcopy(now)
    for one in (now, old):
        one["hooks"]["filter_recommendations"]["stable"] = False
    old["names"][PAYMENTS]["members"].pop("refund")
    old["hooks"]["filter_recommendations"]["parameters"].pop()
    found = compare(now, old)
    assert [(change.where, change.breaks) for change in found] == [
        (f"{PAYMENTS}.refund", False),
        ("hook filter_recommendations(learner)", False),
    ]
    assert "provisional, changed" in str(found[0])


def test_signatures_are_taken_from_real_code():
    def function(a, /, b: int, *, c: str = "x", **rest) -> bool: ...

    found = api_snapshot.signature(function)
    assert [(one["name"], one["kind"], one.get("default")) for one in found["parameters"]] == [
        ("a", "positional_only", None),
        ("b", "positional_or_keyword", None),
        ("c", "keyword_only", "'x'"),
        ("rest", "var_keyword", None),
    ]
    assert (found["parameters"][1]["type"], found["returns"]) == ("int", "bool")


def test_a_released_snapshot_is_never_written_again(tmp_path):
    assert api_snapshot.write(tmp_path, None) == 0
    assert api_snapshot.write(tmp_path, "2027-01-01") == 0
    (path,) = tmp_path.iterdir()
    text = path.read_text()
    assert json.loads(text)["released"] == "2027-01-01"
    assert api_snapshot.write(tmp_path, None) == 1
    assert path.read_text() == text


def test_the_newest_snapshot_counts_by_number(tmp_path):
    for name in ("1.2.json", "1.10.json", "notes.json"):
        (tmp_path / name).write_text("{}")
    assert api_snapshot.last(tmp_path).name == "1.10.json"


def test_the_tool_says_what_breaks_and_fails(monkeypatch, tmp_path, capsys, now, old):
    old["names"][UNIT]["members"]["gone"] = old["names"][UNIT]["members"]["emit"]
    (tmp_path / "1.0.json").write_text(json.dumps(old))
    monkeypatch.setattr(api_snapshot, "FOLDER", tmp_path)
    monkeypatch.setattr(api_snapshot, "last", lambda: tmp_path / "1.0.json")
    monkeypatch.setattr(sys, "argv", ["api_snapshot.py", "--check"])
    assert api_snapshot.main() == 1
    assert "BREAKS: bloop_sdk.plugin.Unit.gone: removed member" in capsys.readouterr().out
