"""The engine child: loads the model once, then makes one clip after the other for its worker.

It lives in a process of its own because a hung or crashed CUDA call cannot be mended from within. It imports neither
Django nor Redis. Run by `multiprocessing`'s spawn method.
"""

import logging
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from common.lifeline import tied_to_parent
from inference.engines.base import Engine, Frames, Look, load_engine
from inference.errors import Canceled, DeviceBroken, InferenceError, OutOfMemory
from inference.pictures import decode_picture, preview_jpeg
from jobs.fence import Fence
from jobs.worker.messages import (
    SCRATCH_FAILED,
    Cancel,
    Failed,
    Generate,
    LoadFailed,
    Made,
    Order,
    Preview,
    Ready,
    Report,
    Step,
    Stopped,
)

log = logging.getLogger(__name__)

# Steps are told at most so often: an engine that makes a thousand a second would keep its worker busy listening.
_STEP_SECONDS = 0.05
# And what the clip looks like: it costs the engine a millisecond or two.
_LOOK_SECONDS = 0.5


def run_engine(
    pipe: "Connection[Report, Order]",
    *,
    parent_pid: int,
    configure_logs: Callable[[], None],
    model: str,
    device: str,
    source: str | None,
) -> None:
    """The child's main function. Returns when the worker closes the pipe or the engine is beyond repair."""
    # SIGTERM and Ctrl-C reach the whole group: they are the worker's to decide about.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tied_to_parent(signal.SIGKILL, parent_pid=parent_pid)()
    configure_logs()
    started = time.monotonic()
    try:
        engine = load_engine(model, device=device, source=source)
    except InferenceError as error:
        pipe.send(LoadFailed(error.code, error.message))
        return
    except Exception as error:
        log.exception("The model could not be loaded.")
        pipe.send(LoadFailed("engine_failed", f"The model could not be loaded: {error}"))
        return
    pipe.send(Ready(time.monotonic() - started))
    healthy = True
    while healthy:
        try:
            order = pipe.recv()
        except (EOFError, OSError):  # closed, or the worker was killed
            return
        # A cancel that finds no run came after its run was over: nothing to do.
        if isinstance(order, Generate):
            report = _make(engine, order, pipe)
            healthy = not (isinstance(report, Failed) and report.broken)
            pipe.send(report)


class _Relay:
    """Between a run and the worker: steps and looks to the one, a cancel to the other."""

    def __init__(self, fence: Fence, pipe: "Connection[Report, Order]") -> None:
        self._fence, self._pipe = fence, pipe
        self._told_at = self._looked_at = time.monotonic()

    def on_step(self, step: int, total: int) -> None:
        """Raises Canceled."""
        while self._pipe.poll():
            if _is_cancel_of(self._pipe.recv(), self._fence):
                raise Canceled
        now = time.monotonic()
        if now - self._told_at >= _STEP_SECONDS:
            self._told_at = now
            self._pipe.send(Step(self._fence, step, total))

    def on_look(self, look: Look) -> None:
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            self._pipe.send(Preview(self._fence, preview_jpeg(look())))


def _make(engine: Engine, order: Generate, pipe: "Connection[Report, Order]") -> Made | Stopped | Failed:
    started, relay = time.monotonic(), _Relay(order.fence, pipe)
    try:
        picture = decode_picture(order.picture_path.read_bytes())
        frames = engine.generate(order.request, picture, relay.on_step, relay.on_look)
        gpu_seconds = time.monotonic() - started
        _keep(frames, order.frames_path)
    except Canceled:
        return Stopped(order.fence)
    except MemoryError:
        error = OutOfMemory("The machine's memory does not suffice for this clip. Choose a smaller one.")
        return Failed(order.fence, error.code, error.message, permanent=False, broken=False)
    except InferenceError as error:
        broken = isinstance(error, DeviceBroken)
        return Failed(order.fence, error.code, error.message, permanent=error.permanent, broken=broken)
    except Exception:
        log.exception("The engine failed unexpectedly.")
        # Whatever it was, the state that it left behind is not to be trusted.
        return Failed(order.fence, "engine_failed", "The engine failed.", permanent=False, broken=True)
    return Made(order.fence, gpu_seconds)


def _keep(frames: Frames, path: Path) -> None:
    try:
        np.save(path, frames, allow_pickle=False)
    except OSError as error:
        raise InferenceError(SCRATCH_FAILED, f"The frames could not be written: {error}", permanent=False) from error


def _is_cancel_of(order: Order, fence: Fence) -> bool:
    return isinstance(order, Cancel) and order.fence == fence
