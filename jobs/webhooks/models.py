"""Webhook endpoints and the deliveries to them.

The outbox is the table of job events, which are written in the transactions of the jobs. For each event, a delivery is
created for every endpoint that subscribes to it, and attempted until it is accepted. All of this is in PostgreSQL:
it survives restarts and does not depend on Redis.
"""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.audit.triggers import AuditTrigger
from accounts.models import Team, TeamOwnedQuerySet, User
from common.ids import new_id, public_id
from common.messages import Message
from jobs.models import Job


class EventKind(models.TextChoices):
    """The events. `ping` is sent on request only."""

    COMPLETED = "video.completed"
    FAILED = "video.failed"
    CANCELED = "video.canceled"
    EXPIRED = "video.expired"
    STARTED = "video.started"
    BATCH_COMPLETED = "batch.completed"
    BATCH_CANCELED = "batch.canceled"
    PING = "ping"


# The default events of an endpoint: every way in which a video can finish.
FINISHED_KINDS = (EventKind.COMPLETED, EventKind.FAILED, EventKind.CANCELED, EventKind.EXPIRED)


class DisabledReason(models.TextChoices):
    """Why an endpoint is disabled. Pages show the label; the database and the API use the code."""

    BY_HAND = "by_hand", _("Disabled by a member of the team.")
    GONE = "gone", _("The server responded with status 410 (Gone).")
    FAILING = "failing", _("The server accepted no event for a day.")
    CREATOR_LEFT = "creator_left", _("The member who created it left the team or may no longer manage webhooks.")


class EndpointQuerySet(TeamOwnedQuerySet["Endpoint"]):
    def visible(self, team: Team) -> "EndpointQuerySet":
        """Return the endpoints that the team created, without the one that signs for `webhook_url` of jobs."""
        return self.for_team(team).filter(is_per_job=False)


class Endpoint(models.Model):
    """A URL of the team that receives events."""

    id = models.UUIDField(_("ID"), primary_key=True, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="webhooks", verbose_name=_("team"))
    url = models.CharField(_("URL"), max_length=2000)
    description = models.CharField(_("description"), max_length=200, blank=True)
    kinds = ArrayField(models.CharField(max_length=20, choices=EventKind.choices), verbose_name=_("events"))
    # Signs the deliveries to `webhook_url` of single jobs, and has no URL itself.
    is_per_job = models.BooleanField(_("for single videos"), default=False)
    # Not hashed, because it signs. `whsec_` and base64, as in Standard Webhooks.
    secret = models.CharField(_("signing secret"), max_length=80, editable=False)
    former_secret = models.CharField(_("previous signing secret"), max_length=80, blank=True, editable=False)
    # Until then, deliveries also have a signature by the former secret.
    former_until = models.DateTimeField(_("previous secret valid until"), null=True, blank=True)
    creator = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("created by")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    disabled_at = models.DateTimeField(_("disabled"), null=True, blank=True)
    disabled_reason = models.CharField(
        _("reason for disabling"), max_length=20, choices=DisabledReason.choices, blank=True
    )

    objects: ClassVar[EndpointQuerySet] = EndpointQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team"], condition=Q(is_per_job=True), name="webhook_one_secret_for_jobs"),
        ]
        triggers = [AuditTrigger(ignored="failing_since", hidden="secret former_secret")]

    def __str__(self) -> str:
        return self.url or f"webhook URLs of jobs of {self.team}"

    @property
    def public_id(self) -> str:
        return public_id("whk", self.id)


class DeliveryQuerySet(TeamOwnedQuerySet["Delivery"]):
    pass


class Delivery(models.Model):
    """One event for one URL, with its state."""

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"
        # Not sent again, because the URL gets a later event of the video.
        SUPERSEDED = "superseded"

    id = models.UUIDField(_("ID"), primary_key=True, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", verbose_name=_("team"))
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("endpoint")
    )
    job = models.ForeignKey(Job, on_delete=models.CASCADE, null=True, related_name="+", verbose_name=_("video"))
    kind = models.CharField(_("event"), max_length=20, choices=EventKind.choices)
    # One per (job, kind), however often it is sent: receivers use it to recognize repeated events.
    event_id = models.CharField(_("event ID"), max_length=80)
    url = models.CharField(_("URL"), max_length=2000)
    # The text that is signed. Every attempt sends the same one.
    body = models.TextField(_("body"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PENDING)
    tries = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(_("next attempt"), null=True)
    # Until then, an attempt may be in progress; None between attempts.
    lease_until = models.DateTimeField(_("lease until"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects: ClassVar[models.Manager["Delivery"]] = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="delivery_once_per_event"),
            models.CheckConstraint(
                condition=Q(state="pending", next_try_at__isnull=False, finished_at=None)
                | (~Q(state="pending") & Q(next_try_at=None, finished_at__isnull=False)),
                name="delivery_pending_iff_next_try",
            ),
        ]
        indexes = [
            models.Index(fields=["next_try_at"], condition=Q(state="pending"), name="delivery_due"),
            models.Index(fields=["endpoint", "-id"], name="delivery_of_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.url}: {self.state}"

    @property
    def public_id(self) -> str:
        return public_id("dlv", self.id)


class DeliveryAttempt(models.Model):
    """One attempt of a delivery and its response: the log for developers of receivers."""

    id = models.BigAutoField(_("ID"), primary_key=True)
    delivery = models.ForeignKey(
        Delivery, on_delete=models.CASCADE, related_name="attempts", verbose_name=_("delivery")
    )
    number = models.PositiveSmallIntegerField(_("number"))
    at = models.DateTimeField(_("time"), auto_now_add=True)
    seconds = models.FloatField(_("duration (seconds)"))
    # None if there was no response; then `error` contains the reason. `error` is also set for redirects.
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    response_excerpt = models.CharField(_("response excerpt"), max_length=1000, blank=True)
    # The template of a message and its parameters; rows of earlier releases hold the whole text, and no parameters.
    error = models.CharField(_("error"), max_length=200, blank=True)
    error_params = models.JSONField(_("error parameters"), null=True)

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.status or self.error_message}"

    @property
    def error_message(self) -> Message:
        return Message.from_columns(self.error, self.error_params)


def event_id(subject_id: uuid.UUID, kind: str) -> str:
    """Return the id of an event, which is the same in all its deliveries."""
    return f"evt_{subject_id.hex}_{kind.replace('.', '_')}"
