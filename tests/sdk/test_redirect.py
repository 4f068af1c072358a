"""Where a form may send a browser on to."""

from __future__ import annotations

import pytest

from bloop_sdk import UnsupportedError, redirect


def test_a_redirect_leads_back_into_the_hub():
    answer = redirect("/x/wiki/?saved=1#top")
    assert (answer.status, answer.headers["location"]) == (303, "/x/wiki/?saved=1#top")


@pytest.mark.parametrize(
    "path", ["", "wiki", "https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil"]
)
def test_a_redirect_leads_to_no_other_site(path):
    with pytest.raises(UnsupportedError, match="does not lead back into the hub"):
        redirect(path)
