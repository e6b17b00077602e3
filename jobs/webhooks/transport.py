"""Sends one delivery to an address that a stranger chose, by a guarded session; little of the answer is read."""

import time
from dataclasses import dataclass

import requests
import urllib3
from django.conf import settings
from django.utils.translation import gettext_noop as noop
from requests_hardened.ip_filter import InvalidIPAddress

from common.outbound import guarded_session

_LONGEST_ANSWER = 1000
_WHOLE_SECONDS = 15.0


@dataclass(frozen=True)
class Answer:
    """What came of one try: a status and the beginning of the body, and the trouble with it or instead of it."""

    seconds: float
    status: int | None = None
    excerpt: str = ""
    trouble: str = ""

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(url: str, *, body: str, headers: dict[str, str]) -> Answer:
    """Sends the body as JSON and waits for the answer, 15 s at most. Never raises for what the other side does."""
    started = time.monotonic()
    try:
        status, excerpt = _exchange(url, body.encode(), {"Content-Type": "application/json", **headers})
    except InvalidIPAddress:
        trouble = noop("The address is a private one, which is not called from here.")
    except requests.Timeout:
        trouble = noop("No answer in time.")
    except requests.exceptions.SSLError:
        trouble = noop("The certificate is not valid for this address.")
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        trouble = f"No connection ({type(error).__name__})."
    else:
        trouble = noop("Redirects are not followed. Give the address that they lead to.") if 300 <= status < 400 else ""
        return Answer(time.monotonic() - started, status, excerpt, trouble)
    return Answer(time.monotonic() - started, trouble=trouble)


def _exchange(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    session_of = guarded_session(
        user_agent="Mutoscope-Webhooks/1",
        seconds=_WHOLE_SECONDS,
        private_addresses=settings.WEBHOOKS_TO_PRIVATE_ADDRESSES,
    )
    with session_of as (session, deadline), session.post(url, data=body, headers=headers, stream=True) as response:
        # Not decoded: a small gzip body may unpack into gigabytes.
        excerpt = response.raw.read(_LONGEST_ANSWER, decode_content=False)
        if deadline.passed:  # what was cut off in its head looks like a whole answer
            raise requests.Timeout
        return response.status_code, excerpt.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
