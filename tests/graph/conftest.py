from __future__ import annotations

from itertools import pairwise

import pytest

from bloop.graph.service import add_concept, link


@pytest.fixture
def command(database, call):
    """Runs a command in a unit of its own."""

    def run(function, *args, **kwargs):
        with database.unit(call) as unit:
            return function(unit, *args, **kwargs)

    return run


@pytest.fixture
def concepts(command):
    """Concepts by their names, made on first use."""

    class Made(dict):
        def __missing__(self, name):
            self[name] = command(add_concept, name)
            return self[name]

    return Made()


@pytest.fixture
def chain(command, concepts):
    """Makes a prerequisite of each name of the next."""

    def make(*names):
        for before, after in pairwise(names):
            command(link, concepts[before], concepts[after])

    return make
