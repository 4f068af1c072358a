"""Every page of the hub, with something on it: few queries, little weight, one heading."""

from __future__ import annotations

import asyncio
import re
import shutil

import pytest

from bloop.api.app import PAGES as ROUTERS
from bloop.api.app import routes_of
from tests.web.inventory import NO_PAGES
from tests.web.measure import MUCH, measured_in

MOST_BYTES = 60_000


@pytest.fixture(scope="module")
def measured(filled, tmp_path_factory):
    """Every page, asked for when it is warm."""
    folder = tmp_path_factory.mktemp("pages") / "hub"
    shutil.copytree(filled[0], folder)
    return asyncio.run(measured_in(folder, filled[1]))


def test_every_route_that_answers_a_browser_has_its_place_in_the_list(measured):
    routes = {route.path for route in routes_of(ROUTERS) if route.method == "GET"}
    shown = {one.route for one in measured}
    assert routes - shown - set(NO_PAGES) == set()
    assert set(NO_PAGES) - routes == set()
    assert not shown & set(NO_PAGES)


def test_each_asks_the_database_at_most_six_times(measured):
    many = {
        one.shown.name: [read[:70] for read in one.reads]
        for one in measured
        if len(one.reads) > MUCH
    }
    assert many == {}
    assert sum(len(one.reads) for one in measured) > len(measured)


def test_each_weighs_at_most_sixty_kilobytes_with_its_style_and_scripts(measured):
    heavy = {one.shown.name: one.weight for one in measured if one.weight > MOST_BYTES}
    assert heavy == {}


def test_each_has_one_heading_a_title_of_its_own_and_a_language(measured):
    for one in measured:
        if one.shown.framed:
            continue
        headings = re.findall(r"<h1[ >]", one.text)
        assert len(headings) == 1, one.shown.name
        assert re.search(r'<html lang="en" dir="(ltr|auto)"', one.text), one.shown.name
        assert re.search(r"<title>\s*\S", one.text), one.shown.name


def test_none_has_a_script_or_style_but_the_hubs_own(measured):
    """No style or script comes from elsewhere, and none stands in the page itself."""
    for one in measured:
        assert not re.search(r'(?:src|href)="(?:https?:)?//[^"]+\.(?:js|css)', one.text)
        own = re.search(r"<script(?![^>]* src=)[ >]|<style[ >]| style=| on[a-z]+=", one.text)
        assert one.shown.framed or not own, (one.shown.name, own)
