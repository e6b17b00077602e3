"""Calls to addresses that strangers chose, guarded against what such an address may lead to.

requests-hardened refuses private and loopback addresses after the name is resolved, and connects to the very address
that it checked. No redirect is followed, no proxy of the environment is used, and the whole exchange ends after a fixed
time, however slowly the other side drips. How much of the answer is read is up to the caller.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from requests_hardened import Config, HTTPSession

from common.deadline import Deadline

_CONNECT_TIMEOUT_SECONDS, _READ_TIMEOUT_SECONDS = 5.0, 10.0


@contextmanager
def safe_client(
    *, user_agent: str, seconds: float, allow_private_ips: bool = False, allow_loopback: bool = False
) -> Iterator[tuple[HTTPSession, Deadline]]:
    """A session for one exchange, and the deadline that cuts its connections after so many seconds.

    Whoever reads to the end of an answer has to ask whether the deadline has passed: what was cut off looks whole.

    private_addresses: calls them as well as all others. loopback: of the private ones calls this machine alone.
    """
    config = Config(
        ip_filter_enable=not allow_private_ips,
        ip_filter_allow_loopback_ips=allow_loopback,
        never_redirect=True,
        default_timeout=(_CONNECT_TIMEOUT_SECONDS, _READ_TIMEOUT_SECONDS),
        user_agent_override=user_agent,
    )
    with Deadline(seconds) as deadline, HTTPSession(config) as session:
        session.trust_env = False
        deadline.watch(session)
        yield session, deadline
