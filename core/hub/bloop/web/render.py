"""Templates, languages, and what every page has: navigation, viewer, words for states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from bloop.accounts.access import call_of, hub_of
from bloop.accounts.actions import ForbiddenError, may
from bloop.accounts.languages import NAMES
from bloop.accounts.languages import locale_of as locale_of  # noqa: PLC0414 - for every page
from bloop.accounts.login.entry import own_path
from bloop.accounts.service import csrf_token, reader_mark
from bloop.web.assets import asset
from bloop.web.navigation import administration, background, navigation
from bloop.web.refusal_words import in_words
from bloop_sdk import PrincipalKind
from bloop_sdk.bidi import direction_of, isolate_in
from bloop_sdk.web import Form
from bloop_sdk.words import comma_in, listed, page_words_in

FOLDER = Path(__file__).parent
NOBODY = "-"
"""The reader of a page that nobody is logged in on."""
LOCALES = ("en", *sorted(path.stem for path in (FOLDER / "locale").glob("*.po")))

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "manifest-src 'self'; frame-src {frames}; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""The content security policy of pages: no script at all, and nothing of anybody else's. What
people wrote elsewhere stands in a frame with a policy of its own."""

SCRIPTED = "; script-src 'self'; connect-src 'self'; worker-src 'self'"
"""What a page has besides that runs a script of the hub's or of a plugin's package."""

_TONES = {
    "good": {"ready", "active", "succeeded", "delivered", "well", "alive"},
    "busy": {"running"},
    "warn": {
        "pending",
        "needs_upgrade",
        "blocked",
        "loading",
        "retrying",
        "degraded",
        "checking",
        "failing",
        "expiring",
        "impaired",
    },
    "bad": {
        "load_failed",
        "invalid",
        "incompatible",
        "failed",
        "auth_failed",
        "parked",
        "given_up",
        "expired",
        "failing_part",
        "silent",
    },
}


def tone(state: str) -> str:
    """How a state feels: ``good``, ``busy``, ``warn``, ``bad`` or nothing."""
    return next((tone for tone, states in _TONES.items() if state in states), "")


async def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    frames: Iterable[str] = (),
    script: str | Sequence[str] | None = None,
    offline: bool = False,
    modules: Iterable[str] = (),
    styles: Iterable[str] = (),
    **values: Any,
) -> HTMLResponse:
    """A rendered page in the visitor's language.

    ``frames`` are the sources of frames in it, ``script`` is the static module that it runs, or
    several; ``modules`` and ``styles`` are addresses of plugins' own. One that is there ``offline``
    too is kept on the device of who is logged in. An error among the values, and a ``fault``, is
    said in the visitor's language.
    """
    keeps = offline and csrf_of(request) is not None
    own = [script] if isinstance(script, str) else [*(script or ())]
    own += ["offline.js"] if keeps else []
    scripts = list(dict.fromkeys([*map(asset, own), *modules]))
    locale = locale_of(request)
    translations = translations_of(locale)
    _ = translations.gettext
    links = await navigation(request, _, locale)
    values |= in_words(values, _)
    html = rendered(
        request,
        template,
        locale=locale,
        direction=direction_of(locale),
        hub_languages=NAMES,
        this_page=_this_page(request),
        hub_name=hub_of(request).config.value.hub.name,
        navigation=links.shown,
        navigation_rest=links.rest,
        account_links=links.account,
        administration=administration(request, _),
        background=background(request, _),
        viewer=_viewer(request, _),
        guest=call_of(request).principal.kind is PrincipalKind.GUEST,
        # The page of search has a form of its own.
        searches=may(call_of(request), "content:read") and request.url.path != "/search",
        in_account=request.url.path.startswith("/account/") or links.in_account,
        sets_up=may(call_of(request), "institutions:configure"),
        has_keys=may(call_of(request), "tokens:read"),
        csrf=csrf_of(request),
        reader=reader_of(request) or "",
        scripts=scripts,
        keeps=keeps,
        styles=list(dict.fromkeys(styles)),
        state_name=lambda name: _state_names(_).get(name, name.replace("_", " ")),
        **values,
    )
    sources = " ".join(frames) or "'none'"
    headers = {
        "content-language": locale,
        "content-security-policy": POLICY.format(frames=sources) + (SCRIPTED if scripts else ""),
        "vary": "accept-language, cookie",
        # The worker on a device gives nobody else what it has kept there.
        "x-bloop-reader": reader_of(request) or NOBODY,
    }
    return HTMLResponse(html, status, headers=headers)


def reader_of(request: Request) -> str | None:
    """Whose page it is, as a device knows them; None for who has no session in this browser."""
    return reader_mark(call_of(request)) if csrf_of(request) else None


class OtherReaderError(ForbiddenError):
    """What was sent is of a page of another account."""

    code = "other_reader"


def check_reader(request: Request, form: Form) -> None:
    """Raise OtherReaderError for what was typed on the page of another account, as ``reader`` says.

    A device that several people use may have kept it, and send it when one of them is logged in.
    """
    if form["reader"] not in {"", reader_of(request)}:
        raise OtherReaderError(
            "this was typed in another account", cure="log in as who typed it, then send it again"
        )


def rendered(request: Request, template: str, **values: Any) -> str:
    """A template in the visitor's language, with nothing but what it is given."""
    html: str = _environment(locale_of(request)).get_template(template).render(**values)
    return html


def csrf_of(request: Request) -> str | None:
    """What a form of this page sends back; None for who has no session in this browser."""
    session = request.scope.get("bloop.cookie_token")
    return csrf_token(session) if session else None


def _this_page(request: Request) -> str:
    """Where a choice of language leads back to: this page, unless a form's answer is no page."""
    if request.method != "GET":
        return "/"
    query = f"?{request.url.query}" if request.url.query else ""
    return own_path(f"{request.url.path}{query}")


def _viewer(request: Request, _: Callable[[str], str]) -> str:
    principal = call_of(request).principal
    if principal.kind is PrincipalKind.GUEST:
        return _("You are reading as a guest.")
    return _("You are logged in as {role}.").format(role=role_names(_)[principal.role])


def role_names(_: Callable[[str], str]) -> Mapping[str, str]:
    """The roles in words."""
    return {
        "guest": _("guest"),
        "learner": _("learner"),
        "educator": _("educator"),
        "admin": _("administrator"),
        "operator": _("operator"),
    }


def _state_names(_: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "ready": _("ready"),
        "disabled": _("switched off"),
        "load_failed": _("failed to load"),
        "invalid": _("invalid"),
        "incompatible": _("incompatible"),
        "blocked": _("held back"),
        "needs_upgrade": _("needs an upgrade"),
        "loading": _("loading"),
        "stopped": _("stopped"),
        "pending": _("not complete yet"),
        "missing": _("gone from its source"),
        "forbidden": _("closed to the connection"),
        "unshared": _("no longer shared"),
        "trashed": _("in the bin"),
        "active": _("active"),
        "waiting": _("waiting"),
        "running": _("running"),
        "succeeded": _("succeeded"),
        "failed": _("failed"),
        "cancelled": _("cancelled"),
        "retrying": _("tried again"),
        "parked": _("parked"),
        "delivered": _("delivered"),
        "failing": _("failing"),
        "given_up": _("given up"),
        "unconfigured": _("not checked yet"),
        "checking": _("being checked"),
        "degraded": _("active, with gaps"),
        "auth_failed": _("login refused"),
        "suspended": _("paused"),
        "undone": _("taken back"),
        "expiring": _("ends soon"),
        "expired": _("expired"),
        "well": _("well"),
        "impaired": _("impaired"),
        "failing_part": _("not working"),
        "alive": _("alive"),
        "silent": _("silent"),
    }


def translations_of(locale: str) -> NullTranslations:
    """The catalogue of a language; English is what the templates are written in."""
    return page_words_in(FOLDER, locale).catalogue


@lru_cache(maxsize=16)
def _environment(locale: str) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translations: Any = translations_of(locale)
    environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
    if direction_of(locale) == "rtl":
        isolate_in(environment)
    environment.globals.update(asset=asset, tone=tone, comma=comma_in(locale))
    environment.filters["runs"] = _runs
    environment.filters["listed"] = partial(listed, locale=locale)
    return environment


@dataclass(frozen=True, slots=True)
class _Run:
    """Either one module or the leaves that follow one another."""

    module: Any = None
    leaves: tuple[Any, ...] = ()


def _runs(nodes: Iterable[Any]) -> list[_Run]:
    """Group siblings so that leaves between two modules make one list."""
    runs: list[_Run] = []
    leaves: list[Any] = []
    for node in nodes:
        if node.is_module:
            if leaves:
                runs.append(_Run(leaves=tuple(leaves)))
                leaves = []
            runs.append(_Run(module=node))
        else:
            leaves.append(node)
    if leaves:
        runs.append(_Run(leaves=tuple(leaves)))
    return runs
