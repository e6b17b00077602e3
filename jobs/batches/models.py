"""Batches and their items.

An item is an ordinary job, or says why there is none. A batch is *taken* request by request, each in a transaction of
its own; whoever takes it holds a lease, so that a call that dies in the middle can be sent again and go on.
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
    """Up to MOST_ITEMS requests that came together."""

    class State(models.TextChoices):
        IN_PROGRESS = "in_progress", _("In progress")  # requests are being taken, or videos of it are not closed yet
        COMPLETED = "completed", _("Completed")  # every video of it is closed, however it ended
        CANCELED = "canceled", _("Canceled")  # the same, after somebody withdrew it

    class OnError(models.TextChoices):
        """What a request that cannot be taken means for the others."""

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
    # Where its end is told, beside the team's webhooks.
    webhook_url = models.CharField(_("webhook URL"), max_length=2000, blank=True)
    on_error = models.CharField(_("on error"), max_length=12, choices=OnError.choices, default=OnError.CONTINUE)
    # Requests that were sent; items are fewer while they are being taken, and where taking them was given up.
    total = models.PositiveSmallIntegerField(_("requests"))

    # The client's key and a SHA-256 of what came with it; empty without one, and once its day is over.
    idempotency_key = models.CharField(_("idempotency key"), max_length=255, blank=True)
    fingerprint = models.BinaryField(_("fingerprint"), max_length=32)
    # The lease of the call that takes requests, counted by `takes`; null once all are taken or given up.
    intake_lease_until = models.DateTimeField(_("intake lease until"), null=True)
    intake_attempt = models.PositiveSmallIntegerField(_("intake calls"), default=1)

    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.IN_PROGRESS)
    cancel_requested_at = models.DateTimeField(_("cancellation requested"), null=True)
    created_at = models.DateTimeField(_("submitted"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # A video of it that was not closed when somebody last looked: while it is not, nothing else has to be asked.
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
    """One request of a batch: the video that it became, or the error of the envelope that says why it did not."""

    id: "models.UUIDField[uuid.UUID, uuid.UUID]" = models.UUIDField(
        _("ID"), primary_key=True, default=new_id, editable=False
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="+", verbose_name=_("team"))
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items", verbose_name=_("batch"))
    # Its place among the requests, from 0.
    index = models.PositiveSmallIntegerField(_("index"))
    # The client's own name for it.
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
