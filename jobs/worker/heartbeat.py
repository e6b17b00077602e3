"""The heartbeat of a worker: its row with device, model, state and measured speed."""

import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, Value, When

from common.clock import DatabaseNow
from common.ids import new_id
from common.messages import Message
from inference.devices import choose_device
from jobs.models import Worker
from jobs.worker.weights import describe_installed_weights

_STATE_CHANGE_INTERVAL_SECONDS = 1.0
# The weight of a video in the measured speed shrinks by this factor with each later video: the latest ten make up two
# thirds of the weight.
_DECAY = 0.9
# Keeps the value usable as a divisor if the clock measured no time.
_MIN_SECONDS_PER_CREDIT = 0.001


@dataclass
class UpstreamServerState:
    """Whether the server of the model can be used. changed_at: since when, on this machine's monotonic clock.

    waiting_seconds: how long the latest video waited in its queue, or None before the first one.
    """

    is_available: bool | None
    changed_at: float
    waiting_seconds: float | None = None


class WorkerHeartbeat:
    """The row of this process in the table of workers."""

    def __init__(self, *, name: str, pool: str, device: str) -> None:
        self.id: uuid.UUID = new_id()
        self.concurrency = 1
        self.server: UpstreamServerState | None = None
        # Why the worker cannot work at present.
        self.last_error: Message | None = None
        self.jobs_done = 0
        # Set if an administrator has requested a drain: the worker finishes its jobs and claims no new ones.
        self.drain_requested = False
        # The columns `model`, `loading_model` and `installed_models`.
        self.models: dict[str, Any] = {}
        self._identity = {"name": name, "pool": pool, "device": device, "version": settings.VERSION}
        self._installed_weights: list[dict[str, Any]] = []
        self._sent: tuple[Worker.State, dict[str, Any]] | None = None
        self._sent_at = 0.0
        self._device = choose_device(device)
        self._recent_credits = self._recent_seconds = 0.0

    def record_completion(self, *, credits: int, seconds: float) -> None:  # noqa: A002 (the name of the unit)
        """Record how long the device took for a video, and its quoted credits."""
        self._recent_credits = self._recent_credits * _DECAY + credits
        self._recent_seconds = self._recent_seconds * _DECAY + seconds

    @property
    def seconds_per_credit(self) -> float | None:
        """Return the measured seconds per credit, or None before the first video."""
        return (
            max(_MIN_SECONDS_PER_CREDIT, self._recent_seconds / self._recent_credits) if self._recent_credits else None
        )

    @property
    def vram_per_job_mb(self) -> int:
        """Return the memory available to one job, in MiB: all of it, since a worker runs one job at a time."""
        return self._device.total_mb

    def send_if_due(self, state: Worker.State) -> bool:
        """Write the row every HEARTBEAT_INTERVAL_SECONDS, and a new state within a second. Return whether it did.

        What is loaded belongs to the state.
        """
        now = time.monotonic()
        # Between short jobs a worker is ready for milliseconds, which is not worth a write each time.
        interval = (
            settings.HEARTBEAT_INTERVAL_SECONDS
            if (state, self.models) == self._sent
            else min(_STATE_CHANGE_INTERVAL_SECONDS, settings.HEARTBEAT_INTERVAL_SECONDS)
        )
        if self._sent is not None and now - self._sent_at < interval:
            return False
        self._device = choose_device(str(self._device))
        if self._sent is None or self.models != self._sent[1]:
            # Now, since loading a model may have fetched them, and not every time: the disk may be a slow share.
            self._installed_weights = describe_installed_weights()
        values = {
            **self._identity,
            **self.models,
            "installed_weights": self._installed_weights,
            "state": state,
            "last_error": self.last_error.template if self.last_error else "",
            "last_error_params": self.last_error.params_as_json() if self.last_error else None,
            "device": str(self._device),
            "device_name": self._device.name,
            "vram_total_mb": self._device.total_mb,
            "vram_free_mb": self._device.free_mb,
            "gpu_utilization_percent": self._device.utilization_percent,
            "jobs_done": self.jobs_done,
            "seconds_per_credit": self.seconds_per_credit,
            "concurrency": self.concurrency,
            **self._server_columns(),
            "last_heartbeat_at": DatabaseNow(),
        }
        row = Worker.objects.filter(pk=self.id)
        # A drain may have been requested since our last heartbeat. Do not overwrite it with our stale state.
        draining = When(drain_requested_at__isnull=False, then=Value(Worker.State.DRAINING))
        if not row.update(**{**values, "state": Case(draining, default=Value(state))}):
            Worker.objects.bulk_create([Worker(pk=self.id, **values)], ignore_conflicts=True)
        self.drain_requested = row.filter(drain_requested_at__isnull=False).exists()
        self._sent, self._sent_at = (state, self.models), now
        return True

    def _server_columns(self) -> dict[str, object]:
        if self.server is None:
            return {}
        # By the database's clock: how long ago the check measured it.
        seconds = time.monotonic() - self.server.changed_at
        return {
            "server_is_available": self.server.is_available,
            "server_changed_at": DatabaseNow() - timedelta(seconds=seconds),
            "server_waiting_seconds": self.server.waiting_seconds,
        }

    def remove(self) -> None:
        """Delete the row."""
        Worker.objects.filter(pk=self.id).delete()
