"""Counters and histograms of videos, credits and webhooks, from the rows of `MetricCounter`."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from jobs.events.counters import BUCKET_BOUNDS_SECONDS
from jobs.models import MetricCounter
from jobs.states import TERMINAL

_LABELS = ["pool", "model"]


def collect() -> Iterator[Metric]:
    rows: dict[str, list[MetricCounter]] = defaultdict(list)
    for row in MetricCounter.objects.order_by("pk"):
        rows[row.kind].append(row)
    yield _histogram(
        "mutoscope_video_queue_duration_seconds",
        "Seconds from the submission of a video to its first start.",
        rows["started"],
    )
    yield _histogram(
        "mutoscope_video_processing_duration_seconds",
        "Seconds from the first start of a video to its result.",
        rows["completed"],
    )
    submitted = CounterMetricFamily("mutoscope_videos_submitted", "Videos accepted.", labels=_LABELS)
    for labels, group in _by_labels(rows["queued"]).items():
        submitted.add_metric(labels, sum(row.count for row in group))
    finished = CounterMetricFamily(
        "mutoscope_videos_finished",
        "Finished videos by state and error code.",
        labels=[*_LABELS, "state", "error_code"],
    )
    for state in sorted(TERMINAL):
        for (pool, model, code), count in _counts(rows[state]).items():
            finished.add_metric([pool, model, state, code], count)
    yield from (submitted, finished)
    for name, help_text, kind in (
        ("mutoscope_credits_reserved", "Credits reserved for submitted videos.", "queued"),
        ("mutoscope_credits_spent", "Credits charged for videos.", "completed"),
    ):
        yield CounterMetricFamily(name, help_text, sum(row.credits for row in rows[kind]))
    attempts = SummaryMetricFamily(
        "mutoscope_webhook_attempt_duration_seconds", "Seconds per webhook attempt, by outcome.", labels=["outcome"]
    )
    for row in rows["delivery"]:
        attempts.add_metric([row.detail], row.count, row.seconds)
    yield attempts


def _by_labels(rows: Iterable[MetricCounter]) -> dict[tuple[str, ...], list[MetricCounter]]:
    groups: dict[tuple[str, ...], list[MetricCounter]] = defaultdict(list)
    for row in rows:
        groups[row.pool, row.model].append(row)
    return groups


def _counts(rows: Iterable[MetricCounter]) -> dict[tuple[str, str, str], int]:
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        counts[row.pool, row.model, row.detail] += row.count
    return counts


def _histogram(name: str, help_text: str, rows: Iterable[MetricCounter]) -> Metric:
    """Return a histogram with cumulative buckets; each row counts one bucket alone."""
    family = HistogramMetricFamily(name, help_text, labels=_LABELS)
    for labels, group in _by_labels(rows).items():
        # A bound of an earlier release counts towards the next bound of this release.
        cumulative = [
            ("+Inf" if bound == math.inf else str(bound), sum(row.count for row in group if row.upper_bound <= bound))
            for bound in (*BUCKET_BOUNDS_SECONDS, math.inf)
        ]
        family.add_metric(labels, cumulative, sum(row.seconds for row in group))
    return family
