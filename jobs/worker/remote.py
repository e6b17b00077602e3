"""The worker of a model whose videos another server makes: it follows several of them at once."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any

import structlog
from django.conf import settings
from rq import Queue

from common.messages import Message
from inference.engines.upstream.options import UpstreamOptions
from inference.errors import UPSTREAM_DENIED
from inference.models.descriptor import ModelDescriptor
from jobs.queue.finish import requeue_job
from jobs.worker.attempt import RunningAttempt
from jobs.worker.base import POLL_INTERVAL_SECONDS
from jobs.worker.engines import Engines
from jobs.worker.gpu import GpuWorker
from jobs.worker.messages import GenerationFailure, GenerationResult
from jobs.worker.server_check import ServerCheck
from jobs.worker.weights import weights_store

log = structlog.get_logger(__name__)

_LOOP_INTERVAL_SECONDS = 0.25
# A job that the server did not take waits this long, so that other jobs show whether it takes any.
_DENIED_RETRY_DELAY_SECONDS = 10


@dataclass
class EngineSlot:
    """One of the videos that a worker follows at once: its attempt, and the process that talks to the server.

    A process each: a file of the server that crashes a decoder, or a response that never ends, is the problem of one
    video alone.
    """

    engines: Engines
    running_attempt: RunningAttempt | None = None


class RemoteWorker(GpuWorker):
    """A worker with `concurrency` slots.

    It serves them in turn: what `GpuWorker` does with its engine and its running attempt, it does with those of
    `slot`, the one whose turn it is.
    """

    def __init__(self, queues: list[Queue], *, models: Sequence[ModelDescriptor], **options: Any) -> None:
        [descriptor] = models
        self.options = UpstreamOptions.parse(descriptor.engine_options)
        self.slots = [EngineSlot(_engines_of(descriptor)) for _ in range(self.options.concurrency)]
        self.slot = self.slots[0]
        self._next_poll_at = 0.0
        super().__init__(queues, models=models, **options)
        self.server_check = ServerCheck(self.options, model=descriptor.name)
        self.worker_heartbeat.concurrency = len(self.slots)
        self.worker_heartbeat.server = self.server_check.state

    @property
    def engines(self) -> Engines:
        return self.slot.engines

    @engines.setter
    def engines(self, engines: Engines) -> None:
        self.slot.engines = engines

    @property
    def running_attempt(self) -> RunningAttempt | None:
        return self.slot.running_attempt

    @running_attempt.setter
    def running_attempt(self, attempt: RunningAttempt | None) -> None:
        self.slot.running_attempt = attempt

    @property
    def running_attempts(self) -> list[RunningAttempt]:
        attempts = [slot.running_attempt for slot in self.slots]
        return [attempt for attempt in attempts if attempt is not None]

    @property
    def is_idle(self) -> bool:
        return super().is_idle and bool(self.server_check.state.is_available)

    @property
    def last_error(self) -> Message | None:
        return super().last_error or self.server_check.error

    def run(self) -> None:
        self.server_check.start()
        super().run()

    def run_once(self) -> None:
        self._wait()
        for _ in self._turns():
            if not self.stop_requested:
                self.engines.ensure_started()
            for message in self.engines.receive(timeout_seconds=0, wakeup_socket=self.publisher.done_signal):
                self.handle_message(message)
        self.maintain_attempts()
        self.send_heartbeat()
        self._turn_to_free_slot()
        if self.is_idle:
            self.claim_or_wait()

    def _turns(self) -> Iterator[None]:
        """Give each slot its turn."""
        for slot in self.slots:
            self.slot = slot
            yield

    def _wait(self) -> None:
        """Wait until an engine or the publisher has something to say, or it is time to claim a job."""
        self._turn_to_free_slot()
        timeout = max(0.0, min(_LOOP_INTERVAL_SECONDS, self._next_poll_at - time.monotonic()))
        waitables = [each for slot in self.slots for each in slot.engines.waitables]
        connection.wait([*waitables, self.publisher.done_signal], timeout if self.is_idle else _LOOP_INTERVAL_SECONDS)

    def _turn_to_free_slot(self) -> None:
        free = (slot for slot in self.slots if slot.running_attempt is None and not slot.engines.is_loading)
        self.slot = next(free, self.slots[0])

    def claim_or_wait(self) -> None:
        """Claim and start the next job. Wait for a wake-up only if there are no videos to follow in the meantime."""
        if not self.running_attempts:
            super().claim_or_wait()
        elif time.monotonic() >= self._next_poll_at:
            job = self.claim()
            if job is None:
                self._next_poll_at = time.monotonic() + POLL_INTERVAL_SECONDS
            else:
                self.start(job)

    def handle_generation_failure(self, failure: GenerationFailure) -> None:
        """Do as usual, but keep a job for which the server rejects our key or our account."""
        if failure.code == UPSTREAM_DENIED:
            log.error("upstream_server_denies", model=self.server_check.model, reason=str(failure.message))
            self.server_check.note_denial(failure.message)
            self.finish_running_attempt(
                lambda: requeue_job(fence=failure.fence, delay_seconds=_DENIED_RETRY_DELAY_SECONDS, was_refused=True)
            )
        else:
            super().handle_generation_failure(failure)

    def publish_running_attempt(self, result: GenerationResult) -> None:
        if result.waiting_seconds is not None:
            self.server_check.state.waiting_seconds = result.waiting_seconds
        super().publish_running_attempt(result)

    def maintain_attempts(self) -> None:
        self.worker_heartbeat.jobs_done += self.publisher.poll()
        for _ in self._turns():
            if self.running_attempt is not None:
                self.maintain_running_attempt(self.running_attempt)

    def send_heartbeat(self) -> None:
        """Publish the state of this worker, which is busy if one of its slots is."""
        self.slot = next((slot for slot in self.slots if slot.running_attempt is not None), self.slots[0])
        super().send_heartbeat()

    def shut_down(self) -> None:
        self.server_check.stop()
        for _ in self._turns():
            self.engines.stop()
            if self.running_attempt is not None:
                fence = self.running_attempt.fence
                self.finish_running_attempt(lambda: requeue_job(fence=fence))  # noqa: B023 (runs within this iteration)
        super().shut_down()


def _engines_of(descriptor: ModelDescriptor) -> Engines:
    return Engines(
        [descriptor], device="cpu", source=None, store=weights_store(), configure_logs=settings.CONFIGURE_LOGGING
    )
