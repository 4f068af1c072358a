"""An app registration of Entra, and whose accounts may come in by it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bloop_sdk import AuthError

PERSONAL = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant that all personal Microsoft accounts are in."""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORLDWIDE = "https://graph.microsoft.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """``permissions`` are delegated ones of Graph, by their short names."""

    client_id: str
    client_secret: str | None = field(repr=False)
    tenant: str
    login_url: str
    graph_url: str
    permissions: tuple[str, ...]

    @property
    def authority(self) -> str:
        """Where the tenant's people log in."""
        return f"{self.login_url}/{self.tenant}"

    @property
    def scopes(self) -> list[str]:
        """The permissions as Entra knows them: of the worldwide Graph by their names alone."""
        parts = urlsplit(self.graph_url)
        origin = f"{parts.scheme}://{parts.netloc}"
        return [name if origin == _WORLDWIDE else f"{origin}/{name}" for name in self.permissions]

    def require_tenant(self, found: str, resolved: str) -> None:
        """Refuse an account of a tenant that is not asked for; raises AuthError.

        ``resolved`` is what Entra calls ``tenant``: a domain's id, for instance.
        """
        tenant = found.lower()
        if self.tenant == "common" and _ID.fullmatch(tenant):
            return
        if self.tenant == "organizations" and _ID.fullmatch(tenant) and tenant != PERSONAL:
            return
        wanted = PERSONAL if self.tenant == "consumers" else resolved.lower()
        if tenant and self.tenant not in {"common", "organizations"} and tenant == wanted:
            return
        raise AuthError(
            f"this account is of the tenant {tenant or 'that nobody names'}, and not of "
            f"{self.tenant}",
            cure="log in with an account of that tenant, or set tenant to this one",
            code="wrong_tenant",
        )
