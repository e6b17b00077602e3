"""The engine process: loads the model once, then generates one video after the other for its worker.

It is a separate process because a process cannot recover from its own hung or crashed CUDA call. It imports neither
Django nor Redis. The worker starts it with `multiprocessing`'s spawn method.
"""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from PIL.Image import Image

from common.messages import Message
from common.parent_death import set_parent_death_signal
from inference.audio import save_audio
from inference.engines.base import Engine, GeneratedVideo, PreviewFn, RemoteEngine, RemoteRun, RemoteVideo, load_engine
from inference.errors import Canceled, DeviceBroken, InferenceError, OutOfMemory
from inference.frames_file import FramesWriter
from inference.generation import ExternalJob, GenerationInputs
from inference.image_decoding.decode import decode_image
from inference.images import preview_jpeg
from inference.models.descriptor import ModelDescriptor
from inference.weights.store import WeightsStore, use_store
from jobs.fencing import Fence
from jobs.worker.messages import (
    SCRATCH_FAILED,
    CancelCommand,
    EngineCommand,
    EngineMessage,
    EngineReady,
    ExternalJobChanged,
    GenerateCommand,
    GenerationCancellation,
    GenerationFailure,
    GenerationResult,
    LoadFailure,
    PreviewFrame,
    StepProgress,
)

log = logging.getLogger(__name__)

# An engine that runs a thousand steps a second would otherwise keep its worker busy reading messages.
_PROGRESS_INTERVAL_SECONDS = 0.05
# A preview costs the engine one or two milliseconds.
_PREVIEW_INTERVAL_SECONDS = 0.5


def run_engine(
    pipe: "Connection[EngineMessage, EngineCommand]",
    *,
    parent_pid: int,
    configure_logs: Callable[[], None],
    model: ModelDescriptor,
    device: str,
    source: str | None,
    store: WeightsStore,
) -> None:
    """Run the engine process. Returns when the worker closes the pipe or the engine is broken."""
    # SIGTERM and Ctrl-C reach the whole process group. The worker decides what follows from them.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_parent_death_signal(signal.SIGKILL, parent_pid=parent_pid)
    configure_logs()
    use_store(store)
    try:
        engine = load_engine(model, device=device, source=source)
    except InferenceError as error:
        pipe.send(LoadFailure(error.code, _message(error)))
        return
    except Exception as error:
        log.exception("The model could not be loaded.")
        message = Message("The model could not be loaded: %(reason)s", {"reason": str(error)})
        pipe.send(LoadFailure("engine_failed", message))
        return
    pipe.send(EngineReady())
    healthy = True
    while healthy:
        try:
            command = pipe.recv()
        except (EOFError, OSError):  # closed, or the worker was killed
            return
        # A cancel command that arrives between runs is late: its run has finished.
        if isinstance(command, GenerateCommand):
            outcome = _generate(engine, model, command, pipe)
            healthy = not (isinstance(outcome, GenerationFailure) and outcome.broken)
            pipe.send(outcome)


class _RunCallbacks:
    """The callbacks of a run: they send progress and previews to the worker, and receive its cancel command."""

    def __init__(self, fence: Fence, pipe: "Connection[EngineMessage, EngineCommand]") -> None:
        self._fence, self._pipe = fence, pipe
        self._progress_sent_at = self._preview_sent_at = time.monotonic()

    def check_canceled(self) -> None:
        """Raise Canceled if the worker has canceled this run."""
        while self._pipe.poll():
            if _is_cancel_of(self._pipe.recv(), self._fence):
                raise Canceled

    def on_step(self, step: int, total: int) -> None:
        """Report progress. Raises Canceled if the worker has canceled this run."""
        self.check_canceled()
        now = time.monotonic()
        if now - self._progress_sent_at >= _PROGRESS_INTERVAL_SECONDS:
            self._progress_sent_at = now
            self._pipe.send(StepProgress(self._fence, step, total))

    def on_preview(self, preview: PreviewFn) -> None:
        now = time.monotonic()
        if now - self._preview_sent_at >= _PREVIEW_INTERVAL_SECONDS:
            self._preview_sent_at = now
            self._pipe.send(PreviewFrame(self._fence, preview_jpeg(preview())))

    def on_external_job(self, job: ExternalJob) -> None:
        self._pipe.send(ExternalJobChanged(self._fence, job))


def _generate(
    engine: Engine,
    model: ModelDescriptor,
    command: GenerateCommand,
    pipe: "Connection[EngineMessage, EngineCommand]",
) -> GenerationResult | GenerationCancellation | GenerationFailure:
    started, callbacks = time.monotonic(), _RunCallbacks(command.fence, pipe)
    try:
        inputs = GenerationInputs(_read_image(command.image_path), _read_image(command.last_image_path))
        if isinstance(engine, RemoteEngine):
            run = _remote_run(model, command, callbacks)
            with _translate_disk_errors():  # it downloads a file
                video: GeneratedVideo = engine.generate_remotely(command.request, inputs, callbacks.on_step, run)
        else:
            video = engine.generate(command.request, inputs, callbacks.on_step, callbacks.on_preview)
        _save(video, command, callbacks)
    except Canceled:
        return GenerationCancellation(command.fence)
    except MemoryError:
        error = OutOfMemory(
            "The machine does not have enough memory for this video. Choose fewer frames or a lower resolution."
        )
        return GenerationFailure(command.fence, error.code, _message(error), permanent=False, broken=False)
    except InferenceError as error:
        broken = isinstance(error, DeviceBroken)
        return GenerationFailure(command.fence, error.code, _message(error), permanent=error.permanent, broken=broken)
    except Exception:
        log.exception("The engine failed unexpectedly.")
        # The state of the engine cannot be trusted after an unknown error.
        return GenerationFailure(
            command.fence, "engine_failed", Message("The engine failed."), permanent=False, broken=True
        )
    seconds = time.monotonic() - started
    if isinstance(video, RemoteVideo):
        return GenerationResult(command.fence, seconds, video.gpu_seconds, video.waiting_seconds)
    return GenerationResult(command.fence, seconds, gpu_seconds=seconds)


def _save(video: GeneratedVideo, command: GenerateCommand, callbacks: _RunCallbacks) -> None:
    """Write the sound, and the frames as they come."""
    request = command.request
    with _translate_disk_errors():
        if video.audio is not None:
            save_audio(video.audio, command.audio_path)
        writer = FramesWriter(
            command.frames_path, num_frames=request.num_frames, height=request.height, width=request.width
        )
    with writer:
        for chunk in video.chunks:
            with _translate_disk_errors():
                writer.write(chunk)
            callbacks.check_canceled()
        with _translate_disk_errors():
            writer.finish()


def _read_image(path: Path | None) -> Image | None:
    return None if path is None else decode_image(path.read_bytes())


def _remote_run(model: ModelDescriptor, command: GenerateCommand, callbacks: _RunCallbacks) -> RemoteRun:
    return RemoteRun(
        key=str(command.fence.job_id),
        parameters=model.parameters,
        folder=command.frames_path.parent,
        timeout_seconds=command.timeout_seconds,
        external_job=command.external_job,
        on_external_job=callbacks.on_external_job,
    )


def _message(error: InferenceError) -> Message:
    return Message(error.template, error.params)


@contextmanager
def _translate_disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InferenceError(
            SCRATCH_FAILED, "The frames could not be written: %(reason)s", {"reason": str(error)}, permanent=False
        ) from error


def _is_cancel_of(command: EngineCommand, fence: Fence) -> bool:
    return isinstance(command, CancelCommand) and command.fence == fence
