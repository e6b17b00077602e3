"""A person's requests for their data, and where the file is."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.ids import new_id


class Export(models.Model):
    """One request. `attempt` counts tries and fences off a worker that lost its lease."""

    class State(models.TextChoices):
        WAITING = "waiting"  # for a side worker, or in one's hands while the lease lasts
        READY = "ready"  # to be downloaded until `expires_at`
        FAILED = "failed"  # tried in vain
        GONE = "gone"  # its file is deleted

    id: "models.UUIDField[uuid.UUID, uuid.UUID]" = models.UUIDField(
        _("ID"), primary_key=True, default=new_id, editable=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exports", verbose_name=_("person"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.WAITING)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=0)
    lease_until = models.DateTimeField(_("leased until"), null=True)
    file_key = models.CharField(_("file key"), max_length=200, blank=True)
    size_bytes = models.PositiveBigIntegerField(_("size (bytes)"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(state="waiting"), name="export_one_in_the_making"),
            models.CheckConstraint(
                condition=Q(state="ready", expires_at__isnull=False) & ~Q(file_key="") | ~Q(state="ready"),
                name="export_ready_iff_there_is_a_file",
            ),
        ]
        indexes = [models.Index(fields=["created_at"], condition=Q(state="waiting"), name="export_waiting")]

    def __str__(self) -> str:
        return f"{self.id} of {self.user_id} ({self.state})"

    @property
    def folder(self) -> str:
        """Below the person's own folder in the storage."""
        return f"people/{self.user_id}/exports/{self.id.hex}"

    @property
    def attempt_key(self) -> str:
        """Where this attempt puts its file: one that was fenced off overwrites nothing."""
        return f"{self.folder}/{self.attempt}/mutoscope.zip"
