"""Templates, languages, and what every page has: navigation, viewer, words for states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from bloop.accounts.access import call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.service import csrf_token
from bloop.web.assets import asset
from bloop.web.navigation import background, navigation
from bloop.web.refusal_words import in_words
from bloop_sdk import PrincipalKind

FOLDER = Path(__file__).parent
LOCALES = ("en", *sorted(path.stem for path in (FOLDER / "locale").glob("*.po")))

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "frame-src {frames}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy of pages: no script at all, and nothing of anybody else's. What
people wrote elsewhere stands in a frame with a policy of its own."""

SCRIPTED = "; script-src 'self'; connect-src 'self'"
"""What a page has besides that runs a script of the hub's: to keep itself up to date, say."""

_TONES = {
    "good": {"ready", "active", "succeeded", "delivered"},
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
    **values: Any,
) -> HTMLResponse:
    """A rendered page in the visitor's language.

    ``frames`` are the sources of frames in it, ``script`` is the static module that it runs, or
    several. An error among the values, and a ``fault``, is said in the visitor's language.
    """
    locale = locale_of(request)
    translations = translations_of(locale)
    _ = translations.gettext
    values |= in_words(values, _)
    html = rendered(
        request,
        template,
        locale=locale,
        direction=direction_of(locale),
        hub_name=hub_of(request).config.value.hub.name,
        navigation=await navigation(request, _),
        background=background(request, _),
        viewer=_viewer(request, _),
        guest=call_of(request).principal.kind is PrincipalKind.GUEST,
        # The page of search has a form of its own.
        searches=may(call_of(request), "content:read") and request.url.path != "/search",
        in_account=request.url.path.startswith("/account/"),
        has_keys=may(call_of(request), "tokens:read"),
        csrf=csrf_of(request),
        scripts=[script] if isinstance(script, str) else script or (),
        state_name=lambda name: _state_names(_).get(name, name.replace("_", " ")),
        **values,
    )
    sources = " ".join(frames) or "'none'"
    headers = {
        "content-language": locale,
        "content-security-policy": POLICY.format(frames=sources) + (SCRIPTED if script else ""),
        "vary": "accept-language, cookie",
    }
    return HTMLResponse(html, status, headers=headers)


def rendered(request: Request, template: str, **values: Any) -> str:
    """A template in the visitor's language, with nothing but what it is given."""
    html: str = _environment(locale_of(request)).get_template(template).render(**values)
    return html


def csrf_of(request: Request) -> str | None:
    """What a form of this page sends back; None for who has no session in this browser."""
    session = request.scope.get("bloop.cookie_token")
    return csrf_token(session) if session else None


def locale_of(request: Request) -> str:
    """The best of the hub's languages for ``Accept-Language`` (RFC 9110, section 12.5.4)."""
    wanted: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "").split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((float(weight or 1), tag.partition("-")[0].lower()))
        except ValueError:
            continue
    for _weight, tag in sorted(wanted, key=lambda pair: -pair[0]):
        if tag in LOCALES:
            return tag
    return "en"


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
    }


@lru_cache(maxsize=16)
def translations_of(locale: str) -> NullTranslations:
    """The catalogue of a language; English is what the templates are written in."""
    source = FOLDER / "locale" / f"{locale}.po"
    if locale == "en" or not source.is_file():
        return NullTranslations()
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with source.open("rb") as file:
        catalogue = read_po(file, locale=locale)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


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
    environment.globals.update(asset=asset, tone=tone)
    environment.filters["runs"] = _runs
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


def direction_of(language: str) -> str:
    """Where lines of a language begin."""
    return "rtl" if language.partition("-")[0].lower() in {"ar", "fa", "he", "ur"} else "ltr"
