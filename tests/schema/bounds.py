"""The processor time and the memory of a request with a large value."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.redis_client import redis_client

SIZE = 8_000_000
_MAX_CPU_SECONDS = 2
_MAX_MEGABYTES = 150


def respond_within_bounds(send: Callable[[], Any], what: str) -> Any:
    """Return the response to a request that is not slowed down by rate limits. Fail if it is expensive."""
    redis_client().flushdb()
    before, started = _reset_peak_memory(), time.process_time()
    response = send()
    seconds, megabytes = time.process_time() - started, _memory_mb("VmHWM") - before
    assert seconds < _MAX_CPU_SECONDS, f"{what}: {response.status_code}, took {seconds:.1f} s"
    assert megabytes < _MAX_MEGABYTES, f"{what}: {response.status_code}, took {megabytes:.0f} MB"
    return response


def _reset_peak_memory() -> float:
    """Reset the peak that the kernel records of this process's memory. Return the present memory in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory_mb("VmRSS")


def _memory_mb(name: str) -> float:
    """Return the present (VmRSS) or peak (VmHWM) memory of this process."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1000
