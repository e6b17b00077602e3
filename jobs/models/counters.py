"""Counters for monitoring."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class MetricCounter(models.Model):
    """A counter of events of videos or webhooks for monitoring (`jobs/events/counters.py`). It only increases."""

    # The kind of an event, or `delivery`.
    kind = models.CharField(_("kind"), max_length=20)
    pool = models.CharField(_("pool"), max_length=40)
    model = models.CharField(_("model"), max_length=60)
    # The error code of a job that finished without a video; the outcome of a delivery.
    detail = models.CharField(_("detail"), max_length=60)
    # The upper bound of the histogram bucket, in seconds: time in the queue for `started`, processing time for
    # `completed`. `seconds` is the sum of the same durations.
    upper_bound = models.FloatField(_("bucket upper bound"))
    count = models.BigIntegerField(_("count"))
    seconds = models.FloatField(_("sum of seconds"))
    # Reserved credits for `queued`, charged credits for `completed`.
    credits = models.BigIntegerField(_("credits"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "pool", "model", "detail", "upper_bound"], name="metric_counter_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.model} {self.detail}: {self.count}"
