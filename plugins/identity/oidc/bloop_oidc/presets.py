"""What is special about Google and Microsoft. Sources: their pages on OpenID Connect.

* Google: developers.google.com/identity/openid-connect/openid-connect, "hd" and "email_verified";
  tokens are at oauth2.googleapis.com, keys at www.googleapis.com
* Microsoft: learn.microsoft.com/entra/identity-platform/id-token-claims-reference
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bloop_oidc.config import ProviderSettings

GOOGLE = "https://accounts.google.com"
MICROSOFT = "https://login.microsoftonline.com"
DISCOVERY = "/.well-known/openid-configuration"


def issuer_of(settings: ProviderSettings) -> tuple[str, str]:
    """The issuer, with ``{tenantid}`` where it differs by tenant, and where its metadata is."""
    if settings.preset == "google":
        return GOOGLE, GOOGLE + DISCOVERY
    if settings.preset == "microsoft":
        one = len(settings.tenants) == 1
        tenant = str(settings.tenants[0]) if one else "common"
        issuer = f"{MICROSOFT}/{tenant if one else '{tenantid}'}/v2.0"
        return issuer, f"{MICROSOFT}/{tenant}/v2.0{DISCOVERY}"
    assert settings.issuer is not None, "validated with the settings"
    return settings.issuer, settings.issuer.rstrip("/") + DISCOVERY


def lists_tenant(settings: ProviderSettings, claims: Mapping[str, Any]) -> bool:
    """Whether a token is of a directory whose people may come in."""
    if settings.preset != "microsoft":
        return True
    return claims.get("tid") in {str(tenant) for tenant in settings.tenants}


def vouches(settings: ProviderSettings, claims: Mapping[str, Any]) -> bool:
    """Whether the issuer answers for it that the address is this person's now."""
    if settings.preset == "microsoft":
        # A directory's admin can write any address into `email`; this optional claim says that
        # the domain is proven to be the directory's.
        return claims.get("xms_edov") in (True, "1", "true")
    if claims.get("email_verified") is not True:
        return False
    if settings.preset == "google":
        # Of an address elsewhere, Google knows only that it was this person's once.
        is_own = str(claims.get("email", "")).lower().endswith("@gmail.com")
        return is_own or bool(claims.get("hd"))
    return True
