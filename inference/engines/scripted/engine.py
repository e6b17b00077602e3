"""An engine that follows the script in its prompt: it waits, fails, hangs or crashes. For tests of its callers.

The script consists of words `name=value`; other words are ignored.

| word | effect |
|---|---|
| `delay=S` | takes S seconds per step, until delays are skipped |
| `load=S` (in the source) | takes S seconds to load |
| `fail_at=N` | fails permanently at step N |
| `oom_at=N` | runs out of memory at step N |
| `break_at=N` | loses its device at step N |
| `raise_at=N` | raises an unexpected exception at step N |
| `segfault_at=N` | dies of SIGSEGV at step N |
| `hang_at=N` | hangs at step N |
| `leak_mb=N` | leaks N MiB of memory |
| `chance=P` | runs the actions at steps with probability P (default 1) |

Delays are skipped as soon as the file exists whose path is in the environment variable SCRIPT_SKIP_DELAYS_FILE. A test
can thus observe a run for as long as it needs, and then let it finish immediately.
"""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np

from inference.engines.base import Engine, Frames, OnPreview, OnStep, no_preview
from inference.errors import DeviceBroken, InferenceError, OutOfMemory
from inference.generation import GenerationInputs, GenerationRequest


class ScriptedEngine(Engine):
    """Follows the script in the prompt; all its frames have one color, which is derived from the seed."""

    def load(self) -> None:
        time.sleep(_parse_script(self.source or "").get("load", 0.0))
        self._leaked: list[bytearray] = []

    def generate(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> Frames:
        script = _parse_script(request.prompt)
        is_triggered = random.random() < script.get("chance", 1.0)  # noqa: S311 (not for secrets)
        self._leaked.append(bytearray(int(script.get("leak_mb", 0)) << 20))
        for step in range(1, request.steps + 1):
            if not _skips_delays():
                time.sleep(script.get("delay", 0.0))
            if is_triggered:
                _run_actions(script, step)
            on_step(step, request.steps)
            on_preview(lambda: np.full((48, 64, 3), color_of(request.seed), np.uint8))
        frames = np.empty((request.num_frames, request.height, request.width, 3), np.uint8)
        frames[:] = color_of(request.seed)
        return frames


def color_of(seed: int) -> tuple[int, int, int]:
    """Return the color (red, green, blue) of every pixel of the video with this seed."""
    return seed & 0xFF, seed >> 8 & 0xFF, seed >> 16 & 0xFF


def _skips_delays() -> bool:
    signal_file = os.environ.get("SCRIPT_SKIP_DELAYS_FILE")
    return signal_file is not None and Path(signal_file).exists()


def _parse_script(text: str) -> dict[str, float]:
    pairs = (word.split("=", 1) for word in text.split() if "=" in word)
    return {name: float(value) for name, value in pairs}


def _run_actions(script: dict[str, float], step: int) -> None:
    if script.get("fail_at") == step:
        raise InferenceError("scripted_failure", "The script requests a failure.", permanent=True)
    if script.get("oom_at") == step:
        raise OutOfMemory("The script requests an out-of-memory error.")
    if script.get("break_at") == step:
        raise DeviceBroken("The script requests a lost device.")
    if script.get("raise_at") == step:
        raise RuntimeError("The script requests an unexpected error.")
    if script.get("segfault_at") == step:
        os.kill(os.getpid(), signal.SIGSEGV)
    while script.get("hang_at") == step:
        time.sleep(1)
