"""Secrets and signatures of Standard Webhooks (https://www.standardwebhooks.com), with its Python library."""

import base64
import secrets

from django.utils import timezone
from standardwebhooks import Webhook

from jobs.webhooks.models import Endpoint

_SECRET_BYTES = 32


def new_secret() -> str:
    """Return `whsec_` and 256 random bits in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def signed_headers(endpoint: Endpoint, *, event_id: str, body: str) -> dict[str, str]:
    """Return the three headers of a delivery, with one signature for each valid secret."""
    now = timezone.now()
    valid_secrets = [endpoint.secret]
    if endpoint.former_secret and endpoint.former_until and endpoint.former_until > now:
        valid_secrets.append(endpoint.former_secret)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(event_id, now, body) for secret in valid_secrets),
    }
