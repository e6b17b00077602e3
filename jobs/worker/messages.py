"""What the worker and its engine child say to each other.

Each message about a run carries its fence, (job, attempt): a cancel that arrives late must never hit the next job, nor
a result of a job that was taken away be published as another's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.messages import Message
from inference.generation import GenerationRequest
from jobs.fencing import Fence


@dataclass(frozen=True)
class GenerateCommand:
    """To the child: make this clip and leave its frames at `frames_path`."""

    fence: Fence
    request: GenerationRequest
    picture_path: Path
    frames_path: Path


@dataclass(frozen=True)
class CancelCommand:
    """To the child: stop this run after the present step."""

    fence: Fence


@dataclass(frozen=True)
class EngineReady:
    """From the child: the model is loaded."""

    load_seconds: float


@dataclass(frozen=True)
class LoadFailure:
    """From the child, before it exits: the model cannot be loaded."""

    code: str
    message: Message


@dataclass(frozen=True)
class StepProgress:
    """From the child: `step` of `total` pieces of work are done."""

    fence: Fence
    step: int
    total: int


@dataclass(frozen=True)
class PreviewFrame:
    """From the child: a small JPEG of the clip as it stands after the step that it told of last."""

    fence: Fence
    jpeg: bytes


@dataclass(frozen=True)
class GenerationResult:
    """From the child: the frames lie at the path it was given, (num_frames, height, width, 3) uint8 as .npy."""

    fence: Fence
    gpu_seconds: float


@dataclass(frozen=True)
class GenerationCancellation:
    """From the child: the run was canceled; the engine is well."""

    fence: Fence


SCRATCH_FAILED: Final = "scratch_failed"
"""The code of a run whose frames could not be written: the disk's fault, neither the job's nor the engine's."""


@dataclass(frozen=True)
class GenerationFailure:
    """From the child: the run failed. permanent: it would fail again. broken: the child exits, start a successor."""

    fence: Fence
    code: str
    message: Message
    permanent: bool
    broken: bool


EngineCommand = GenerateCommand | CancelCommand
EngineMessage = (
    EngineReady
    | LoadFailure
    | StepProgress
    | PreviewFrame
    | GenerationResult
    | GenerationCancellation
    | GenerationFailure
)
