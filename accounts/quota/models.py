"""Plans, wallets and the append-only ledger.

A wallet is a cache of its ledger: `balance` and `reserved` are the sums of the rows' deltas, and both are written in
one transaction. The audit compares them.
"""

import uuid

import pgtrigger
from django.db import models
from django.db.models import Q

from accounts.models import Team, User


class Plan(models.Model):
    """What a team on this plan may use at once."""

    name = models.CharField(max_length=60, unique=True)
    # Share of the GPUs against other teams when all are busy.
    weight = models.PositiveIntegerField(default=1)
    max_running = models.PositiveIntegerField(default=4)
    max_queued = models.PositiveIntegerField(default=1000)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(weight__gte=1), name="plan_weight_at_least_one")]

    def __str__(self) -> str:
        return self.name


class Wallet(models.Model):
    """A team's credits: `balance` is free to spend, `reserved` is promised to jobs that are not closed yet."""

    team = models.OneToOneField(Team, on_delete=models.PROTECT, primary_key=True, related_name="wallet")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="wallets")
    balance = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(balance__gte=0), name="wallet_balance_not_negative"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="wallet_reserved_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.team}: {self.balance} free, {self.reserved} reserved"


class LedgerEntry(models.Model):
    """One movement of credits. Rows are never changed and never deleted."""

    class Kind(models.TextChoices):
        GRANT = "grant", "given to the team"
        RESERVE = "reserve", "promised to a job at submit"
        SETTLE = "settle", "a job succeeded: charged, the rest given back"
        RELEASE = "release", "a job ended otherwise: all given back"
        ADJUST = "adjust", "corrected by an administrator"

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="ledger")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    balance_delta = models.BigIntegerField()
    reserved_delta = models.BigIntegerField()
    # Not a foreign key: accounts lies below jobs and does not know it.
    job_id: "models.UUIDField[uuid.UUID | None, uuid.UUID | None]" = models.UUIDField(null=True)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["team", "-id"], name="ledger_of_team")]
        constraints = [
            models.UniqueConstraint(fields=["job_id"], condition=Q(kind="reserve"), name="ledger_one_reserve_per_job"),
            models.UniqueConstraint(
                fields=["job_id"], condition=Q(kind__in=("settle", "release")), name="ledger_one_closing_per_job"
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
