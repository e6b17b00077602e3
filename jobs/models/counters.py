"""Counts for monitoring."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class MetricCounter(models.Model):
    """What happened to videos and webhooks so far, counted for monitoring (`jobs/events/counters.py`). It only grows."""

    # An event's kind, or `delivery`.
    kind = models.CharField(_("kind"), max_length=20)
    pool = models.CharField(_("pool"), max_length=40)
    model = models.CharField(_("model"), max_length=60)
    # The error code of what ended without a video; the outcome of a delivery.
    detail = models.CharField(_("detail"), max_length=60)
    # Upper bound of the bucket of what `seconds` sums: waiting for `started`, running for `completed`.
    upper_bound = models.FloatField(_("bucket upper bound"))
    count = models.BigIntegerField(_("count"))
    seconds = models.FloatField(_("sum of seconds"))
    # Promised for `queued`, charged for `completed`.
    credits = models.BigIntegerField(_("credits"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "pool", "model", "detail", "upper_bound"], name="metric_counter_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.model} {self.detail}: {self.count}"
