"""Counts and durations of requests by route, over all web processes of this machine, including those that exited.

Each process writes to its own files under METRICS_DIR; the process that serves a scrape adds them up. The files of
exited processes are merged into those named "dead": the counts never decrease, and restarts do not add more files.
"""

import fcntl
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import structlog
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

log = structlog.get_logger(__name__)

_FOLDER = Path(settings.METRICS_DIR)
_FOLDER.mkdir(parents=True, exist_ok=True)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_EXITED = "dead"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 90.0)

_requests = Counter(
    "mutoscope_http_requests_total",
    "Finished requests by route, method and status class.",
    ["route", "method", "status"],
    registry=None,
)
_durations = Histogram(
    "mutoscope_http_request_duration_seconds",
    "Seconds until the response to a request started, by route and method.",
    ["route", "method"],
    buckets=_BUCKETS,
    registry=None,
)


def count_request(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Count a request and its duration.

    The URL configuration bounds the labels: a path or method that a client makes up never becomes one. On a full disk
    the request is not counted instead of failed: its response may confirm a committed change.
    """
    match = request.resolver_match
    route = (match.view_name or match.route) if match else "unmatched"
    method = request.method if request.method in _METHODS else "other"
    try:
        _requests.labels(route, method, f"{response.status_code // 100}xx").inc()
        _durations.labels(route, method).observe(seconds)
    except OSError as error:
        log.warning("request_metrics_failed", reason=str(error))


def exposition() -> bytes:
    """Return the metrics of all processes that wrote to the folder, in the text format of Prometheus."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(_FOLDER))
    with _files_lock():
        _merge_exited()
        return generate_latest(registry)


@contextmanager
def _files_lock() -> Iterator[None]:
    """Lock the files for one process: a scrape in the middle of a merge would count requests twice."""
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _merge_exited() -> None:
    for kind in ("counter", "histogram"):
        sums: dict[str, float] = defaultdict(float)
        exited = [path for path in _FOLDER.glob(f"{kind}_*.db") if _has_exited(path)]
        for path in exited:
            for key, value, _timestamp, _position in MmapedDict.read_all_values_from_file(str(path)):
                sums[key] += value
        if not exited:
            continue
        merged = MmapedDict(str(_FOLDER / f"{kind}_{_EXITED}.db"))
        for key, value in sums.items():
            merged.write_value(key, merged.read_value(key)[0] + value, 0.0)
        merged.close()
        # If this process is killed before this line, they count twice: better than a count that decreases.
        for path in exited:
            path.unlink()


def _has_exited(path: Path) -> bool:
    number = path.stem.rpartition("_")[2]
    return number.isdigit() and not psutil.pid_exists(int(number))
