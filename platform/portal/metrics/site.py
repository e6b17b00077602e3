"""How the whole site stands, asked of the database: the same whichever process is asked.

Gauges come from partial indexes and small tables, counts and histograms from the tally that the side worker keeps:
nothing here reads the table of closed videos. No label names a team or a person.
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
from portal.health import reached
from portal.metrics import queue, tallied, workers
from portal.probes import Probe

log = structlog.get_logger(__name__)

# Several scrapers, and one with a short interval, cost the database no more than this.
_KEPT_SECONDS = 10.0
_PATIENCE_SECONDS = 5.0


class _Site:
    """A collector of the library's; it has to know its metrics when it is asked, not before."""

    def collect(self) -> Iterator[Metric]:
        for part in (queue, tallied, workers):
            yield from part.collect()


class _Servers:
    def collect(self) -> Iterator[Metric]:
        info = InfoMetricFamily("mutoscope_build", "The release that runs.")
        info.add_metric([], {"version": __version__})
        yield info
        up = GaugeMetricFamily("mutoscope_server_up", "Whether a server is reached from here.", labels=["server"])
        for server, answers in reached().items():
            up.add_metric([server], float(answers))
        yield up


def _text(collector: "_Site | _Servers") -> bytes:
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


class _Kept:
    """The text, for a while. Without the database there is none: the gap shows in the graphs, and nothing false."""

    def __init__(self) -> None:
        self._look: Probe[bytes] = Probe(lambda: _text(_Site()), seconds=_PATIENCE_SECONDS)
        self._lock = threading.Lock()
        self._text, self._good_until = b"", 0.0

    def __call__(self) -> bytes:
        with self._lock:
            if time.monotonic() < self._good_until:
                return self._text
            try:
                self._text = self._look()
            except (DatabaseError, TimeoutError) as error:
                log.warning("metrics_without_database", reason=str(error).strip() or type(error).__name__)
                return b""
            self._good_until = time.monotonic() + _KEPT_SECONDS
            return self._text

    def forget(self) -> None:
        self._good_until = 0.0


kept = _Kept()


def exposition() -> bytes:
    return _text(_Servers()) + kept()
