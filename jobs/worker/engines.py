"""The engine processes of a worker's models. At most one of them runs: the resident model has the memory for itself."""

import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from common.messages import Message
from inference.models.descriptor import ModelDescriptor
from inference.weights.store import WeightsStore
from jobs.queue.residency import Residency
from jobs.worker.engine import EngineExit, EngineProcess
from jobs.worker.messages import EngineCommand, RunMessage

log = structlog.get_logger(__name__)

# A failed load costs the other models a swap, so a worker that has others waits longer before it repeats one.
_MAX_RELOAD_DELAY_SECONDS, _MAX_RELOAD_DELAY_WITH_OTHERS_SECONDS = 30, 600


class Engines:
    """The engine processes of a worker, one for each of its models.

    idle_unload_seconds: how long the resident model stays loaded without a job; None: forever.
    """

    def __init__(
        self,
        models: Sequence[ModelDescriptor],
        *,
        device: str,
        source: str | None,
        store: WeightsStore,
        configure_logs: Callable[[], None],
        idle_unload_seconds: float | None = None,
    ) -> None:
        delay = _MAX_RELOAD_DELAY_SECONDS if len(models) == 1 else _MAX_RELOAD_DELAY_WITH_OTHERS_SECONDS
        self._engines = {
            model.name: EngineProcess(
                model=model,
                device=device,
                source=source,
                store=store,
                configure_logs=configure_logs,
                max_reload_delay_seconds=delay,
            )
            for model in models
        }
        self._idle_unload_seconds, self._used_at = idle_unload_seconds, time.monotonic()
        # The engine whose model is loaded or is to be loaded; None: no model is needed at present.
        self.current: EngineProcess | None = next(iter(self._engines.values()))
        self.residency = Residency()
        # Whether any model has been loaded so far.
        self.has_loaded = False

    @property
    def is_loading(self) -> bool:
        """Whether a model is to be loaded before the next job can start."""
        return self.current is not None and not self.current.is_ready

    @property
    def available(self) -> list[str]:
        """The models that are loaded or may be loaded: those that have just failed to load are left out."""
        return [name for name, engine in self._engines.items() if engine.may_start]

    @property
    def error(self) -> Message | None:
        """Why no model can be loaded; None while one of them may work."""
        errors = [engine.error for engine in self._engines.values()]
        return errors[0] if all(errors) else None

    def columns(self) -> dict[str, Any]:
        """Return what the row of the worker says about its models."""
        current = self.current
        return {
            "model": current.model_name if current and current.is_ready else "",
            "loading_model": current.model_name if current and current.is_loading else "",
            "installed_models": {
                name: {"load_seconds": engine.load_seconds, "error": engine.error.as_json() if engine.error else None}
                for name, engine in self._engines.items()
            },
        }

    def ensure_started(self) -> None:
        """Start the process of the current model if there is none, unless it has just failed to load."""
        if self.current is not None:
            self.current.ensure_started()

    def load(self, model: str) -> None:
        """Load a model instead of the present one, whose process exits first: its memory is free afterwards."""
        log.info("model_swap_started", model=model, previous=self.residency.model)
        self._unload()
        self.current = self._engines[model]
        self.current.ensure_started()

    def unload_if_idle(self, *, is_busy: bool) -> None:
        """Unload the resident model if it has had no job for `idle_unload_seconds`."""
        if is_busy or self.is_loading or self.current is None:
            self._used_at = time.monotonic()
        elif self._idle_unload_seconds is not None and time.monotonic() - self._used_at > self._idle_unload_seconds:
            log.info("idle_model_unloaded", model=self.residency.model)
            self._unload()

    def _unload(self) -> None:
        self.stop()
        self.current = None
        self.residency.load(None)

    def receive(self, *, timeout_seconds: float, wakeup_socket: socket.socket) -> list[RunMessage | EngineExit]:
        """Return the messages of the current engine, see `EngineProcess.receive`."""
        engine = self.current or next(iter(self._engines.values()))
        received = engine.receive(timeout_seconds=timeout_seconds, wakeup_socket=wakeup_socket)
        if engine.is_ready and self.residency.model != engine.model_name:
            self.residency.load(engine.model_name)
            self.has_loaded = True
        elif EngineExit() in received and engine.error and len(self._engines) > 1:
            self._unload()  # the other models go on; the next job of this one loads it again
        return received

    @property
    def waitables(self) -> list[Any]:
        """What becomes readable when there is something to `receive`, for `multiprocessing.connection.wait`."""
        return [] if self.current is None else self.current.waitables

    def send(self, command: EngineCommand) -> None:
        """Send a command to the current process."""
        if self.current is not None:
            self.current.send(command)

    def kill_callback(self) -> Callable[[], None]:
        """Return a function that kills the current process, see `EngineProcess.kill_callback`."""
        engine = self.current
        assert engine is not None  # noqa: S101 (a job has been claimed for its model)
        return engine.kill_callback()

    def stop(self) -> None:
        """Kill the current process at once."""
        if self.current is not None:
            self.current.stop()
