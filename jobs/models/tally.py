"""Counts for monitoring."""

from django.db import models


class Tally(models.Model):
    """What happened to videos and webhooks so far, counted for monitoring (`jobs/services/tally.py`). It only grows."""

    # An event's kind, or `delivery`.
    kind = models.CharField(max_length=20)
    pool = models.CharField(max_length=40)
    model = models.CharField(max_length=60)
    # The error code of what ended without a video; the outcome of a delivery.
    detail = models.CharField(max_length=60)
    # Upper bound of the bucket of what `seconds` sums: waiting for `started`, running for `completed`.
    at_most = models.FloatField()
    count = models.BigIntegerField()
    seconds = models.FloatField()
    # Promised for `queued`, charged for `completed`.
    credits = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "pool", "model", "detail", "at_most"], name="tally_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.model} {self.detail}: {self.count}"
