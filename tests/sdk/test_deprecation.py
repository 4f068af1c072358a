"""What goes is said once to each plugin, where it stands in the plugin's own code."""

import warnings

import pytest

from bloop_sdk import deprecation
from bloop_sdk.deprecation import BloopDeprecationWarning, deprecated, deprecations_of

CODE = "def use():\n    sdk_function()\n"


def plugin(package):
    """A function of a plugin's module, which calls through a frame of the contract."""
    contract = {"__name__": "bloop_sdk.old", "deprecated": deprecated}
    exec(  # the frames' modules are what counts
        "def sdk_function():\n"
        "    deprecated('old', since='1.2', removed_on='2030-01-01', instead='new')\n",
        contract,
    )
    module = {"__name__": f"{package}.provider", "sdk_function": contract["sdk_function"]}
    exec(compile(CODE, f"/{package}/provider.py", "exec"), module)
    return module["use"]


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    monkeypatch.setattr(deprecation, "_used", {})


def test_it_warns_once_per_plugin_with_what_when_and_instead():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            plugin("bloop_one")()
        plugin("bloop_two")()
    assert [str(one.message) for one in caught] == [
        f"{name}: old is deprecated since 1.2 and goes on 2030-01-01: use new"
        for name in ("bloop_one", "bloop_two")
    ]
    assert {one.category for one in caught} == {BloopDeprecationWarning}
    assert (caught[0].filename, caught[0].lineno) == ("/bloop_one/provider.py", 2)


def test_it_is_remembered_for_doctor_and_linter():
    with pytest.warns(BloopDeprecationWarning):
        plugin("bloop_one")()
    (found,) = deprecations_of("bloop_one")
    assert (found.what, found.file, found.line) == ("old", "/bloop_one/provider.py", 2)
    assert deprecations_of("bloop_two") == ()
