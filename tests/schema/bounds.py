"""The processor time and the memory of a request with a large value."""

import time
from collections.abc import Callable
from typing import Any

from common.redis_client import redis_client
from tests.support.memory import PeakMemory

SIZE = 8_000_000
_MAX_CPU_SECONDS = 2
_MAX_MEGABYTES = 150


def respond_within_bounds(send: Callable[[], Any], what: str) -> Any:
    """Return the response to a request that is not slowed down by rate limits. Fail if it is expensive."""
    redis_client().flushdb()
    memory, started = PeakMemory(), time.process_time()
    response = send()
    seconds, megabytes = time.process_time() - started, memory.growth_mb()
    assert seconds < _MAX_CPU_SECONDS, f"{what}: {response.status_code}, took {seconds:.1f} s"
    assert megabytes < _MAX_MEGABYTES, f"{what}: {response.status_code}, took {megabytes:.0f} MB"
    return response
