"""Sends one delivery to an address that a stranger chose: guarded against what such an address may lead to.

requests-hardened refuses private and loopback addresses after the name is resolved, and connects to the very address
that it checked. No redirect is followed, no proxy of the environment is used, little of the answer is read, and the
whole exchange ends after a fixed time, however slowly the other side drips.
"""

import time
from dataclasses import dataclass

import requests
import urllib3
from django.conf import settings
from requests_hardened import Config, HTTPSession
from requests_hardened.ip_filter import InvalidIPAddress

from jobs.webhooks.deadline import Deadline

_LONGEST_ANSWER = 1000
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 10.0
_WHOLE_SECONDS = 15.0


@dataclass(frozen=True)
class Answer:
    """What came of one try: a status and the beginning of the body, or the trouble that there was instead."""

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
        trouble = "The address is a private one, which is not called from here."
    except requests.Timeout:
        trouble = "No answer in time."
    except requests.exceptions.SSLError:
        trouble = "The certificate is not valid for this address."
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        trouble = f"No connection ({type(error).__name__})."
    else:
        return Answer(time.monotonic() - started, status, excerpt)
    return Answer(time.monotonic() - started, trouble=trouble)


def _exchange(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    config = Config(
        ip_filter_enable=not settings.WEBHOOKS_TO_PRIVATE_ADDRESSES,
        ip_filter_allow_loopback_ips=False,
        never_redirect=True,
        default_timeout=(_CONNECT_SECONDS, _READ_SECONDS),
        user_agent_override="Mutoscope-Webhooks/1",
    )
    with Deadline(_WHOLE_SECONDS) as deadline, HTTPSession(config) as session:
        session.trust_env = False
        deadline.watch(session)
        with session.post(url, data=body, headers=headers, stream=True) as response:
            # Not decoded: a small gzip body may unpack into gigabytes.
            excerpt = response.raw.read(_LONGEST_ANSWER, decode_content=False)
            if deadline.passed:  # what was cut off in its head looks like a whole answer
                raise requests.Timeout
            return response.status_code, excerpt.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
