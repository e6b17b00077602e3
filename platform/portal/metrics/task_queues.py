"""Gauges of RQ's queues: waiting entries, running and failed jobs, workers. Without Redis they are missing."""

from collections.abc import Iterator

import redis
import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from portal.web.health import QUEUE_STATS_CHECK

log = structlog.get_logger(__name__)

_GAUGES = {
    "waiting": ("mutoscope_rq_queue_entries", "Entries that wait on a queue: tasks, or wake-ups of GPU workers."),
    "running": ("mutoscope_rq_running_tasks", "Tasks that are running."),
    "failed": ("mutoscope_rq_failed_tasks", "Tasks whose last run failed."),
    "workers": ("mutoscope_rq_workers", "Workers that listen to a queue."),
}


def collect() -> Iterator[Metric]:
    try:
        queues = QUEUE_STATS_CHECK()
    except (redis.RedisError, TimeoutError) as error:
        log.warning("queue_metrics_skipped", reason=str(error) or type(error).__name__)
        return
    for field, (name, text) in _GAUGES.items():
        gauge = GaugeMetricFamily(name, text, labels=["queue"])
        for queue in queues:
            gauge.add_metric([queue.name], getattr(queue, field))
        yield gauge
