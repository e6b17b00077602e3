"""The registry of workers."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.audit.triggers import AuditTrigger
from common.ids import new_id
from common.messages import Message


class Worker(models.Model):
    """A worker process. It updates its row every few seconds."""

    class State(models.TextChoices):
        STARTING = "starting", _("Starting up")  # no model has been loaded so far
        READY = "ready", _("Ready")  # no job is running; a model that is not loaded is loaded on demand
        BUSY = "busy", _("Busy")
        LOADING = "loading", _("Loading a model")  # a model is loaded instead of another, on demand or after a crash
        DRAINING = "draining", _("Draining")  # stopping or drained: finishes its jobs and claims no new ones
        UNHEALTHY = "unhealthy", _("Unhealthy")  # cannot work; `last_error` says why

    id: "models.UUIDField[uuid.UUID, uuid.UUID]" = models.UUIDField(_("ID"), primary_key=True, default=new_id)
    name = models.CharField(_("name"), max_length=120)
    pool = models.CharField(_("pool"), max_length=40)
    # The resident model: the one that is loaded. Empty while none is loaded.
    model = models.CharField(_("loaded model"), max_length=60, blank=True)
    loading_model = models.CharField(_("model being loaded"), max_length=60, blank=True, default="", db_default="")
    # The models that the worker can load, by name: `load_seconds`, how long that took the last time (null before the
    # first time), and `error`, why it failed the last time (null, or a message as JSON).
    installed_models = models.JSONField(_("models"), default=dict, db_default={})
    # The weights that were fetched on the machine of the worker: a list with `source`, `commit` and `size_bytes`.
    installed_weights = models.JSONField(_("weights on this machine"), default=list, db_default=[])
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.STARTING)
    # The template of a message and its parameters; a complete text, without parameters, in a row of an earlier release.
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    last_error_params = models.JSONField(_("parameters of the last error"), null=True)
    device = models.CharField(_("device"), max_length=40)
    device_name = models.CharField(_("device name"), max_length=120, blank=True)
    vram_total_mb = models.PositiveIntegerField(_("total VRAM (MB)"), default=0)
    vram_free_mb = models.PositiveIntegerField(_("free VRAM (MB)"), default=0)
    # None without a GPU, or if the driver does not report it.
    gpu_utilization_percent = models.PositiveSmallIntegerField(_("GPU utilization in percent"), null=True)
    jobs_done = models.PositiveIntegerField(_("videos completed"), default=0)
    # Measured on the latest videos of this worker; None before the first one.
    seconds_per_credit = models.FloatField(_("seconds per credit"), null=True)
    # How many videos the worker runs at once: more than one only if another server makes them.
    concurrency = models.PositiveSmallIntegerField(_("videos at once"), default=1, db_default=1)
    # Whether the upstream server of the model can be used, and since when it can or cannot. None without such a server.
    server_is_available = models.BooleanField(_("upstream server available"), null=True)
    server_changed_at = models.DateTimeField(_("upstream server available or unavailable since"), null=True)
    # How long the latest video waited in the queue of that server.
    server_waiting_seconds = models.FloatField(_("seconds in the upstream server's queue"), null=True)
    version = models.CharField(_("version"), max_length=40, blank=True)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    last_heartbeat_at = models.DateTimeField(_("last heartbeat"))
    # Set by an administrator and read by the worker at its heartbeat. While it is set, the worker claims no jobs.
    drain_requested_at = models.DateTimeField(_("drain requested"), null=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        triggers = [
            # Heartbeats every few seconds are not recorded; a drain request is.
            AuditTrigger(
                ignored="state model loading_model installed_models installed_weights last_error last_error_params "
                "device device_name vram_total_mb vram_free_mb gpu_utilization_percent jobs_done seconds_per_credit "
                "server_is_available server_changed_at server_waiting_seconds last_heartbeat_at"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"

    @property
    def last_error_message(self) -> Message:
        """Why the worker cannot work, or an empty message."""
        return Message.from_columns(self.last_error, self.last_error_params)

    @property
    def load_errors(self) -> dict[str, Message]:
        """Why models of the worker could not be loaded the last time, by model."""
        errors = {name: facts.get("error") for name, facts in self.installed_models.items()}
        return {name: Message.from_json(error) for name, error in errors.items() if error}

    @property
    def served_models(self) -> frozenset[str]:
        """The models whose jobs the worker claims: the loaded one, and those that it loads on demand."""
        return frozenset({self.model, *self.installed_models} - {""} - self.load_errors.keys())
