"""The interface of every engine: load once, generate many times."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from inference.audio import Audio
from inference.devices import choose_device
from inference.engines.registry import ENGINES, OPTIONS
from inference.errors import EngineMissing, ModelNotFound
from inference.frames_file import Frames
from inference.generation import ExternalJob, GenerationInputs, GenerationRequest
from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor
from inference.weights.selection import WeightsSelection
from inference.weights.spec import WeightsSpec
from inference.weights.store import current_store

OnStep = Callable[[int, int], None]
"""`on_step(step, total)` is called after each step, counted 1..total. It may raise Canceled to stop the run.

It may also be called within a long step, with the number of steps done so far, which is 0 in the first step. Steps that
are repeated with less memory are counted anew.
"""

PreviewFn = Callable[[], NDArray[np.uint8]]
"""Renders a preview of the current state of the video, (height, width, 3) RGB of any size."""

OnPreview = Callable[[PreviewFn], None]
"""`on_preview(preview)` is called after each step. It may call `preview` before it returns; each call costs time."""

_REMOTE_TIMEOUT_SECONDS = 3600.0

CHECKPOINT_MODEL = "i2vgen-xl"
"""The model that runs a checkpoint folder given instead of a model name."""


def no_preview(preview: PreviewFn) -> None:
    """Ignore the preview: the default of `Engine.generate`."""


@dataclass(frozen=True, slots=True)
class GeneratedVideo:
    """The result of a run.

    chunks: the frames in order, some at a time, so that nobody has to hold all of them. It can be consumed once. What
    is left of the work, such as decoding, is done meanwhile: it calls `on_step` and raises what `generate` raises.
    audio: the sound, or None if the request asks for none or the model makes none.
    """

    chunks: Iterator[Frames]
    audio: Audio | None = None


class Engine(ABC):
    """One model on one device. No state of a run remains after it has raised or its last frame was consumed.

    source: that of the weights, see `inference.weights`, or None if there are none. device: "cpu" or "cuda:N".
    """

    def __init__(self, source: str | None, device: str) -> None:
        self.source = source
        self.device = device

    @abstractmethod
    def load(self) -> None:
        """Load the model. Raises ModelNotFound, ModelIncomplete, FetchFailed, OutOfMemory or DeviceBroken."""

    def find_weights(self, selection: WeightsSelection) -> Path:
        """Return the folder of the weights, which are fetched if they are not on this machine.

        Raises ModelNotFound, ModelIncomplete or FetchFailed.
        """
        if self.source is None:
            raise ModelNotFound("No checkpoint was given. Name the folder or hub repository that holds the checkpoint.")
        return current_store().find_or_fetch(WeightsSpec(self.source, selection))

    @abstractmethod
    def generate(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> GeneratedVideo:
        """Generate the frames, and the sound if the request asks for it, from the images and the prompt.

        Calls `on_step` at least once per step; in the last call, step equals total. Exceptions of `on_step` propagate,
        and the engine stays usable. Raises OutOfMemory (the engine stays usable) or DeviceBroken (it does not).
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRun:
    """What a remote engine has to know about a video beside its request.

    key: names the video in all attempts. parameters: the fields of the request that have an effect on the model.
    folder: for temporary files. timeout_seconds: when to give up. external_job: that of an earlier attempt.
    on_external_job: called with each new one, and when it is no longer open.
    """

    key: str
    parameters: frozenset[str]
    folder: Path
    timeout_seconds: float
    external_job: ExternalJob | None
    on_external_job: Callable[[ExternalJob], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteVideo(GeneratedVideo):
    """A video that another server made.

    gpu_seconds: how long that server worked on it: as it reports, or else as measured, without its queue.
    waiting_seconds: how long the video waited in its queue, or None if an earlier attempt sent it.
    """

    gpu_seconds: float
    waiting_seconds: float | None


class RemoteEngine(Engine):
    """An engine whose videos another server makes. That server goes on when this process dies."""

    @abstractmethod
    def generate_remotely(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, run: RemoteRun
    ) -> RemoteVideo:
        """Send the video, unless `run` has its job, follow it and return it; files in `run.folder` hold its frames.

        Calls `on_step` several times a second; Canceled cancels the video at the server, too. Raises UpstreamFailed, or
        UpstreamUnreachable or UpstreamDenied: then another call with the last job may return the frames.
        """

    def generate(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> GeneratedVideo:
        with ExitStack() as files:
            run = RemoteRun(
                key=uuid4().hex,
                parameters=frozenset({"steps", "guidance_scale", "negative_prompt", "audio"}),
                folder=Path(files.enter_context(tempfile.TemporaryDirectory())),
                timeout_seconds=_REMOTE_TIMEOUT_SECONDS,
                external_job=None,
                on_external_job=lambda job: None,
            )
            video = self.generate_remotely(request, inputs, on_step, run)
            return replace(video, chunks=_closing(files.pop_all(), video.chunks))


class LatentEngine(Engine):
    """An engine that works in a latent space; denoising and decoding can be run separately."""

    @abstractmethod
    def denoise(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> NDArray[np.float32]:
        """Return the final latents, (1, channels, num_frames, height/8, width/8)."""

    @abstractmethod
    def decode(self, latents: NDArray[np.float32], request: GenerationRequest, on_step: OnStep) -> Iterator[Frames]:
        """Decode latents of `denoise` to chunks of frames; the step count continues after its last step."""

    def generate(
        self, request: GenerationRequest, inputs: GenerationInputs, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> GeneratedVideo:
        latents = self.denoise(request, inputs, on_step, on_preview)
        return GeneratedVideo(self.decode(latents, request, on_step))


def _closing(files: ExitStack, chunks: Iterator[Frames]) -> Iterator[Frames]:
    """Yield the chunks, and close the files after the last one."""
    with files:
        yield from chunks


def create_engine(model: ModelDescriptor | str, *, device: str = "auto", source: str | None = None) -> Engine:
    """Create the engine of a model, a model name or a checkpoint folder, without loading it.

    device: "auto", "cpu", "cuda" or "cuda:N". source: overrides the descriptor's weights.
    Raises ModelNotFound, DeviceNotFound or EngineMissing.
    """
    descriptor, own_source = find_model(model) if isinstance(model, str) else (model, model.source)
    source = source or own_source
    device = "cpu" if descriptor.pool == "cpu" else str(choose_device(device))
    module, _, name = ENGINES[descriptor.engine].partition(":")
    try:
        engine_class: type[Engine] = getattr(import_module(module), name)
    except ImportError as error:
        raise EngineMissing(
            "%(model)s needs packages that are not installed (%(package)s). "
            "Install mutoscope[gpu], as the GPU image and `make` on a machine with a GPU do.",
            {"model": descriptor.name, "package": error.name or str(error)},
        ) from error
    options = {"options": descriptor.engine_options} if descriptor.engine in OPTIONS else {}
    return engine_class(source, device, **options)


def load_engine(model: ModelDescriptor | str, *, device: str = "auto", source: str | None = None) -> Engine:
    """Create and load an engine, see `create_engine` and `Engine.load`."""
    engine = create_engine(model, device=device, source=source)
    engine.load()
    return engine


def find_model(model: str) -> tuple[ModelDescriptor, str | None]:
    """Return the descriptor and the weights of a model name or a checkpoint folder.

    Model names take precedence: a folder named `camera` has no effect. Raises ModelNotFound.
    """
    if model in MODELS:
        return MODELS[model], MODELS[model].source
    if Path(model).is_dir():
        return MODELS[CHECKPOINT_MODEL], model
    known = ", ".join(descriptor.name for descriptor in MODELS.values() if not descriptor.test_only)
    raise ModelNotFound(
        "'%(name)s' is neither a model (%(known)s) nor a folder with a checkpoint.", {"name": model, "known": known}
    )
