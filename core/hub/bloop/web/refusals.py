"""What a form was refused with; of a proof also in words, and where to go on after one."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from starlette.requests import Request

from bloop.store.errors import ConflictError
from bloop.web.render import locale_of, translations_of
from bloop_sdk import BloopError

STEP_UP = "/step-up"


def status_of(error: BloopError | None) -> int:
    """The status of a form's page that is shown once more, with what was wrong; 200 for nothing."""
    if error is None:
        return 200
    return 409 if isinstance(error, ConflictError) else 422


def in_words(request: Request, refusal: BloopError | None) -> str | None:
    """A refusal for people; None for none."""
    _ = translations_of(locale_of(request)).gettext
    if refusal is None:
        return None
    if refusal.code == "too_many_tries":
        return _("There were too many wrong codes. Wait a little, then try the next one.")
    return _("That was not accepted. Try again, with a code that was not used before.")


def step_up_path(request: Request) -> str:
    """Where to prove again who one is, and then to come back: to the form, or to the page."""
    back = request.url.path
    query = request.url.query
    if request.method not in {"GET", "HEAD"}:
        came = urlsplit(request.headers.get("referer", ""))
        is_ours = came.netloc == request.headers.get("host")
        back, query = (came.path, came.query) if is_ours else ("/", "")
    if back == STEP_UP:
        back, query = "/", ""
    return f"{STEP_UP}?next={quote(f'{back}?{query}' if query else back, safe='/')}"
