"""Turns the settings of one OpenID Connect provider into those of allauth and of the content security policy."""

from typing import Any
from urllib.parse import urlsplit

# Part of the address that the provider sends people back to: never change it.
PROVIDER = "company"


def oidc_providers(*, issuer: str, name: str, client_id: str, secret: str) -> dict[str, Any]:
    """`SOCIALACCOUNT_PROVIDERS`; without an issuer there is no provider, and no page shows one."""
    if not issuer:
        return {}
    app = {
        "provider_id": PROVIDER,
        "name": name,
        "client_id": client_id,
        "secret": secret,
        "settings": {"server_url": issuer, "oauth_pkce_enabled": True},
    }
    return {"openid_connect": {"APPS": [app]}}


def oidc_origins(issuer: str) -> list[str]:
    """The origin of the provider's pages, as `https://id.example.com`; none without a provider."""
    parts = urlsplit(issuer)
    return [f"{parts.scheme}://{parts.netloc}"] if issuer else []
