"""Settings of allauth and of the content security policy for one OpenID Connect provider."""

from typing import Any
from urllib.parse import urlsplit

# Part of the redirect URL that is registered at the provider: never change it.
PROVIDER = "company"


def oidc_providers(*, issuer: str, name: str, client_id: str, secret: str) -> dict[str, Any]:
    """Return `SOCIALACCOUNT_PROVIDERS`. Without an issuer it is empty, and no page offers OpenID Connect."""
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
    """Return the origin of the provider, as `https://id.example.com`, or an empty list without a provider."""
    parts = urlsplit(issuer)
    return [f"{parts.scheme}://{parts.netloc}"] if issuer else []
