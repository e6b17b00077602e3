"""The outbox of events of jobs."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jobs.models.job import Job


class JobEvent(models.Model):
    """An event of a job in the outbox: one row per job and kind, written in the transaction that changes the job."""

    id = models.BigAutoField(_("ID"), primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events", verbose_name=_("video"))
    kind = models.CharField(_("kind"), max_length=20)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # When the event was counted and its webhook deliveries were created.
    dispatched_at = models.DateTimeField(_("dispatched"), null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "kind"], name="event_once_per_job_and_kind")]
        indexes = [models.Index(fields=["id"], condition=Q(dispatched_at=None), name="event_undispatched")]

    def __str__(self) -> str:
        return f"video.{self.kind} of {self.job_id}"
