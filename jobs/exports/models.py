"""Exports of people's data."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common.ids import new_id


class Export(models.Model):
    """One export. `attempt` is the fencing token: a worker that lost its lease has an older one."""

    class State(models.TextChoices):
        WAITING = "waiting"  # for a maintenance worker, or being created by one that holds the lease
        READY = "ready"  # can be downloaded until `expires_at`
        FAILED = "failed"  # all attempts failed
        GONE = "gone"  # the file was deleted

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
        """The folder of the export in the storage, inside the folder of the person."""
        return f"people/{self.user_id}/exports/{self.id.hex}"

    @property
    def attempt_key(self) -> str:
        """The storage key for the file of this attempt. A worker that lost its lease overwrites nothing."""
        return f"{self.folder}/{self.attempt}/mutoscope.zip"
