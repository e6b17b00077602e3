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
| `flash_at=N` | frame N, counted from 0, is white, and the sound is silent before and after it |
| `chance=P` | runs the actions at steps with probability P (default 1) |

Delays are skipped as soon as the file exists whose path is in the environment variable SCRIPT_SKIP_DELAYS_FILE. A test
can thus observe a run for as long as it needs, and then let it finish immediately.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from inference.audio import Audio
from inference.engines.base import Engine, GeneratedVideo, OnPreview, OnStep, no_preview
from inference.errors import DeviceBroken, InferenceError, OutOfMemory
from inference.frames_file import Frames
from inference.generation import GenerationInputs, GenerationRequest

_SAMPLE_RATE, _TONE_HERTZ = 24_000, 440


class ScriptedEngine(Engine):
    """Follows the script in the prompt. The color of the frames is derived from the seed; the sound is a tone."""

    def load(self) -> None:
        time.sleep(_parse_script(self.source or "").get("load", 0.0))
        self._leaked: list[bytearray] = []

    def generate(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> GeneratedVideo:
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
        flash_at = script.get("flash_at")
        return GeneratedVideo(_frames(request, flash_at), _tone(request, flash_at) if request.audio else None)


def _frames(request: GenerationRequest, flash_at: float | None) -> Iterator[Frames]:
    frame = np.full((1, request.height, request.width, 3), color_of(request.seed), np.uint8)
    for number in range(request.num_frames):
        yield np.full_like(frame, 255) if number == flash_at else frame


def _tone(request: GenerationRequest, flash_at: float | None) -> Audio:
    seconds = np.arange(round(request.duration_seconds * _SAMPLE_RATE)) / _SAMPLE_RATE
    tone = 0.5 * np.sin(2 * np.pi * _TONE_HERTZ * seconds)
    if flash_at is not None:
        tone[seconds * request.fps // 1 != flash_at] = 0
    return Audio(np.stack([tone, tone]).astype(np.float32), _SAMPLE_RATE)


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
