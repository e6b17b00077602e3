"""Idempotency keys of submissions."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Team
from jobs.models.job import Job


class IdempotencyRecord(models.Model):
    """A client's key for one submission. Sending the same request again returns its job instead of creating another."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", verbose_name=_("team"))
    key = models.CharField(_("idempotency key"), max_length=255)
    fingerprint = models.BinaryField(_("fingerprint"), max_length=32)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+", verbose_name=_("video"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "key"], name="idempotency_key_once_per_team")]

    def __str__(self) -> str:
        return self.key
