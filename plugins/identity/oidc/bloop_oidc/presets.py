"""What is special about Google and Microsoft. Sources: their pages on OpenID Connect.

* Google: developers.google.com/identity/openid-connect/openid-connect, "hd" and "email_verified";
  tokens are at oauth2.googleapis.com, keys at www.googleapis.com; its two names: .../reference
* Microsoft: learn.microsoft.com/entra/identity-platform/id-token-claims-reference
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bloop_oidc.config import ProviderSettings

GOOGLE = "https://accounts.google.com"
GOOGLE_ALIAS = "accounts.google.com"
"""What older implementations of Google call themselves (OpenID Connect Core, section 15.6.2)."""

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


def alias_of(settings: ProviderSettings) -> str | None:
    """The other name that an issuer gives itself in its tokens."""
    return GOOGLE_ALIAS if settings.preset == "google" else None


def of_cloud(
    metadata: Mapping[str, Any], keys: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The keys that sign in the cloud of Microsoft that the metadata is of.

    The others are published beside them, for the same tenants. What Microsoft's own validators
    compare (EnableEntraIdSigningKeyCloudInstanceValidation), where both name a cloud.
    """
    cloud = metadata.get("cloud_instance_name")
    return [key for key in keys if not cloud or key.get("cloud_instance_name") in {None, cloud}]


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
    is_verified = claims.get("email_verified")
    if settings.preset != "google":
        # Cognito and Apple say it as a text.
        return is_verified is True or is_verified == "true"
    # Of an address elsewhere, Google knows only that it was this person's once.
    is_own = str(claims.get("email", "")).lower().endswith("@gmail.com")
    return is_verified is True and (is_own or bool(claims.get("hd")))
