"""Jobs, their events, and the workers that make them.

The database keeps the promises that code might forget: which columns belong to which state (CHECKs), that a closed job
never changes again (trigger), and that an event of a kind happens once per job (unique constraint).
"""

import uuid
from datetime import UTC
from typing import ClassVar, Self

import pgtrigger
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Team, User
from accounts.quota.usage import Use
from common.ids import new_id, public_id
from jobs.fence import Fence
from jobs.states import ACTIVE, TERMINAL, State

# Kana, Chinese and Hangul, as a regular expression's set has them.
_UNSPACED = "぀-ヿ㐀-鿿가-힣"


class Priority(models.IntegerChoices):
    LOW = 0, "low"
    NORMAL = 1, "normal"
    HIGH = 2, "high"


class ClosedRowChanged(pgtrigger.AnyChange):
    """Holds when an update touches any but the excluded columns of a row that was terminal before."""

    def resolve(self, model: type[models.Model]) -> str:
        closed = pgtrigger.Q(old__state__in=sorted(TERMINAL)).resolve(model)
        return f"{closed} AND ({super().resolve(model)})"


class JobQuerySet(models.QuerySet["Job"]):
    def for_team(self, team: Team) -> Self:
        """A team's videos, without the deleted ones. Every read on behalf of a client starts here."""
        return self.filter(team=team, deleted_at=None)


class Job(models.Model):
    """One video: what was asked for, where it stands, what came of it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="jobs")
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="jobs")
    api_key = models.ForeignKey(ApiKey, on_delete=models.SET_NULL, null=True, related_name="jobs")

    # What was asked for
    model = models.CharField(max_length=60)
    prompt = models.TextField()
    negative_prompt = models.TextField(blank=True)
    preset = models.CharField(max_length=12, blank=True)
    resolution = models.CharField(max_length=12)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    num_frames = models.PositiveSmallIntegerField()
    fps = models.PositiveSmallIntegerField()
    steps = models.PositiveSmallIntegerField()
    guidance_scale = models.FloatField()
    seed = models.BigIntegerField()
    output_format = models.CharField(max_length=4)
    source_key = models.CharField(max_length=200)
    metadata = models.JSONField(default=dict)
    # Where its end is told, beside the team's webhooks.
    webhook_url = models.CharField(max_length=2000, blank=True)
    # In whose words, a name of jobs/webhooks/forms.py; blank is our own.
    webhook_form = models.CharField(max_length=40, blank=True)
    warnings = models.JSONField(default=list)

    # Where it stands in the queue
    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    pool = models.CharField(max_length=40)
    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    vram_mb = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)

    # Who holds it. `attempt` counts claims and is the fencing token: every worker's write names it.
    attempt = models.PositiveIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    crash_count = models.PositiveSmallIntegerField(default=0)
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    steps_done = models.PositiveSmallIntegerField(default=0)

    # What came of it
    result_key = models.CharField(max_length=200, blank=True)
    poster_key = models.CharField(max_length=200, blank=True)
    result_bytes = models.PositiveBigIntegerField(null=True)
    quoted_credits = models.PositiveIntegerField()
    charged_credits = models.PositiveIntegerField(null=True)
    gpu_seconds = models.FloatField(null=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)

    # Known before the row is written: the use is counted on this day in the same transaction, and first.
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    # Retention: these three may still change after the job is closed.
    expires_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)
    files_deleted_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Job"]] = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("video")
        verbose_name_plural = _("videos")
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="job_state_known"),
            models.CheckConstraint(
                condition=Q(state=State.IN_PROGRESS, lease_owner__isnull=False, lease_until__isnull=False)
                | (~Q(state=State.IN_PROGRESS) & Q(lease_owner=None, lease_until=None)),
                name="job_in_progress_iff_leased",
            ),
            models.CheckConstraint(
                condition=Q(state__in=TERMINAL, finished_at__isnull=False) | Q(state__in=ACTIVE, finished_at=None),
                name="job_terminal_iff_finished",
            ),
            models.CheckConstraint(
                condition=(Q(state=State.COMPLETED) & ~Q(result_key=""))
                | (~Q(state=State.COMPLETED) & Q(result_key="")),
                name="job_completed_iff_result",
            ),
            models.CheckConstraint(
                condition=Q(state=State.COMPLETED, charged_credits__lte=F("quoted_credits"))
                | (~Q(state=State.COMPLETED) & Q(charged_credits=None)),
                name="job_charged_iff_completed",
            ),
        ]
        indexes = [
            # The claim: teams with work in a pool, and the head of each team's line.
            models.Index(
                F("pool"), F("team"), F("priority").desc(), F("id"), condition=Q(state="queued"), name="job_queue"
            ),
            models.Index(fields=["team"], condition=Q(state="in_progress"), name="job_running_of_team"),
            # The reconciler
            models.Index(fields=["lease_until"], condition=Q(state="in_progress"), name="job_lease"),
            models.Index(
                fields=["deadline_at"], condition=Q(state="queued", deadline_at__isnull=False), name="job_deadline"
            ),
            models.Index(
                fields=["deleted_at"],
                condition=Q(deleted_at__isnull=False, files_deleted_at=None),
                name="job_files_to_delete",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False, files_deleted_at=None),
                name="job_retention",
            ),
            # The administrator's dashboard: what ended without a video, by state and error
            models.Index(
                fields=["finished_at"],
                include=["state", "error_code"],
                condition=Q(state__in=("failed", "canceled", "expired")),
                name="job_ended_without_video",
            ),
            # History: a team's videos, newest first (ids are ordered by time)
            models.Index(fields=["team", "-id"], condition=Q(deleted_at=None), name="job_history"),
            # The same by state, by model and by words. Closed videos alone: a row gets into these once, at its end, and
            # the open ones are few.
            models.Index(
                fields=["team", "state", "-id"], condition=Q(state__in=TERMINAL, deleted_at=None), name="job_of_state"
            ),
            models.Index(
                fields=["team", "model", "-id"], condition=Q(state__in=TERMINAL, deleted_at=None), name="job_of_model"
            ),
            GinIndex(
                OpClass(F("prompt"), name="gin_trgm_ops"),
                condition=Q(state__in=TERMINAL, deleted_at=None),
                name="job_words",
            ),
            # The letters of prompts in scripts without spaces, whose words are mostly of one or two: too short for the
            # index before.
            GinIndex(
                Func(
                    Func(F("prompt"), Value(f"[^{_UNSPACED}]"), Value(""), Value("g"), function="regexp_replace"),
                    Value(""),
                    function="regexp_split_to_array",
                ),
                condition=Q(state__in=TERMINAL, deleted_at=None, prompt__regex=f"[{_UNSPACED}]"),
                name="job_letters",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="terminal_rows_are_immutable",
                operation=pgtrigger.Update,
                condition=ClosedRowChanged(exclude=["deleted_at", "files_deleted_at", "expires_at", "user", "api_key"]),
            ),
            pgtrigger.Protect(
                name="terminal_rows_stay",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__state__in=sorted(TERMINAL)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} ({self.state})"

    @property
    def public_id(self) -> str:
        return public_id("vid", self.id)

    @property
    def fence(self) -> Fence:
        """The attempt that holds this row, as it was read."""
        return Fence(self.id, self.attempt)

    @property
    def use(self) -> Use:
        """What it counts as in the team's usage."""
        return Use(
            team_id=self.team_id,
            user_id=self.user_id,
            api_key_id=self.api_key_id,
            model=self.model,
            day=self.created_at.astimezone(UTC).date(),
        )

    def get_state_display(self) -> str:  # type: ignore[no-redef] # the stubs know Django's
        """As Django's, which hashes and translates all six states for each poster of a page."""
        return str(State(self.state).label)

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL

    @property
    def is_gone(self) -> bool:
        """Its files are deleted, or due to be: the content answers 410."""
        outlived = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.files_deleted_at is not None or outlived

    @property
    def progress(self) -> int:
        """Whole per cent. Only a published result is 100."""
        if self.state == State.COMPLETED:
            return 100
        return min(99, 100 * self.steps_done // max(1, self.steps))

    @property
    def seconds(self) -> float:
        """Length of the video."""
        return self.num_frames / self.fps


class JobEvent(models.Model):
    """The outbox: one row per job and kind, written in the transaction that made it true."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True)
    # When webhooks were made of it.
    announced_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "kind"], name="event_once_per_job_and_kind")]
        indexes = [models.Index(fields=["id"], condition=Q(announced_at=None), name="event_unannounced")]

    def __str__(self) -> str:
        return f"video.{self.kind} of {self.job_id}"


class KeptVariant(models.Model):
    """A file made on demand from a video and kept beside it; without its row it counts as not made.

    Not counted in the stored bytes of the team, as posters and source pictures are not: it can be made again.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="variants")
    name = models.CharField(max_length=20)
    key = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "name"], name="variant_once_per_job_and_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.job_id}"


class IdempotencyRecord(models.Model):
    """A client's key for one submit, so that sending it again finds the job instead of making another."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "key"], name="idempotency_key_once_per_team")]

    def __str__(self) -> str:
        return self.key


class TeamShare(models.Model):
    """A team's place in the fair share of a pool (start-time fair queueing).

    `finish_tag` is the virtual time at which the team's last claimed job ends. The claim takes the team with the
    smallest start tag, max(pool's virtual time, finish_tag): a team that was idle re-enters at the present, without
    credit for its absence.
    """

    pool = models.CharField(max_length=40)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    finish_tag = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "team"], name="share_of_team_in_pool")]

    def __str__(self) -> str:
        return f"{self.team_id} in {self.pool}: {self.finish_tag:.1f}"


class Pool(models.Model):
    """A queue that workers of one kind serve; `virtual_time` is the start tag of the job claimed last."""

    name = models.CharField(max_length=40, primary_key=True)
    virtual_time = models.FloatField(default=0)

    def __str__(self) -> str:
        return self.name


class Worker(models.Model):
    """What each worker process says of itself, every few seconds."""

    class State(models.TextChoices):
        STARTING = "starting"  # loading the model
        READY = "ready"  # the model is resident, no job in hand
        BUSY = "busy"
        DRAINING = "draining"  # told to stop: finishes what it holds
        UNHEALTHY = "unhealthy"  # cannot work; says why in `trouble`

    id: "models.UUIDField[uuid.UUID, uuid.UUID]" = models.UUIDField(primary_key=True, default=new_id)
    name = models.CharField(max_length=120)
    pool = models.CharField(max_length=40)
    model = models.CharField(max_length=60)
    state = models.CharField(max_length=10, choices=State.choices, default=State.STARTING)
    trouble = models.CharField(max_length=300, blank=True)
    device = models.CharField(max_length=40)
    device_name = models.CharField(max_length=120, blank=True)
    vram_total_mb = models.PositiveIntegerField(default=0)
    vram_free_mb = models.PositiveIntegerField(default=0)
    # How much of the last moment the GPU computed; None where its driver does not tell, and without one.
    gpu_busy_percent = models.PositiveSmallIntegerField(null=True)
    jobs_done = models.PositiveIntegerField(default=0)
    version = models.CharField(max_length=40, blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    last_beat_at = models.DateTimeField()
    # An administrator's wish, which the worker reads with its beat: it claims nothing more while this is set.
    drain_requested_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class Tally(models.Model):
    """What happened to videos and webhooks so far, counted for monitoring (`jobs/services/tally.py`). It only grows."""

    # An event's kind, or `delivery`.
    kind = models.CharField(max_length=20)
    pool = models.CharField(max_length=40)
    model = models.CharField(max_length=60)
    # The error code of what ended without a video; the outcome of a delivery.
    detail = models.CharField(max_length=60)
    # Upper bound of the bucket of what `seconds` sums: waiting for `started`, running for `completed`.
    at_most = models.FloatField()
    count = models.BigIntegerField()
    seconds = models.FloatField()
    # Promised for `queued`, charged for `completed`.
    credits = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "pool", "model", "detail", "at_most"], name="tally_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.model} {self.detail}: {self.count}"
