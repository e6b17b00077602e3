"""What happened so far, from the tally: counts and histograms that only grow."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from jobs.models import Tally
from jobs.services.tally import BOUNDS
from jobs.states import TERMINAL

_WORK = ["pool", "model"]


def collect() -> Iterator[Metric]:
    rows: dict[str, list[Tally]] = defaultdict(list)
    for row in Tally.objects.order_by("pk"):
        rows[row.kind].append(row)
    yield _histogram("mutoscope_video_wait_seconds", "From a video's submit to its first start.", rows["started"])
    yield _histogram("mutoscope_video_run_seconds", "From a video's first start to its result.", rows["completed"])
    submitted = CounterMetricFamily("mutoscope_videos_submitted", "Videos accepted.", labels=_WORK)
    for labels, of_work in _by_work(rows["queued"]).items():
        submitted.add_metric(labels, sum(row.count for row in of_work))
    ended = CounterMetricFamily(
        "mutoscope_videos_ended",
        "Videos that ended, by how and by which error.",
        labels=[*_WORK, "state", "error_code"],
    )
    for state in sorted(TERMINAL):
        for (pool, model, code), count in _counts(rows[state]).items():
            ended.add_metric([pool, model, state, code], count)
    yield from (submitted, ended)
    for name, help_text, kind in (
        ("mutoscope_credits_promised", "Credits reserved at submits.", "queued"),
        ("mutoscope_credits_spent", "Credits charged for videos.", "completed"),
    ):
        yield CounterMetricFamily(name, help_text, sum(row.credits for row in rows[kind]))
    tries = SummaryMetricFamily(
        "mutoscope_webhook_try_seconds", "Tries of webhooks, and their answers' time.", labels=["outcome"]
    )
    for row in rows["delivery"]:
        tries.add_metric([row.detail], row.count, row.seconds)
    yield tries


def _by_work(rows: Iterable[Tally]) -> dict[tuple[str, ...], list[Tally]]:
    found: dict[tuple[str, ...], list[Tally]] = defaultdict(list)
    for row in rows:
        found[row.pool, row.model].append(row)
    return found


def _counts(rows: Iterable[Tally]) -> dict[tuple[str, str, str], int]:
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for row in rows:
        found[row.pool, row.model, row.detail] += row.count
    return found


def _histogram(name: str, help_text: str, rows: Iterable[Tally]) -> Metric:
    """Cumulative, as Prometheus has it; the tally keeps each bucket for itself."""
    family = HistogramMetricFamily(name, help_text, labels=_WORK)
    for labels, of_work in _by_work(rows).items():
        # A bound that an earlier release had counts in the next that is there now.
        cumulative = [
            ("+Inf" if bound == math.inf else str(bound), sum(row.count for row in of_work if row.at_most <= bound))
            for bound in (*BOUNDS, math.inf)
        ]
        family.add_metric(labels, cumulative, sum(row.seconds for row in of_work))
    return family
