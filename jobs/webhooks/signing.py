"""Secrets and signatures of Standard Webhooks (https://www.standardwebhooks.com), by its own library."""

import base64
import secrets
from datetime import UTC, datetime

from standardwebhooks import Webhook

from jobs.webhooks.models import Endpoint

_SECRET_BYTES = 32


def new_secret() -> str:
    """`whsec_` and 256 random bits in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def signed_headers(endpoint: Endpoint, *, event_id: str, body: str, now: datetime) -> dict[str, str]:
    """The three headers of a delivery; during a rotation one signature for each live secret. `now` is aware."""
    now = now.astimezone(UTC)
    live = [endpoint.secret]
    if endpoint.former_secret and endpoint.former_until and endpoint.former_until > now:
        live.append(endpoint.former_secret)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(event_id, now, body) for secret in live),
    }
