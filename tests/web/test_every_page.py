"""Every page of the hub, with something on it: few queries, little weight, one heading."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from bloop.api.app import PAGES as ROUTERS
from bloop.api.app import routes_of
from tests.web.inventory import NO_PAGES, PAGES
from tests.web.measure import measured_in


@pytest.fixture(scope="module")
def measured(sample, tmp_path_factory):
    """Every page, asked for when it is warm."""
    folder = tmp_path_factory.mktemp("pages") / "hub"
    shutil.copytree(sample, folder)
    return asyncio.run(measured_in(folder))


def test_all(measured):
    for one in measured:
        print(one.shown.name, len(one.reads), one.reads if len(one.reads) > 6 else "", round(1000*one.seconds,1), one.weight)
