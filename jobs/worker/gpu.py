"""The GPU worker: claims jobs from Postgres, has its engine child make them, publishes them.

This process never touches CUDA. It can therefore watch the child, kill it, and keep its promises to Postgres while a
kernel hangs. One thread does it all; only publishing has threads of its own.
"""

import time
from collections.abc import Callable
from types import FrameType

import structlog
from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections

from common.outages import is_outage
from inference.catalogue import ModelSpec
from jobs.models import Job, Worker
from jobs.services.claim import claim_job
from jobs.services.close import OUT_OF_MEMORY, confirm_cancel, crash_job, fail_job, hand_back
from jobs.services.doorbell import pool_queue
from jobs.services.storage import is_gone
from jobs.worker.bell import BellWorker
from jobs.worker.card import WorkerCard
from jobs.worker.engine import Died, EngineProcess
from jobs.worker.guard import Guard
from jobs.worker.hold import Hold
from jobs.worker.messages import SCRATCH_FAILED, Cancel, Failed, LoadFailed, Made, Preview, Ready, Report, Step, Stopped
from jobs.worker.publish import Publisher
from jobs.worker.scratch import Scratch

log = structlog.get_logger(__name__)

_RUNNING_BEAT_SECONDS = 1.0
_TICK_SECONDS = 0.25
_LONGEST_RELOAD_PAUSE_SECONDS = 30
# A job that could not be read from the storage or written to the disk: not claimed again before.
_DISK_PAUSE_SECONDS = 10


class GpuWorker(BellWorker):
    """One worker, one device, one resident model."""

    def __init__(self, *, spec: ModelSpec, pool: str, device: str, source: str | None) -> None:
        super().__init__(pool_queue(pool))
        self.spec, self.pool = spec, pool
        self.engine = EngineProcess(
            model=spec.name, device=device, source=source, configure_logs=settings.CONFIGURE_LOGS
        )
        self.card = WorkerCard(name=self.name, pool=pool, model=spec.name, device=device)
        self.scratch = Scratch()
        self.publisher = Publisher()
        self.guard = Guard(lambda: self.running)
        self.engine_is_ready = False
        self.running: Hold | None = None
        self.engine_trouble = ""
        self.load_again_at, self.failed_loads = 0.0, 0
        self.drain_until = float("inf")

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM means drain: no new claim; finish what fits into DRAIN_SECONDS, hand back the rest."""
        if not self.stopping:
            self.drain_until = time.monotonic() + settings.DRAIN_SECONDS
        super().request_stop(signum, frame)

    def run(self) -> None:
        """Works until told to stop."""
        self._install_signal_handlers()
        self.show_in_registry()
        self.guard.start()
        try:
            while not self.finished:
                try:
                    self.turn()
                except AnyDatabaseError as error:
                    if not is_outage(error):
                        raise
                    log.warning("database_lost", reason=str(error).strip())
                    close_old_connections()
                    time.sleep(1)
        finally:
            self.leave()

    def turn(self) -> None:
        """One round of the loop."""
        self.keep_engine()
        tick = 0 if self.is_idle else _TICK_SECONDS
        for report in self.engine.reports(timeout_seconds=tick, or_when=self.publisher.done_signal):
            self.hear(report)
        self.keep_holds()
        self.keep_card()
        if self.is_idle:
            self.claim_or_wait()

    @property
    def is_idle(self) -> bool:
        """Ready for a job and allowed to claim one."""
        free = self.running is None and not self.publisher.is_full
        may_claim = not self.stopping and not self.card.drain_requested and not self.card.trouble
        return self.engine_is_ready and free and may_claim

    @property
    def finished(self) -> bool:
        """Told to stop, and nothing is in hand any more or the time for it is over."""
        in_hand = self.running is not None or self.publisher.holds
        return self.stopping and (not in_hand or time.monotonic() > self.drain_until)

    def keep_engine(self) -> None:
        """Starts a child where there is none, unless the last one just failed to load."""
        if not self.engine.is_running and not self.stopping and time.monotonic() >= self.load_again_at:
            self.engine_is_ready = False
            self.engine.start()

    def claim_or_wait(self) -> None:
        """The next job if there is one, else waits for the bell."""
        job = self.claim()
        if job is None and self.wait_for_bell():
            job = self.claim()
            if job is None:
                # All bells so far rang for jobs that are taken; one that rings after this is for a job still to come.
                self.silence_bell()
                job = self.claim()
        if job is not None:
            self.start(job)

    def claim(self) -> Job | None:
        return claim_job(
            pool=self.pool, worker_id=self.card.id, models=[self.spec.name], vram_mb=self.card.vram_for_a_job_mb
        )

    def start(self, job: Job) -> None:
        """Hands a claimed job to the engine."""
        hold = Hold(job=job, folder=self.scratch.folder(job.fence), end_engine=self.engine.ender())
        self.running = hold
        log.info("job_started", task_id=job.public_id, attempt=job.attempt, model=job.model)
        try:
            order = hold.prepare()
        except OSError as error:
            if isinstance(error, FileNotFoundError) and is_gone(job.source_key):
                missing = "Its picture is gone."
                self.end_running(lambda: fail_job(fence=job.fence, code="source_missing", message=missing))
                return
            log.error("storage_failed", task_id=job.public_id, reason=str(error))
            self.end_running(lambda: hand_back(fence=job.fence, pause_seconds=_DISK_PAUSE_SECONDS))
        else:
            self.engine.send(order)

    def hear(self, report: Report | Died) -> None:
        """Acts on one word of the child. What it says of a run that is not the present one is dropped."""
        match report:
            case Ready():
                self.engine_is_ready = True
                self.engine_trouble = ""
                self.failed_loads = 0
                log.info("engine_ready", model=self.spec.name, seconds=round(report.load_seconds, 1))
            case LoadFailed():
                self.engine_trouble = report.message
                log.error("engine_not_loaded", model=self.spec.name, code=report.code, reason=report.message)
            case Died():
                self.bury_engine(report)
            case _ if self.running is None or report.fence != self.running.fence:
                log.warning("stray_report", report=type(report).__name__)
            case Step():
                self.running.note_step(report.step, report.total)
            case Preview():
                self.running.note_preview(report.jpeg)
            case Made():
                self.publish_running(report.gpu_seconds)
            case Stopped():
                fence = report.fence
                self.end_running(lambda: confirm_cancel(fence=fence))
            case Failed():
                self.note_failure(report)

    def bury_engine(self, report: Died) -> None:
        """The child is gone: the job that it held counts a crash, the next turn starts a successor."""
        log.warning("engine_died", exitcode=report.exitcode)
        if not self.engine_is_ready:
            self.failed_loads += 1
            self.load_again_at = time.monotonic() + min(2**self.failed_loads, _LONGEST_RELOAD_PAUSE_SECONDS)
            self.engine_trouble = self.engine_trouble or "The engine dies while it loads its model."
        self.engine_is_ready = False
        if self.running is not None:
            fence = self.running.fence
            self.end_running(lambda: crash_job(fence=fence, code="engine_crashed", message="The engine crashed."))

    def note_failure(self, report: Failed) -> None:
        fence, code, message = report.fence, report.code, report.message
        log.warning("run_failed", job=fence.job_id.hex, attempt=fence.attempt, code=code, reason=message)
        if code == SCRATCH_FAILED:
            self.end_running(lambda: hand_back(fence=fence, pause_seconds=_DISK_PAUSE_SECONDS))
        else:
            close = fail_job if report.permanent else crash_job
            self.end_running(lambda: close(fence=fence, code=code, message=message))
        # After running out of memory, too: the next try deserves a child whose memory is not fragmented.
        if report.broken or code == OUT_OF_MEMORY:
            self.recycle_engine()

    def recycle_engine(self) -> None:
        """Ends the child, whatever it does; the next turn starts a fresh one."""
        self.engine.stop()
        self.engine_is_ready = False

    def publish_running(self, gpu_seconds: float) -> None:
        hold = self.running
        assert hold is not None  # noqa: S101 (`hear` has checked it)
        self.running = None
        self.card.note_made(credits=hold.job.quoted_credits, seconds=gpu_seconds)
        self.publisher.take(hold, gpu_seconds=gpu_seconds)

    def keep_holds(self) -> None:
        """Renews leases, passes cancels on, ends runs that hang; forgets what is published."""
        self.card.jobs_done += self.publisher.keep()
        if self.running is not None:
            self.keep_running(self.running)

    def keep_running(self, hold: Hold) -> None:
        # Oftener than the lease needs: a cancel should be seen within a second.
        hold.beat_when_due(min(_RUNNING_BEAT_SECONDS, settings.BEAT_SECONDS))
        if hold.is_lost:
            self.recycle_engine()
            self.end_running(lambda: False)
        elif hold.trouble is not None:
            code, message = hold.trouble
            self.recycle_engine()
            self.end_running(lambda: crash_job(fence=hold.fence, code=code, message=message))
        elif hold.cancel_requested and not hold.cancel_sent:
            hold.cancel_sent = True
            self.engine.send(Cancel(hold.fence))

    def end_running(self, close: Callable[[], bool]) -> None:
        """Says in Postgres how the present run ended, then lets go of it. close: whether Postgres took its word."""
        hold = self.running
        assert hold is not None  # noqa: S101 (callers have checked it)
        try:
            if not close():
                log.warning("fenced_off", task_id=hold.job.public_id, attempt=hold.job.attempt)
        except AnyDatabaseError as error:
            # The lease will run out and the reconciler will see to the job.
            log.error("close_failed", task_id=hold.job.public_id, reason=str(error).strip())
        self.running = None
        hold.remove_files()

    def keep_card(self) -> None:
        """Tells the site what this worker is and does."""
        self.card.trouble = self.engine_trouble or self.publisher.trouble or self.scratch.trouble
        state = Worker.State.READY
        if self.stopping or self.card.drain_requested:
            state = Worker.State.DRAINING
        elif self.card.trouble:
            state = Worker.State.UNHEALTHY
        elif not self.engine_is_ready:
            state = Worker.State.STARTING
        elif self.running is not None:
            state = Worker.State.BUSY
        if self.card.publish_when_due(state):
            self.show_in_registry()

    def leave(self) -> None:
        """Hands back what is not finished, and takes its name off the door."""
        self.guard.stop()
        self.engine.stop()
        self.publisher.abandon()
        unfinished = self.publisher.holds
        if self.running is not None:
            unfinished.append(self.running)
        try:
            for hold in unfinished:
                hand_back(fence=hold.fence)
            self.card.remove()
        except AnyDatabaseError as error:
            log.error("not_handed_back", reason=str(error).strip(), consequence="the leases will run out")
        self.leave_registry()
        self.scratch.remove()
        log.info("worker_stopped", jobs_done=self.card.jobs_done)
