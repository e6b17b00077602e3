"""Send one delivery to a URL that a user entered, protected against SSRF. Only the start of the response is read."""

import time
from dataclasses import dataclass

import httpx
from django.conf import settings

from common.messages import Message
from common.ssrf import ForbiddenIPAddress, TLSError, safe_client

_MAX_EXCERPT_BYTES = 1000
_TOTAL_TIMEOUT_SECONDS = 15.0


NO_ERROR = Message("")


@dataclass(frozen=True)
class DeliveryResult:
    """The result of one attempt: status and beginning of the response, and an error if there is one."""

    seconds: float
    status: int | None = None
    excerpt: str = ""
    error: Message = NO_ERROR

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(url: str, *, body: str, headers: dict[str, str]) -> DeliveryResult:
    """Send the body as JSON and wait at most 15 s for the response. Errors of the receiver are returned, not raised."""
    started = time.monotonic()
    try:
        status, excerpt = _exchange(url, body.encode(), {"Content-Type": "application/json", **headers})
    except ForbiddenIPAddress:
        reason = Message("The URL points to a private IP address, which is not allowed.")
    except httpx.TimeoutException:
        reason = Message("The server did not respond in time.")
    except TLSError:
        reason = Message("The TLS certificate is not valid for this URL.")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        reason = Message("The connection failed (%(error)s).", {"error": type(error).__name__})
    else:
        is_redirect = 300 <= status < 400
        reason = Message("Redirects are not followed. Use the final URL.") if is_redirect else NO_ERROR
        return DeliveryResult(time.monotonic() - started, status, excerpt, reason)
    return DeliveryResult(time.monotonic() - started, error=reason)


def _exchange(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    client_context = safe_client(
        user_agent="Mutoscope-Webhooks/1",
        timeout_seconds=_TOTAL_TIMEOUT_SECONDS,
        allow_private_ips=settings.WEBHOOKS_ALLOW_PRIVATE_IPS,
    )
    with client_context as client, client.stream("POST", url, content=body, headers=headers) as response:
        # Not decoded: a small gzip body may decompress to gigabytes.
        excerpt = next(response.iter_raw(_MAX_EXCERPT_BYTES), b"")
        return response.status_code, excerpt.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
