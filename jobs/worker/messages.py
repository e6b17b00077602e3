"""The messages between a worker and its engine process.

Each message about a run carries its fence, (job, attempt). A late cancel command must never stop the next job, and the
result of a job that the worker has lost must never be published as the result of another job.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.messages import Message
from inference.generation import ExternalJob, GenerationRequest
from jobs.fencing import Fence


@dataclass(frozen=True)
class GenerateCommand:
    """To the engine: generate this video, save its frames at `frames_path`, and its sound, if any, at `audio_path`.

    image_path, last_image_path: None without such an image. timeout_seconds, external_job: for a remote engine, see
    `RemoteRun`.
    """

    fence: Fence
    request: GenerationRequest
    image_path: Path | None
    last_image_path: Path | None
    frames_path: Path
    audio_path: Path
    timeout_seconds: float
    external_job: ExternalJob | None = None


@dataclass(frozen=True)
class CancelCommand:
    """To the engine: stop this run after the present step."""

    fence: Fence


@dataclass(frozen=True)
class EngineReady:
    """From the engine: the model is loaded."""


@dataclass(frozen=True)
class LoadFailure:
    """From the engine, before it exits: the model cannot be loaded."""

    code: str
    message: Message


@dataclass(frozen=True)
class StepProgress:
    """From the engine: `step` of `total` units of work are done."""

    fence: Fence
    step: int
    total: int


@dataclass(frozen=True)
class PreviewFrame:
    """From the engine: a small JPEG preview of the video after the step that was reported last."""

    fence: Fence
    jpeg: bytes


@dataclass(frozen=True)
class ExternalJobChanged:
    """From a remote engine: the server that makes the video knows it as this job, or has ended it."""

    fence: Fence
    external_job: ExternalJob


@dataclass(frozen=True)
class GenerationResult:
    """From the engine: the video is saved, see `FramesFile` and `load_audio`.

    seconds: how long the engine took. gpu_seconds: what is charged for. waiting_seconds: how long the video waited in
    the queue of another server, if one made it.
    """

    fence: Fence
    seconds: float
    gpu_seconds: float
    waiting_seconds: float | None = None


@dataclass(frozen=True)
class GenerationCancellation:
    """From the engine: the run was canceled; the engine stays usable."""

    fence: Fence


SCRATCH_FAILED: Final = "scratch_failed"
"""The code of a run whose frames could not be written. The disk failed, neither the job nor the engine."""


@dataclass(frozen=True)
class GenerationFailure:
    """From the engine: the run failed.

    permanent: it would fail again. broken: the engine process exits and has to be replaced.
    """

    fence: Fence
    code: str
    message: Message
    permanent: bool
    broken: bool


EngineCommand = GenerateCommand | CancelCommand
RunMessage = (
    StepProgress | PreviewFrame | ExternalJobChanged | GenerationResult | GenerationCancellation | GenerationFailure
)
EngineMessage = EngineReady | LoadFailure | RunMessage
