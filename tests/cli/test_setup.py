from __future__ import annotations


def test_the_first_steps_know_what_is_there(hub_folder, bloop):
    first = bloop("setup", "--json").json
    states = {step["name"]: step["state"] for step in first["steps"]}
    assert (states["course"], states["access"], states["learner"]) == ("open", "blocked", "open")
    said = bloop("setup").out
    assert "Bring a first course" in said
    assert "bloop plugins enable canvas" in said

    assert bloop("setup", "sample").code == 0
    assert bloop("users", "invite", "--role", "learner").code == 0
    states = {step["name"]: step["state"] for step in bloop("setup", "--json").json["steps"]}
    assert (states["course"], states["access"], states["learner"]) == ("done", "done", "waiting")


def test_a_step_is_put_away_for_everybody_and_brought_back(hub_folder, bloop):
    total = bloop("setup", "--json").json["total"]
    assert bloop("setup", "dismiss", "login", "--json").json["total"] == total - 1
    assert "login: put away" in bloop("setup").out
    assert bloop("setup", "restore", "login", "--json").json["total"] == total
    said = bloop("setup", "dismiss", "nothing")
    assert said.code == 1
    assert "there are login, course" in said.err
