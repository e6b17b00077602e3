"""Announcements to everybody, and the record of impersonations."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.audit.triggers import AuditTrigger
from accounts.models import User

MAX_IMPERSONATION_DURATION = timedelta(hours=1)


class Announcement(models.Model):
    """A banner on every page, in both languages, for a period of time."""

    class Level(models.TextChoices):
        NOTE = "note", _("Note")
        WARNING = "warning", _("Warning")
        OUTAGE = "outage", _("Outage")

    text_en = models.CharField(_("English"), max_length=300)
    text_zh = models.CharField(_("Simplified Chinese"), max_length=300)
    level = models.CharField(_("level"), max_length=8, choices=Level.choices, default=Level.NOTE)
    starts_at = models.DateTimeField(_("start time"), default=timezone.now)
    ends_at = models.DateTimeField(
        _("end time"), null=True, blank=True, help_text=_("Leave empty to show it until you end it.")
    )
    dismissible = models.BooleanField(_("can be dismissed"), default=True)

    objects: ClassVar[models.Manager["Announcement"]] = models.Manager()

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering: ClassVar[list[str]] = ["-starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="announcement_ends_after_it_starts",
                violation_error_message=_("The end time must be after the start time."),
            ),
            models.CheckConstraint(
                condition=Q(level__in=("note", "warning", "outage")), name="announcement_level_known"
            ),
        ]
        triggers = [AuditTrigger()]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The text in the reader's language."""
        return self.text_zh if (get_language() or "").startswith("zh") else self.text_en

    @property
    def is_active(self) -> bool:
        now = timezone.now()
        return self.starts_at <= now and (self.ends_at is None or self.ends_at > now)


class Impersonation(models.Model):
    """An administrator's use of the portal as another person: why, from when to when, and from which IP address."""

    administrator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("administrator"))
    person = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("person"))
    reason = models.CharField(_("reason"), max_length=200)
    client_ip = models.GenericIPAddressField(_("IP address"), null=True)
    started_at = models.DateTimeField(_("start time"), auto_now_add=True)
    ended_at = models.DateTimeField(_("end time"), null=True)

    objects: ClassVar[models.Manager["Impersonation"]] = models.Manager()

    class Meta:
        verbose_name = _("impersonation")
        verbose_name_plural = _("impersonations")
        ordering: ClassVar[list[str]] = ["-started_at"]
        default_permissions = ("add", "view")
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="impersonation_has_a_reason")]

    def __str__(self) -> str:
        return f"{self.administrator} as {self.person}"

    @property
    def is_finished(self) -> bool:
        """Whether it was ended, or has reached its maximum duration."""
        return self.ended_at is not None or timezone.now() >= self.started_at + MAX_IMPERSONATION_DURATION
