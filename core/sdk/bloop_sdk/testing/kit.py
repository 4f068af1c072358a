"""From a plugin to its tests: ``plugin_tests`` makes a pytest class of everything it declares.

TestCanvas = plugin_tests("bloop_canvas", lms=System(make=FakeCanvas, good={...}))
TestMarkdown = plugin_tests("bloop_markdown", notes=Folder(build=write_vault))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bloop_sdk.errors import ManifestError
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.rules import Rule, Suite, require
from bloop_sdk.testing.suites import EVERY_PLUGIN, SUITES
from bloop_sdk.testing.system import OFFERS, Subject


def plugin_tests(
    package: str,
    *,
    settings: Mapping[str, Any] | None = None,
    without: Mapping[str, str] | None = None,
    **subjects: Subject,
) -> type:
    """A pytest class that holds a plugin to the contract.

    ``package`` is its top-level package, ``settings`` what its class needs to be made, where that
    is more than the defaults. ``subjects`` are the systems that its capabilities talk to, by
    capability. ``without`` says of rules for every plugin that cannot hold, why.
    """
    plugin = PluginUnderTest(package, settings)
    tests: dict[str, Any] = {"__doc__": f"What the contract asks of {package}."}
    excused = dict(without or {})
    for rule in EVERY_PLUGIN.rules.values():
        tests[f"test_{rule.name}"] = _test(EVERY_PLUGIN, rule, plugin, "", None, excused)
    _refuse_unknown(package, excused, set(EVERY_PLUGIN.rules))
    try:
        provided = set(plugin.manifest.provides)
    except ManifestError:
        provided = set(subjects)  # One of the rules above says what is wrong with it.
    for capability, subject in subjects.items():
        if capability not in provided or capability not in SUITES:
            raise TypeError(
                f"plugin_tests({package!r}, {capability}=...): the manifest provides "
                f"{', '.join(sorted(provided)) or 'nothing'}; suites: {', '.join(SUITES)}"
            )
        suite = SUITES[capability]
        _refuse_unknown(capability, dict(subject.without), {*OFFERS, *suite.rules})
        for rule in suite.applying(subject):
            tests[f"test_{capability}_{rule.name}"] = _test(
                suite, rule, plugin, capability, subject, dict(subject.without)
            )
    for capability in sorted(provided - set(subjects)):
        tests[f"test_{capability}"] = _untested(capability)
    return type(f"TestsOf{package.title().replace('_', '')}", (), tests)


def _refuse_unknown(where: str, excused: dict[str, str], known: set[str]) -> None:
    for name in excused.keys() - known:
        raise TypeError(f"{where}: without={{{name!r}: ...}}; known are {', '.join(sorted(known))}")


def _test(
    suite: Suite,
    rule: Rule,
    plugin: PluginUnderTest,
    capability: str,
    subject: Subject | None,
    excused: Mapping[str, str],
) -> Callable[..., Any]:
    @pytest.mark.asyncio
    async def test(self: object, tmp_path: Path) -> None:
        __tracebackhide__ = True
        del self
        if rule.name in excused:
            pytest.skip(excused[rule.name])
        case = suite.case(plugin, capability, subject, tmp_path)
        if subject is not None:
            for offer in rule.needs:
                require(subject, case.offers, offer)
        await rule.check(case)

    test.__doc__ = rule.sentence
    return test


def _untested(capability: str) -> Callable[[object], None]:
    def test(self: object) -> None:
        del self
        if capability in SUITES:
            pytest.fail(
                f"provides {capability}: plugin_tests(..., {capability}=...) needs a system"
            )
        pytest.skip(f"there is no suite for {capability} yet")

    return test
