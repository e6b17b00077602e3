"""The job: one video, from its request to its result."""

from datetime import UTC
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey, Team, User
from accounts.quota.usage_key import UsageKey
from common.ids import new_id, public_id
from common.messages import Message
from jobs.fencing import Fence
from jobs.models.constraints import CONSTRAINTS, INDEXES, TRIGGERS
from jobs.states import TERMINAL, State


class Priority(models.IntegerChoices):
    LOW = 0, "low"
    NORMAL = 1, "normal"
    HIGH = 2, "high"


class JobQuerySet(models.QuerySet["Job"]):
    def for_team(self, team: Team) -> Self:
        """Return the team's videos without the deleted ones. Every read on behalf of a client starts here."""
        return self.filter(team=team, deleted_at=None)


class Job(models.Model):
    """One video: its request, its place in the queue, its lease and its result."""

    id = models.UUIDField(_("ID"), primary_key=True, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="jobs", verbose_name=_("team"))
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="jobs", verbose_name=_("person"))
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.SET_NULL, null=True, related_name="jobs", verbose_name=_("API key")
    )

    # The request
    model = models.CharField(_("model"), max_length=60)
    prompt = models.TextField(_("prompt"))
    negative_prompt = models.TextField(_("negative prompt"), blank=True)
    preset = models.CharField(_("preset"), max_length=40, blank=True)
    resolution = models.CharField(_("resolution"), max_length=12)
    width = models.PositiveSmallIntegerField(_("width"))
    height = models.PositiveSmallIntegerField(_("height"))
    # What the model makes; `total_frames` is what the file has.
    num_frames = models.PositiveSmallIntegerField(_("number of frames"))
    fps = models.PositiveSmallIntegerField(_("frames per second"))
    # None for models without them.
    steps = models.PositiveSmallIntegerField(_("number of steps"), null=True)
    guidance_scale = models.FloatField(_("guidance scale"), null=True)
    # Objects with the name of a LoRA of the model and its scale.
    loras = models.JSONField(_("LoRAs"), default=list, db_default=[])
    # Whether sound was asked for. `has_audio` is whether the file has it.
    audio = models.BooleanField(_("sound requested"), default=False, db_default=False)
    seed = models.BigIntegerField(_("seed"))
    output_format = models.CharField(_("format"), max_length=4)
    # In the folder of the job's files, also if there is no source image.
    source_key = models.CharField(_("source image key"), max_length=200)
    has_image = models.BooleanField(_("made from an image"), default=True, db_default=True)
    # Blank if there is no last image.
    last_image_key = models.CharField(_("last image key"), max_length=200, blank=True, default="", db_default="")
    metadata = models.JSONField(_("metadata"), default=dict)
    # Receives the job's events in addition to the team's webhooks.
    webhook_url = models.CharField(_("webhook URL"), max_length=2000, blank=True)
    # Payload format for `webhook_url`, a name in jobs/webhooks/payloads.py. Blank is our own format.
    webhook_format = models.CharField(_("webhook format"), max_length=40, blank=True)
    # The id of the video that this one was remixed from. That one may be deleted.
    remixed_from = models.UUIDField(_("remixed from"), null=True)
    # The id of the video that this one continues. With `leading_frames` the file begins with all frames of that video;
    # the first of `num_frames` is then left out, since it shows the same as the last of them.
    extends = models.UUIDField(_("continues"), null=True)
    leading_frames = models.PositiveSmallIntegerField(_("frames of the continued video"), default=0, db_default=0)
    warnings = models.JSONField(_("warnings"), default=list)

    # The queue
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.QUEUED)
    pool = models.CharField(_("pool"), max_length=40)
    priority = models.SmallIntegerField(_("priority"), choices=Priority.choices, default=Priority.NORMAL)
    vram_mb = models.PositiveIntegerField(_("VRAM (MB)"), default=0)
    not_before = models.DateTimeField(_("not before"), null=True)
    deadline_at = models.DateTimeField(_("start deadline"), null=True)
    cancel_requested_at = models.DateTimeField(_("cancellation requested"), null=True)

    # The lease. `attempt` counts claims and is the fencing token: every write of a worker names it.
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
    max_attempts = models.PositiveSmallIntegerField(_("maximum attempts"), default=3)
    crash_count = models.PositiveSmallIntegerField(_("crashes"), default=0)
    lease_owner = models.UUIDField(_("worker"), null=True)
    lease_until = models.DateTimeField(_("leased until"), null=True)
    steps_done = models.PositiveSmallIntegerField(_("steps done"), default=0)
    # The speed of the worker at the time of the claim. A copy, so that polling a running video reads only one table.
    seconds_per_credit = models.FloatField(_("seconds per credit"), null=True)
    # The job of another server that makes the video, and how often the video was sent again before. The next attempt
    # continues with it.
    external_id = models.CharField(_("ID at the upstream server"), max_length=200, null=True)  # noqa: DJ001
    external_resends = models.PositiveSmallIntegerField(_("sent again"), default=0, db_default=0)
    # Whether the server may still work on it: changes after the job is finished, once it is canceled there.
    external_is_open = models.BooleanField(
        _("may be in progress at the upstream server"), default=False, db_default=False
    )

    # The result
    result_key = models.CharField(_("result key"), max_length=200, blank=True)
    poster_key = models.CharField(_("poster key"), max_length=200, blank=True)
    result_bytes = models.PositiveBigIntegerField(_("result size (bytes)"), null=True)
    has_audio = models.BooleanField(_("has sound"), default=False, db_default=False)
    quoted_credits = models.PositiveIntegerField(_("quoted credits"))
    charged_credits = models.PositiveIntegerField(_("charged credits"), null=True)
    gpu_seconds = models.FloatField(_("GPU seconds"), null=True)
    error_code = models.CharField(_("error code"), max_length=60, blank=True)
    # The template of the message and its parameters. Rows of earlier releases have the complete text and no parameters.
    error_message = models.TextField(_("error message"), blank=True)
    error_params = models.JSONField(_("error parameters"), null=True)

    # Set before the row is written, because usage is counted on this day, earlier in the same transaction.
    created_at = models.DateTimeField(_("submitted"), default=timezone.now, editable=False)
    queued_at = models.DateTimeField(_("queued"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    # Retention. These three may still change after the job is finished.
    expires_at = models.DateTimeField(_("expires"), null=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True)
    files_deleted_at = models.DateTimeField(_("files deleted"), null=True)

    objects: ClassVar[models.Manager["Job"]] = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("video")
        verbose_name_plural = _("videos")
        constraints = CONSTRAINTS
        indexes = INDEXES
        triggers = TRIGGERS

    def __str__(self) -> str:
        return f"{self.public_id} ({self.state})"

    @property
    def public_id(self) -> str:
        return public_id("vid", self.id)

    @property
    def fence(self) -> Fence:
        """Return the fence of the attempt that held the job when the row was read."""
        return Fence(self.id, self.attempt)

    @property
    def usage_key(self) -> UsageKey:
        """Return the key of the usage row in which this job is counted."""
        return UsageKey(
            team_id=self.team_id,
            user_id=self.user_id,
            api_key_id=self.api_key_id,
            model=self.model,
            day=self.created_at.astimezone(UTC).date(),
        )

    def get_state_display(self) -> str:  # type: ignore[no-redef] # the stubs know Django's
        """Return the label of the state. Django's version hashes and translates all six states on each call."""
        return str(State(self.state).label)

    @property
    def error(self) -> Message | None:
        """Return why there is no video, or None if the job has no error."""
        return Message.from_columns(self.error_message, self.error_params) if self.error_code else None

    @property
    def warning_messages(self) -> list[Message]:
        return [Message.from_json(warning) for warning in self.warnings]

    @property
    def is_finished(self) -> bool:
        return self.state in TERMINAL

    @property
    def is_gone(self) -> bool:
        """Whether the files are deleted or past their retention, so that the API responds with 410."""
        is_past_retention = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.files_deleted_at is not None or is_past_retention

    @property
    def total_steps(self) -> int:
        """Return what `steps_done` counts to: the steps, or the frames of a model without steps."""
        return self.num_frames if self.steps is None else self.steps

    @property
    def progress(self) -> int:
        """Return the progress in whole percent. Only a completed job has 100."""
        if self.state == State.COMPLETED:
            return 100
        return min(99, 100 * self.steps_done // max(1, self.total_steps))

    @property
    def total_frames(self) -> int:
        """Return the number of frames of the file."""
        return self.leading_frames + self.num_frames - 1 if self.leading_frames else self.num_frames

    @property
    def seconds(self) -> float:
        """Return the length of the video in seconds."""
        return self.total_frames / self.fps
