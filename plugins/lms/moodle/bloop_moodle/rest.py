"""Moodle's REST protocol: one address, functions by name, the token in the body.

https://moodledev.io/docs/apis/subsystems/external says how functions are called, and
https://docs.moodle.org/dev/Creating_a_web_service_client how arguments are written.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from bloop_moodle.config import MoodleConfig
from bloop_moodle.failures import ACCESS, code_of, error_of, file_error, unusable
from bloop_moodle.values import flag, identifier, listed, name, parsed
from bloop_sdk.errors import (
    AuthError,
    BloopError,
    ConfigError,
    CredentialExpiredError,
    FatalError,
    ForbiddenRecordError,
    MalformedRecordError,
    PermissionMissingError,
    SkippableError,
    UnsupportedError,
)
from bloop_sdk.http import Request, Response
from bloop_sdk.plugin import ConnectionContext

SITE_INFO = "core_webservice_get_site_info"
_PEEKED = 4096

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Site:
    """Who the token is, and which functions it may call here."""

    title: str
    user: str
    account: str
    release: str | None
    functions: frozenset[str]
    administrator: bool
    downloads: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function gave, and when: seconds by the site's own clock, None where it told none."""

    value: Any
    at: int | None


class Moodle:
    """One account of one site."""

    def __init__(self, ctx: ConnectionContext) -> None:
        config = ctx.config
        if not isinstance(config, MoodleConfig):
            raise ConfigError("the connection has no settings of a Moodle")
        self._ctx = ctx
        self._config = config
        self._base = str(config.base_url).rstrip("/")
        self._token = config.token.get_secret_value() if config.token else ""
        # Without its filters, Moodle gives texts in all languages at once, one behind the other.
        language = {"moodlewssettingfilter": "1", "moodlewssettinglang": config.language or ""}
        self._language = language if config.language else {}
        self._site: Site | None = None

    @property
    def base(self) -> str:
        """The site's address, without a slash at its end."""
        return self._base

    async def site(self) -> Site:
        """What the site says of itself and of the token; asked once."""
        if self._site is None:
            self._site = _site(await self._site_info())
        return self._site

    async def has(self, function: str) -> bool:
        """Whether the token's service holds a function."""
        return function in (await self.site()).functions

    async def need(self, function: str, what: str) -> None:
        """Raise UnsupportedError where the token's service lacks a function."""
        if not await self.has(function):
            raise UnsupportedError(
                f"{what} needs {function}, which the token's service does not hold",
                cure=f"add {function} to the external service in Moodle",
            )

    async def call(self, function: str, *, write: bool = False, **arguments: Any) -> Any:
        """What a function gives. Raises what its error code stands for."""
        return (await self.ask(function, write=write, **arguments)).value

    async def ask(self, function: str, *, write: bool = False, **arguments: Any) -> Answer:
        """As :meth:`call`, with the site's time."""
        response = await self._post(function, arguments, write=write)
        value = _json(function, response)
        if code_of(value) == ACCESS:
            # Either the function is not in the service any more, or the token has just expired,
            # which Moodle says in the same words the first time, and only then.
            await self._site_info(again=True)
        if code_of(value) is not None:
            raise error_of(function, value)
        return Answer(value, _time(response))

    async def chunks(self, path: str, shown: str) -> AsyncIterator[bytes]:
        """The bytes of a file; ``path`` is what follows ``pluginfile.php`` in its address.

        The token goes in the body, as logs keep addresses. An error comes with status 200.
        """
        await self._log_in()
        request = Request(
            url=f"{self._base}/webservice/pluginfile.php{path}",
            method="POST",
            headers=_repeatable(),
            form={"token": self._token},
        )
        head, whole = b"", False
        try:
            async for chunk in self._ctx.http.stream(request):
                head += chunk
                # An error is an object of some hundred bytes: what may be one is not passed on.
                if not whole and len(head) < _PEEKED and head.lstrip()[:1] in {b"", b"{"}:
                    continue
                whole = True
                yield head
                head = b""
        except PermissionMissingError as err:
            raise ForbiddenRecordError(err.message, cure=err.cure) from err
        if head:
            error = file_error(head, shown)
            if error is not None:
                raise error
            yield head

    async def text(self, path: str, shown: str) -> str:
        """A file of text, such as a chapter of a book."""
        content = b"".join([chunk async for chunk in self.chunks(path, shown)])
        return content.decode("utf-8", "replace")

    async def _site_info(self, *, again: bool = False) -> Any:
        """What the site says; ``again`` after Moodle has denied access to something else."""
        value = _json(SITE_INFO, await self._post(SITE_INFO, {}))
        code = code_of(value)
        if code == ACCESS and not again:
            return await self._site_info(again=True)
        if code == "invalidtoken" and again:
            raise CredentialExpiredError(
                "the token has expired", cure="make a new token in Moodle and give it"
            )
        if code == ACCESS:
            raise AuthError(
                f"Moodle refuses the token for {SITE_INFO}",
                cure=f"enable the token's service, add {SITE_INFO} to it, and let it be used "
                "from the hub's address",
            )
        if code is not None:
            raise error_of(SITE_INFO, value)
        return value

    async def _post(
        self, function: str, arguments: Mapping[str, Any], *, write: bool = False
    ) -> Response:
        await self._log_in()
        form = {
            "wstoken": self._token,
            "wsfunction": function,
            "moodlewsrestformat": "json",
            **self._language,
            **dict(flattened(arguments)),
        }
        return await self._send("/webservice/rest/server.php", form, function, write=write)

    async def _send(
        self, path: str, form: Mapping[str, str], what: str, *, write: bool = False
    ) -> Response:
        headers = {} if write else _repeatable()
        request = Request(url=self._base + path, method="POST", headers=headers, form=form)
        try:
            response = await self._ctx.http.send(request)
        except PermissionMissingError as err:
            # Moodle itself says 403 only where web services or the protocol are off.
            raise FatalError(
                f"{self._base} refuses web services (403)",
                cure="in Moodle, enable web services and the REST protocol",
                code="web_services_off",
            ) from err
        if response.status != 200:
            raise FatalError(
                f"{what}: {self._base}{path} was answered {response.status}",
                cure="give the address that Moodle's own pages have, up to its folder",
            )
        return response

    async def _log_in(self) -> None:
        """Exchange name and password for a token, once; only the token is kept."""
        if self._token:
            return
        config = self._config
        if not (config.username and config.password):
            raise AuthError(
                "the connection has neither a token nor a name and password",
                cure="give a token, or a user name and a password to get one with",
            )
        form = {
            "username": config.username,
            "password": config.password.get_secret_value(),
            "service": config.service,
        }
        value = _json("the login", await self._send("/login/token.php", form, "the login"))
        if code_of(value) is not None:
            raise _login_error(value)
        token = value.get("token") if isinstance(value, dict) else None
        if not isinstance(token, str) or not token:
            raise MalformedRecordError("the login answered in another shape than is documented")
        self._token = token
        await self._ctx.keep_secrets({"token": token, "password": None})


def flattened(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Arguments as PHP reads them: ``courseids[0]=2``, ``options[0][name]=x``."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from flattened(one, f"{prefix}[{key}]" if prefix else str(key))
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from flattened(one, f"{prefix}[{index}]")
    elif value is not None:
        yield prefix, str(int(value)) if isinstance(value, bool) else str(value)


async def together(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Await all at once, in their order; the first error ends the others and is raised itself."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _repeatable() -> dict[str, str]:
    """Says that a POST only reads: the client repeats one with this header where it broke off."""
    return {"Idempotency-Key": uuid.uuid4().hex}


def _json(function: str, response: Response) -> Any:
    try:
        return parsed(response.body)
    except ValueError as err:
        raise unusable(function, response.body) from err


def _login_error(value: Any) -> BloopError:
    error = error_of("the login", value)
    if code_of(value) == "invalidlogin":
        return AuthError(error.message, cure="check the user name and the password")
    if isinstance(error, SkippableError):
        # Such as an account that is not confirmed, or one that a plugin of the school's stops.
        return AuthError(error.message, cure="log in to Moodle in a browser, or give a token")
    return error


def _time(response: Response) -> int | None:
    try:
        return int(parsedate_to_datetime(response.headers.get("date", "")).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None


def _site(value: Any) -> Site:
    functions = listed(value, "functions", SITE_INFO)
    user = identifier(value.get("userid"))
    if user is None:
        raise MalformedRecordError(f"{SITE_INFO} names no account")
    release = value.get("release")
    return Site(
        title=name(value.get("sitename"), "Moodle"),
        user=user,
        account=name(value.get("fullname") or value.get("username"), user),
        release=release if isinstance(release, str) else None,
        functions=frozenset(str(one.get("name")) for one in functions),
        administrator=flag(value.get("userissiteadmin")),
        downloads=flag(value.get("downloadfiles", 1)),
    )
