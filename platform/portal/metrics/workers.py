"""Workers with a recent heartbeat: their state, and memory and utilization of their GPUs."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from common.clock import DatabaseNow
from jobs.models import Worker
from jobs.queue.eta import HEARTBEAT_MAX_AGE_SECONDS

_LABELS = ["worker", "pool", "model", "device"]
_MIB = 2**20


def collect() -> Iterator[Metric]:
    live = list(
        Worker.objects.filter(last_heartbeat_at__gte=DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS))
    )
    states = GaugeMetricFamily("mutoscope_workers", "Workers by state.", labels=["pool", "model", "state"])
    count = Counter((worker.pool, worker.model, worker.state) for worker in live)
    for pool, model in sorted({(worker.pool, worker.model) for worker in live}):
        # States without workers too: an alert on `unhealthy` needs a zero before the first one.
        for state in Worker.State.values:
            states.add_metric([pool, model, state], count[pool, model, state])
    total = GaugeMetricFamily("mutoscope_gpu_memory_bytes", "Memory of a worker's GPU.", labels=_LABELS)
    used = GaugeMetricFamily("mutoscope_gpu_memory_used_bytes", "Memory of a worker's GPU in use.", labels=_LABELS)
    utilization = GaugeMetricFamily(
        "mutoscope_gpu_utilization_ratio", "GPU utilization over the last sample period, 0 to 1.", labels=_LABELS
    )
    videos = CounterMetricFamily("mutoscope_worker_videos", "Videos made since the worker started.", labels=_LABELS)
    for worker in live:
        labels = [worker.name, worker.pool, worker.model, worker.device]
        videos.add_metric(labels, worker.jobs_done)
        if worker.device != "cpu":
            total.add_metric(labels, worker.vram_total_mb * _MIB)
            used.add_metric(labels, (worker.vram_total_mb - worker.vram_free_mb) * _MIB)
        if worker.gpu_utilization_percent is not None:
            utilization.add_metric(labels, worker.gpu_utilization_percent / 100)
    yield from (states, total, used, utilization, videos)
