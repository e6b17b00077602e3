"""Plans, wallets and the append-only ledger.

A wallet is a cache of its ledger: `balance` and `reserved` are the sums of the rows' deltas, and both are written in
one transaction. `manage.py check_ledger` compares them.
"""

import uuid
from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.audit.triggers import AuditTrigger
from accounts.models import ApiKey, Team, TeamOwnedQuerySet, User


class Limits(models.Model):
    """Limits of a team. None means unlimited in a plan, and "as in the plan" in an override."""

    # Share of GPU time relative to other teams when all GPUs are busy.
    weight = models.PositiveIntegerField(_("GPU weight"), null=True, blank=True)
    max_running = models.PositiveIntegerField(_("concurrent videos"), null=True, blank=True)
    max_queued = models.PositiveIntegerField(_("queued videos"), null=True, blank=True)
    # Credits granted at the start of each month (UTC), and whether the unspent part is kept after the month.
    monthly_credits = models.PositiveIntegerField(_("credits per month"), null=True, blank=True)
    rollover = models.BooleanField(_("rollover"), null=True, blank=True)
    # Width x height of a frame, and the length that a request for these `seconds` gets.
    max_pixels = models.PositiveIntegerField(_("maximum pixels"), null=True, blank=True)
    max_seconds = models.FloatField(_("maximum length (seconds)"), null=True, blank=True)
    allowed_formats = ArrayField(
        models.CharField(max_length=8), null=True, blank=True, verbose_name=_("allowed formats")
    )
    allowed_priorities = ArrayField(
        models.CharField(max_length=8), null=True, blank=True, verbose_name=_("allowed priorities")
    )
    allowed_models = ArrayField(
        models.CharField(max_length=60), null=True, blank=True, verbose_name=_("allowed models")
    )
    requests_per_minute = models.PositiveIntegerField(_("requests per minute"), null=True, blank=True)
    videos_per_day = models.PositiveIntegerField(_("videos per day"), null=True, blank=True)
    gpu_seconds_per_month = models.PositiveIntegerField(_("GPU seconds per month"), null=True, blank=True)
    storage_bytes = models.PositiveBigIntegerField(_("storage (bytes)"), null=True, blank=True)
    # Days that a finished video is kept; None: as long as the site's RETENTION_DAYS.
    retention_days = models.PositiveIntegerField(_("retention (days)"), null=True, blank=True)

    class Meta:
        abstract = True


class Plan(Limits):
    """A set of limits that is assigned to teams."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    weight = models.PositiveIntegerField(_("GPU weight"), default=1)
    max_running = models.PositiveIntegerField(_("concurrent videos"), default=4)
    max_queued = models.PositiveIntegerField(_("queued videos"), default=1000)
    requests_per_minute = models.PositiveIntegerField(_("requests per minute"), null=True, blank=True, default=600)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        constraints = [models.CheckConstraint(condition=Q(weight__gte=1), name="plan_weight_at_least_one")]
        triggers = [AuditTrigger()]

    def __str__(self) -> str:
        return self.name


class PlanOverride(Limits):
    """Limits of one team that differ from its plan."""

    team = models.OneToOneField(
        Team, on_delete=models.CASCADE, primary_key=True, related_name="plan_override", verbose_name=_("team")
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("override")
        verbose_name_plural = _("overrides")
        constraints = [
            models.CheckConstraint(
                condition=Q(weight=None) | Q(weight__gte=1), name="plan_override_weight_at_least_one"
            )
        ]
        triggers = [AuditTrigger()]

    def __str__(self) -> str:
        return f"override for {self.team}"


class Wallet(models.Model):
    """A team's credits: `balance` is free to spend, `reserved` belongs to jobs that are not finished."""

    team = models.OneToOneField(
        Team, on_delete=models.PROTECT, primary_key=True, related_name="wallet", verbose_name=_("team")
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="wallets", verbose_name=_("plan"))
    balance = models.BigIntegerField(_("available credits"), default=0)
    reserved = models.BigIntegerField(_("reserved credits"), default=0)
    # Total size of the stored results.
    stored_bytes = models.BigIntegerField(_("stored bytes"), default=0)
    # First day of the last month whose monthly credits were granted; later months are still due.
    granted_through = models.DateField(_("granted through"), null=True)
    # The greatest id of a job for which credits were reserved. Later jobs have greater ids.
    last_job_id: "models.UUIDField[uuid.UUID | None, uuid.UUID | None]" = models.UUIDField(
        _("last video ID"), null=True, editable=False
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(balance__gte=0), name="wallet_balance_not_negative"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="wallet_reserved_not_negative"),
        ]
        triggers = [AuditTrigger(ignored="balance reserved stored_bytes last_job_id")]  # recorded by ledger and usage

    def __str__(self) -> str:
        return f"{self.team}: {self.balance} free, {self.reserved} reserved"


class LedgerEntryQuerySet(TeamOwnedQuerySet["LedgerEntry"]):
    pass


class LedgerEntry(models.Model):
    """One movement of credits. Rows are never changed and never deleted."""

    class Kind(models.TextChoices):
        GRANT = "grant", _("Granted to the team")
        RESERVE = "reserve", _("Reserved for a video")
        SETTLE = "settle", _("Video completed: charged, the rest returned")
        RELEASE = "release", _("Video not completed: all returned")
        ADJUST = "adjust", _("Adjusted by an administrator")

    id = models.BigAutoField(_("ID"), primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="ledger", verbose_name=_("team"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    balance_delta = models.BigIntegerField(_("available credits"))
    reserved_delta = models.BigIntegerField(_("reserved credits"))
    # Not a foreign key: accounts must not depend on jobs.
    job_id: "models.UUIDField[uuid.UUID | None, uuid.UUID | None]" = models.UUIDField(_("video ID"), null=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("actor"))
    # First day of the month, for monthly grants and their expiry.
    period = models.DateField(_("month"), null=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects: ClassVar[models.Manager["LedgerEntry"]] = LedgerEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        indexes = [
            models.Index(fields=["team", "-id"], name="ledger_of_team"),
            # Grants and adjustments, among the many rows of jobs.
            models.Index(
                fields=["team", "created_at"], condition=Q(kind__in=("grant", "adjust")), name="ledger_without_jobs"
            ),
            # Grants of all teams by day.
            models.Index(fields=["created_at"], condition=Q(kind="grant"), name="ledger_grants"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["job_id"], condition=Q(kind="reserve"), name="ledger_one_reserve_per_job"),
            models.UniqueConstraint(
                fields=["job_id"], condition=Q(kind__in=("settle", "release")), name="ledger_one_closing_per_job"
            ),
            models.UniqueConstraint(
                fields=["team", "period"], condition=Q(kind="grant"), name="ledger_one_monthly_grant"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("grant", "adjust"), job_id=None)
                | Q(kind__in=("reserve", "settle", "release"), job_id__isnull=False),
                name="ledger_job_rows_name_their_job",
            ),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.kind} {self.balance_delta:+d} for {self.team}"


class UsageDayQuerySet(TeamOwnedQuerySet["UsageDay"]):
    pass


class UsageDay(models.Model):
    """Usage of one day (UTC) by person, key and model, counted in the transactions that move the credits.

    A video counts on the day when it was submitted. `credits` are those reserved or charged. They change under the
    wallet's lock, which makes caps on them exact.
    """

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="usage", verbose_name=_("team"))
    day = models.DateField(_("day"))
    # Without a constraint in the database: the counts stay when the person or key is deleted.
    user = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+", verbose_name=_("person")
    )
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.DO_NOTHING, db_constraint=False, null=True, related_name="+", verbose_name=_("API key")
    )
    model = models.CharField(_("model"), max_length=60)
    credits = models.BigIntegerField(_("credits"), default=0)
    videos = models.IntegerField(_("videos"), default=0)
    completed = models.IntegerField(_("completed videos"), default=0)
    gpu_seconds = models.FloatField(_("GPU seconds"), default=0)

    objects: ClassVar[models.Manager["UsageDay"]] = UsageDayQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["day"], name="usage_of_day")]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "day", "user", "api_key", "model"], name="usage_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.team}, {self.day}: {self.credits} credits"


class QuotaWarning(models.Model):
    """Warning that `percent` of the month's credits were used, emailed to owners and admins once per month and level.

    The row is written first and the emails follow, so that an unreachable mail server delays them but loses none.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+", verbose_name=_("team"))
    period = models.DateField(_("month"))
    percent = models.PositiveSmallIntegerField(_("percent"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    # Ids of the users who got their email.
    sent_to = ArrayField(models.BigIntegerField(), default=list, verbose_name=_("sent to"))
    # Until then one process sends the emails; afterwards another one may try.
    next_attempt_at = models.DateTimeField(_("next attempt"), null=True)
    # When all emails were sent, or a warning of a higher level replaced this one.
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        indexes = [models.Index(fields=["id"], condition=Q(finished_at=None), name="warning_to_send")]
        constraints = [models.UniqueConstraint(fields=["team", "period", "percent"], name="warning_once_a_month")]

    def __str__(self) -> str:
        return f"{self.team}: {self.percent} % of {self.period:%Y-%m}"
