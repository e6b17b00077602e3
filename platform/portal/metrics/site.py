"""Metrics of the whole site, read from the database: every process returns the same values.

Gauges come from partial indexes and small tables, counters and histograms from the rows that the maintenance worker
updates: nothing here reads the table of finished videos. No label names a team or a person.
"""

import threading
import time
from collections.abc import Iterator

import structlog
from django.db import DatabaseError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from portal import __version__
from portal.metrics import counters, queue, task_queues, workers
from portal.web.health import check_dependencies
from portal.web.timed_check import TimedCheck

log = structlog.get_logger(__name__)

# Bounds the cost for the database with several scrapers, or one with a short interval.
_CACHE_MAX_AGE_SECONDS = 10.0
_TIMEOUT_SECONDS = 5.0


class _SiteCollector:
    """A collector of prometheus_client that queries its metrics at each scrape."""

    def collect(self) -> Iterator[Metric]:
        for part in (queue, counters, workers):
            yield from part.collect()


class _DependencyCollector:
    """Reports the release, which dependencies are reachable, and what waits in Redis."""

    def collect(self) -> Iterator[Metric]:
        info = InfoMetricFamily("mutoscope_build", "The running release.")
        info.add_metric([], {"version": __version__})
        yield info
        up = GaugeMetricFamily(
            "mutoscope_dependency_up", "Whether a dependency is reachable from this machine.", labels=["dependency"]
        )
        for dependency, is_up in check_dependencies().items():
            up.add_metric([dependency], float(is_up))
        yield up
        yield from task_queues.collect()


def _render(collector: "_SiteCollector | _DependencyCollector") -> bytes:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


class _CachedExposition:
    """The cached metrics of the site. If the database does not respond they are missing: graphs show a gap."""

    def __init__(self) -> None:
        self._query: TimedCheck[bytes] = TimedCheck(lambda: _render(_SiteCollector()), timeout_seconds=_TIMEOUT_SECONDS)
        self._lock = threading.Lock()
        self._text, self._valid_until = b"", 0.0

    def __call__(self) -> bytes:
        with self._lock:
            if time.monotonic() < self._valid_until:
                return self._text
            try:
                self._text = self._query()
            except (DatabaseError, TimeoutError) as error:
                log.warning("metrics_collection_failed", reason=str(error).strip() or type(error).__name__)
                return b""
            self._valid_until = time.monotonic() + _CACHE_MAX_AGE_SECONDS
            return self._text

    def clear(self) -> None:
        self._valid_until = 0.0


cache = _CachedExposition()


def exposition() -> bytes:
    return _render(_DependencyCollector()) + cache()
