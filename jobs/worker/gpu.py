"""The GPU worker: claims jobs from Postgres, generates videos in its engine process, publishes them.

This process never uses CUDA. It can therefore watch and kill the engine process, and renew its leases while a kernel
hangs. One thread does all of this; only publishing has threads of its own.
"""

import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections
from rq import Queue

from common.db_errors import is_transient
from common.errors import Overloaded
from common.messages import Message
from inference.models.descriptor import ModelDescriptor
from jobs.models import Job, Worker
from jobs.queue.claim import ModelSwap, claim_job_or_swap
from jobs.queue.finish import OUT_OF_MEMORY, confirm_cancel, fail_job, record_crash, requeue_job
from jobs.storage.files import ExtendedVideoMissing, SourceImageMissing
from jobs.worker.attempt import RunningAttempt
from jobs.worker.base import BaseWorker
from jobs.worker.engine import EngineExit
from jobs.worker.engines import Engines
from jobs.worker.heartbeat import WorkerHeartbeat
from jobs.worker.lease_watchdog import LeaseWatchdog
from jobs.worker.messages import (
    SCRATCH_FAILED,
    CancelCommand,
    ExternalJobChanged,
    GenerationCancellation,
    GenerationFailure,
    GenerationResult,
    PreviewFrame,
    RunMessage,
    StepProgress,
)
from jobs.worker.publish import Publisher
from jobs.worker.scratch import Scratch
from jobs.worker.weights import weights_store

log = structlog.get_logger(__name__)

_CANCEL_CHECK_INTERVAL_SECONDS = 1.0
_POLL_INTERVAL_SECONDS = 0.25
# Delay before a job is claimed again whose files could not be read from the storage or written to the disk.
_STORAGE_RETRY_DELAY_SECONDS = 10


class GpuWorker(BaseWorker):
    """One worker on one device with one or several models, of which one at a time is loaded."""

    def __init__(
        self,
        queues: list[Queue],
        *,
        models: Sequence[ModelDescriptor],
        pool: str,
        device: str,
        source: str | None,
        idle_unload_seconds: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(queues, **options)
        self.pool = pool
        self.engines = Engines(
            models,
            device=device,
            source=source,
            store=weights_store(),
            configure_logs=settings.CONFIGURE_LOGGING,
            idle_unload_seconds=idle_unload_seconds,
        )
        self.worker_heartbeat = WorkerHeartbeat(name=self.name, pool=pool, device=device)
        self.scratch = Scratch()
        self.publisher = Publisher()
        self.lease_watchdog = LeaseWatchdog(lambda: self.running_attempts)
        self.running_attempt: RunningAttempt | None = None
        self.drain_deadline = float("inf")

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Drain on SIGTERM: claim nothing, finish what fits into DRAIN_TIMEOUT_SECONDS, requeue the rest."""
        if not self.stop_requested:
            self.drain_deadline = time.monotonic() + settings.DRAIN_TIMEOUT_SECONDS
        super().request_stop(signum, frame)

    def run(self) -> None:
        """Work until a stop is requested and the drain is finished."""
        self._install_signal_handlers()
        self.register()
        self.lease_watchdog.start()
        try:
            while not self.is_finished:
                try:
                    self.run_once()
                except AnyDatabaseError as error:
                    if not is_transient(error):
                        raise
                    log.warning("database_lost", reason=str(error).strip())
                    close_old_connections()
                    time.sleep(1)
        finally:
            self.shut_down()

    def run_once(self) -> None:
        """Run one iteration of the loop."""
        if not self.stop_requested:
            self.engines.ensure_started()
        timeout = 0 if self.is_idle else _POLL_INTERVAL_SECONDS
        for message in self.engines.receive(timeout_seconds=timeout, wakeup_socket=self.publisher.done_signal):
            self.handle_message(message)
        self.maintain_attempts()
        self.engines.unload_if_idle(is_busy=self.running_attempt is not None)
        self.send_heartbeat()
        if self.is_idle:
            self.claim_or_wait()

    @property
    def is_idle(self) -> bool:
        """Whether the worker is ready for a job and allowed to claim one."""
        has_capacity = self.running_attempt is None and not self.publisher.is_full
        may_claim = (
            not self.stop_requested
            and not self.worker_heartbeat.drain_requested
            and not self.publisher.last_error
            and not self.scratch.last_error
        )
        return not self.engines.is_loading and has_capacity and may_claim

    @property
    def running_attempts(self) -> list[RunningAttempt]:
        """Return the attempts whose videos are being generated. Another thread reads them."""
        attempt = self.running_attempt
        return [] if attempt is None else [attempt]

    @property
    def is_finished(self) -> bool:
        """Whether a stop was requested, and all jobs are finished or DRAIN_TIMEOUT_SECONDS have passed."""
        has_jobs = self.running_attempts or self.publisher.attempts
        return self.stop_requested and (not has_jobs or time.monotonic() > self.drain_deadline)

    def claim_or_wait(self) -> None:
        """Claim and start the next job. If there is none, wait for a wake-up."""
        job = self.claim()
        # After a claim that began to load a model, the worker is no longer idle.
        if job is None and self.is_idle and self.wait_for_wakeup():
            job = self.claim()
            if job is None and self.is_idle:
                # All wake-ups so far were for jobs that have been claimed. Jobs submitted before the queue is cleared
                # are found by the claim below; later ones send a new wake-up.
                self.clear_wakeups()
                job = self.claim()
        if job is not None:
            self.start(job)

    def claim(self) -> Job | None:
        """Claim the next job for the loaded model. If another model has to be loaded first, begin to load it."""
        claimed = claim_job_or_swap(
            pool=self.pool,
            worker_id=self.worker_heartbeat.id,
            models=self.engines.available,
            vram_mb=self.worker_heartbeat.vram_per_job_mb,
            residency=self.engines.residency,
        )
        if isinstance(claimed, ModelSwap):
            self.engines.load(claimed.model)
            return None
        return claimed

    def start(self, job: Job) -> None:
        """Send a claimed job to the engine."""
        attempt = RunningAttempt(
            job=job, folder=self.scratch.folder(job.fence), kill_engine=self.engines.kill_callback()
        )
        self.running_attempt = attempt
        log.info("job_started", task_id=job.public_id, attempt=job.attempt, model=job.model)
        try:
            command = attempt.prepare()
        except SourceImageMissing:
            message = Message("The source image of this video no longer exists.")
            self.finish_running_attempt(lambda: fail_job(fence=job.fence, code="source_missing", message=message))
        except ExtendedVideoMissing:
            message = Message("The video that this one continues was deleted.")
            self.finish_running_attempt(lambda: fail_job(fence=job.fence, code="source_missing", message=message))
        except (OSError, Overloaded) as error:
            log.error("storage_failed", task_id=job.public_id, reason=str(error))
            self.finish_running_attempt(
                lambda: requeue_job(fence=job.fence, delay_seconds=_STORAGE_RETRY_DELAY_SECONDS)
            )
        else:
            self.engines.send(command)

    def handle_message(self, message: RunMessage | EngineExit) -> None:
        """Handle one message of the engine. A message about a run that is not the present one is ignored."""
        match message:
            case EngineExit():
                self.handle_engine_exit()
            case _ if self.running_attempt is None or message.fence != self.running_attempt.fence:
                log.warning("unexpected_engine_message", message_type=type(message).__name__)
            case StepProgress():
                self.running_attempt.record_step(message.step, message.total)
            case PreviewFrame():
                self.running_attempt.record_preview(message.jpeg)
            case ExternalJobChanged():
                self.running_attempt.record_external_job(message.external_job)
            case GenerationResult():
                self.publish_running_attempt(message)
            case GenerationCancellation():
                fence = message.fence
                self.finish_running_attempt(lambda: confirm_cancel(fence=fence))
            case GenerationFailure():
                self.handle_generation_failure(message)

    def handle_engine_exit(self) -> None:
        """Count a crash for the job that the engine had. The next iteration starts a new engine process."""
        if self.running_attempt is not None:
            fence = self.running_attempt.fence
            self.finish_running_attempt(
                lambda: record_crash(fence=fence, code="engine_crashed", message=Message("The engine crashed."))
            )

    def handle_generation_failure(self, failure: GenerationFailure) -> None:
        """Requeue, fail or retry the job, and replace the engine process if its state cannot be trusted."""
        fence, code, message = failure.fence, failure.code, failure.message
        log.warning("run_failed", job=fence.job_id.hex, attempt=fence.attempt, code=code, reason=str(message))
        if code == SCRATCH_FAILED:
            self.finish_running_attempt(lambda: requeue_job(fence=fence, delay_seconds=_STORAGE_RETRY_DELAY_SECONDS))
        else:
            finish = fail_job if failure.permanent else record_crash
            self.finish_running_attempt(lambda: finish(fence=fence, code=code, message=message))
        # Also after running out of memory: the next attempt needs a process whose memory is not fragmented.
        if failure.broken or code == OUT_OF_MEMORY:
            self.engines.stop()

    def publish_running_attempt(self, result: GenerationResult) -> None:
        """Pass the generated frames to the publisher, so that the engine is free for the next job."""
        attempt = self.running_attempt
        assert attempt is not None  # noqa: S101 (`handle_message` has checked it)
        self.running_attempt = None
        self.worker_heartbeat.record_completion(credits=attempt.job.quoted_credits, seconds=result.seconds)
        self.publisher.submit(attempt, gpu_seconds=result.gpu_seconds)

    def maintain_attempts(self) -> None:
        """Renew leases, forward cancellations, stop runs that hang, and drop attempts that are published."""
        self.worker_heartbeat.jobs_done += self.publisher.poll()
        if self.running_attempt is not None:
            self.maintain_running_attempt(self.running_attempt)

    def maintain_running_attempt(self, attempt: RunningAttempt) -> None:
        """Renew the lease of the running attempt and act on its loss, a timeout or a cancellation."""
        # More often than the lease needs: a cancellation should be noticed within a second.
        attempt.renew_lease_if_due(min(_CANCEL_CHECK_INTERVAL_SECONDS, settings.HEARTBEAT_INTERVAL_SECONDS))
        if attempt.is_lease_lost:
            self.engines.stop()
            self.finish_running_attempt(lambda: False)
        elif attempt.timeout_error is not None:
            code, message = attempt.timeout_error
            self.engines.stop()
            self.finish_running_attempt(lambda: record_crash(fence=attempt.fence, code=code, message=message))
        elif attempt.cancel_requested and not attempt.cancel_sent:
            attempt.cancel_sent = True
            self.engines.send(CancelCommand(attempt.fence))

    def finish_running_attempt(self, finish: Callable[[], bool]) -> None:
        """Write the outcome of the running attempt to Postgres and drop it.

        finish: writes the outcome and returns False if the attempt was fenced off.
        """
        attempt = self.running_attempt
        assert attempt is not None  # noqa: S101 (callers have checked it)
        attempt.store_external_job()
        try:
            if not finish():
                log.warning("attempt_fenced_off", task_id=attempt.job.public_id, attempt=attempt.job.attempt)
        except AnyDatabaseError as error:
            # The lease expires and the reconciler requeues the job.
            log.error("finish_failed", task_id=attempt.job.public_id, reason=str(error).strip())
        self.running_attempt = None
        attempt.remove_files()

    @property
    def last_error(self) -> Message | None:
        """Return why the worker cannot work at present, or None."""
        return self.engines.error or self.publisher.last_error or self.scratch.last_error

    def send_heartbeat(self) -> None:
        """Publish the state of this worker, if it is due."""
        self.worker_heartbeat.last_error = self.last_error
        self.worker_heartbeat.models = self.engines.columns()
        state = Worker.State.READY
        if self.stop_requested or self.worker_heartbeat.drain_requested:
            state = Worker.State.DRAINING
        elif self.worker_heartbeat.last_error:
            state = Worker.State.UNHEALTHY
        elif self.engines.is_loading:
            state = Worker.State.LOADING if self.engines.has_loaded else Worker.State.STARTING
        elif self.running_attempt is not None:
            state = Worker.State.BUSY
        if self.worker_heartbeat.send_if_due(state):
            self.register()

    def shut_down(self) -> None:
        """Requeue unfinished jobs and remove the worker from the registries."""
        self.lease_watchdog.stop()
        self.engines.stop()
        self.publisher.abort()
        try:
            for attempt in (*self.publisher.attempts, *self.running_attempts):
                attempt.store_external_job()
                requeue_job(fence=attempt.fence)
            self.worker_heartbeat.remove()
        except AnyDatabaseError as error:
            log.error("requeue_failed", reason=str(error).strip(), consequence="the leases will expire")
        self.unregister()
        self.scratch.remove()
        log.info("worker_stopped", jobs_done=self.worker_heartbeat.jobs_done)
