"""Batches and their items.

An item refers to an ordinary job, or contains the error of a refused request. *Intake* accepts a batch request by
request, each in its own transaction. The API request that does so holds a lease: if it is interrupted, the client can
send the batch again, and intake continues.
"""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Team, TeamOwnedQuerySet, User
from common.ids import new_id, public_id
from jobs.models import Job


class Batch(models.Model):
    """Up to MAX_ITEMS requests that were sent together."""

    class State(models.TextChoices):
        IN_PROGRESS = "in_progress", _("In progress")  # requests are being accepted, or videos are not finished
        COMPLETED = "completed", _("Completed")  # every video is finished, in whatever state
        CANCELED = "canceled", _("Canceled")  # the same, after a cancellation

    class OnError(models.TextChoices):
        """What happens to the other requests if one cannot be accepted."""

        CONTINUE = "continue", _("Accept the other requests")
        FAIL_FAST = "refuse_all", _("Reject the whole batch")  # the stored value is the name before the first release

    id: "models.UUIDField[uuid.UUID, uuid.UUID]" = models.UUIDField(
        _("ID"), primary_key=True, default=new_id, editable=False
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="batches", verbose_name=_("team"))
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="batches", verbose_name=_("person")
    )
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("API key")
    )
    name = models.CharField(_("name"), max_length=120, blank=True)
    metadata = models.JSONField(_("metadata"), default=dict)
    # Receives the finished batch, in addition to the team's webhooks.
    webhook_url = models.CharField(_("webhook URL"), max_length=2000, blank=True)
    on_error = models.CharField(_("on error"), max_length=12, choices=OnError.choices, default=OnError.CONTINUE)
    # The number of requests that were sent. There are fewer items during intake, and if intake was not completed.
    total = models.PositiveSmallIntegerField(_("requests"))

    # The client's key and a SHA-256 of the body; empty without a key, and 24 hours after it was sent.
    idempotency_key = models.CharField(_("idempotency key"), max_length=255, blank=True)
    fingerprint = models.BinaryField(_("fingerprint"), max_length=32)
    # The lease of the API request that does the intake, and the number of such requests; null once intake has finished.
    intake_lease_until = models.DateTimeField(_("intake lease until"), null=True)
    intake_attempt = models.PositiveSmallIntegerField(_("intake calls"), default=1)

    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.IN_PROGRESS)
    cancel_requested_at = models.DateTimeField(_("cancellation requested"), null=True)
    created_at = models.DateTimeField(_("submitted"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # A video that was not finished at the last check. As long as it is not, no other video has to be checked.
    pending_job = models.ForeignKey(
        Job, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("pending video")
    )

    objects: ClassVar[models.Manager["Batch"]] = TeamOwnedQuerySet["Batch"].as_manager()

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        constraints = [
            models.UniqueConstraint(
                fields=["team", "idempotency_key"], condition=~Q(idempotency_key=""), name="batch_once_per_key"
            ),
            models.CheckConstraint(
                condition=Q(state="in_progress", finished_at=None)
                | Q(state__in=("completed", "canceled"), finished_at__isnull=False, intake_lease_until=None),
                name="batch_ended_iff_finished",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-id"], name="batch_of_team"),
            models.Index(fields=["id"], condition=Q(state="in_progress"), name="batch_open"),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.state})"

    @property
    def public_id(self) -> str:
        return public_id("batch", self.id)

    @property
    def is_finished(self) -> bool:
        return self.state != self.State.IN_PROGRESS


class BatchItem(models.Model):
    """One request of a batch: the video that was created for it, or the error as in the API's error envelope."""

    id: "models.UUIDField[uuid.UUID, uuid.UUID]" = models.UUIDField(
        _("ID"), primary_key=True, default=new_id, editable=False
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+", verbose_name=_("team"))
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items", verbose_name=_("batch"))
    # The position among the requests, from 0.
    index = models.PositiveSmallIntegerField(_("index"))
    # The client's id for the request.
    custom_id = models.CharField(_("custom ID"), max_length=64, blank=True)
    job = models.OneToOneField(
        Job, on_delete=models.PROTECT, null=True, related_name="batch_item", verbose_name=_("video")
    )
    error = models.JSONField(_("error"), null=True)

    objects: ClassVar[models.Manager["BatchItem"]] = TeamOwnedQuerySet["BatchItem"].as_manager()

    class Meta:
        verbose_name = _("item of a batch")
        verbose_name_plural = _("items of batches")
        constraints = [
            models.UniqueConstraint(fields=["batch", "index"], name="batch_item_once"),
            models.UniqueConstraint(
                fields=["batch", "custom_id"], condition=~Q(custom_id=""), name="batch_item_custom_id_once"
            ),
            models.CheckConstraint(
                condition=Q(job__isnull=False, error=None) | Q(job=None, error__isnull=False),
                name="batch_item_is_video_or_error",
            ),
        ]
        indexes = [models.Index(fields=["batch", "id"], name="batch_item_of_batch")]

    def __str__(self) -> str:
        return f"{self.index} of {self.batch_id}"

    @property
    def public_id(self) -> str:
        return public_id("item", self.id)
