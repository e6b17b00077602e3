"""What happened to jobs, each kind once."""

from django.db import models
from django.db.models import Q

from jobs.models.job import Job


class JobEvent(models.Model):
    """The outbox: one row per job and kind, written in the transaction that made it true."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)
    # When webhooks were made of it.
    dispatched_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "kind"], name="event_once_per_job_and_kind")]
        indexes = [models.Index(fields=["id"], condition=Q(dispatched_at=None), name="event_undispatched")]

    def __str__(self) -> str:
        return f"video.{self.kind} of {self.job_id}"
