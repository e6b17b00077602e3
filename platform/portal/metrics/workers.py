"""Workers with a recent heartbeat: their state, their models, and memory and utilization of their GPUs."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from common.clock import DatabaseNow
from jobs.models import Worker
from jobs.queue.eta import HEARTBEAT_MAX_AGE_SECONDS
from jobs.queue.upstream_servers import upstream_servers

# A worker with several models has the names of all of them in `model`, separated by commas.
_LABELS = ["worker", "pool", "model", "device"]
_MIB = 2**20


def collect() -> Iterator[Metric]:
    live = list(
        Worker.objects.filter(last_heartbeat_at__gte=DatabaseNow() - timedelta(seconds=HEARTBEAT_MAX_AGE_SECONDS))
    )
    states = GaugeMetricFamily("mutoscope_workers", "Workers of a model by state.", labels=["pool", "model", "state"])
    count = Counter((worker.pool, model, worker.state) for worker in live for model in _models(worker))
    for pool, model in sorted({(worker.pool, model) for worker in live for model in _models(worker)}):
        # States without workers too: an alert on `unhealthy` needs a zero before the first one.
        for state in Worker.State.values:
            states.add_metric([pool, model, state], count[pool, model, state])
    total = GaugeMetricFamily("mutoscope_gpu_memory_bytes", "Memory of a worker's GPU.", labels=_LABELS)
    used = GaugeMetricFamily("mutoscope_gpu_memory_used_bytes", "Memory of a worker's GPU in use.", labels=_LABELS)
    utilization = GaugeMetricFamily(
        "mutoscope_gpu_utilization_ratio", "GPU utilization over the last sample period, 0 to 1.", labels=_LABELS
    )
    videos = CounterMetricFamily("mutoscope_worker_videos", "Videos made since the worker started.", labels=_LABELS)
    loaded = GaugeMetricFamily(
        "mutoscope_worker_model_loaded", "1 if the worker has this model loaded, else 0.", labels=_LABELS[:3]
    )
    load_seconds = GaugeMetricFamily(
        "mutoscope_worker_model_load_seconds", "How long the worker took to load the model last.", labels=_LABELS[:3]
    )
    for worker in live:
        for model in _models(worker):
            loaded.add_metric([worker.name, worker.pool, model], model == worker.model)
            seconds = worker.installed_models.get(model, {}).get("load_seconds")
            if seconds is not None:
                load_seconds.add_metric([worker.name, worker.pool, model], seconds)
        labels = [worker.name, worker.pool, ",".join(_models(worker)), worker.device]
        videos.add_metric(labels, worker.jobs_done)
        if worker.device != "cpu":
            total.add_metric(labels, worker.vram_total_mb * _MIB)
            used.add_metric(labels, (worker.vram_total_mb - worker.vram_free_mb) * _MIB)
        if worker.gpu_utilization_percent is not None:
            utilization.add_metric(labels, worker.gpu_utilization_percent / 100)
    yield from (states, total, used, utilization, videos, loaded, load_seconds)
    yield from _upstream_metrics()


def _models(worker: Worker) -> list[str]:
    return sorted({worker.model, *worker.installed_models} - {""})


def _upstream_metrics() -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "mutoscope_upstream_up", "Whether videos can be sent to the upstream server of a model.", labels=["model"]
    )
    waiting = GaugeMetricFamily(
        "mutoscope_upstream_queue_duration_seconds",
        "How long the latest video of a model waited in the queue of its upstream server.",
        labels=["model"],
    )
    for server in upstream_servers():
        up.add_metric([server.model], server.is_available)
        if server.waiting_seconds is not None:
            waiting.add_metric([server.model], server.waiting_seconds)
    yield from (up, waiting)
