"""What every engine offers: load once, generate many times."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from inference.catalogue import MODELS, ModelSpec, get_model
from inference.devices import choose_device
from inference.errors import EngineMissing, ModelNotFound
from inference.generation import GenerationRequest

Frames = NDArray[np.uint8]
"""(num_frames, height, width, 3), RGB."""

OnStep = Callable[[int, int], None]
"""`on_step(step, total)` after each piece of work, step counting 1..total; raise Canceled in it to stop the run."""

PreviewFn = Callable[[], NDArray[np.uint8]]
"""Makes a picture of the clip as it stands, (height, width, 3) RGB of any size."""

OnPreview = Callable[[PreviewFn], None]
"""`on_look(look)` after each step: whoever wants to see the clip calls `look` there and then, and not too often."""

CHECKPOINT_MODEL = "i2vgen-xl"
"""What a bare folder given as a model is taken for."""


def no_preview(preview: PreviewFn) -> None:
    """For whoever waits for the finished clip."""


class Engine(ABC):
    """One model on one device. Keeps nothing of a run once `generate` has returned or raised.

    source: hub repository or folder of the weights, None when there are none. device: "cpu" or "cuda:N".
    """

    def __init__(self, source: str | None, device: str) -> None:
        self.source = source
        self.device = device

    @abstractmethod
    def load(self) -> None:
        """Make ready for `generate`. Raises ModelNotFound, ModelIncomplete, OutOfMemory or DeviceBroken."""

    @abstractmethod
    def generate(
        self, request: GenerationRequest, image: Image, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> Frames:
        """Make the clip from an RGB picture of any size.

        Calls `on_step` at least once a step; the last call has step equal to total. What `on_step` raises passes
        through, and the engine can be used again. Raises OutOfMemory (usable again) or DeviceBroken (is not).
        """


class LatentEngine(Engine):
    """An engine that works in a latent space: its two halves can be run apart."""

    @abstractmethod
    def denoise(
        self, request: GenerationRequest, image: Image, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> NDArray[np.float32]:
        """The final latents, (1, channels, num_frames, height/8, width/8)."""

    @abstractmethod
    def decode(self, latents: NDArray[np.float32], request: GenerationRequest, on_step: OnStep) -> Frames:
        """The frames of latents that `denoise` made; goes on counting where it stopped."""

    def generate(
        self, request: GenerationRequest, image: Image, on_step: OnStep, on_preview: OnPreview = no_preview
    ) -> Frames:
        return self.decode(self.denoise(request, image, on_step, on_preview), request, on_step)


def create_engine(model: str, *, device: str = "auto", source: str | None = None) -> Engine:
    """The engine of a catalogue name, or of a checkpoint folder, not loaded yet.

    device: "auto", "cpu", "cuda" or "cuda:N". source: overrides where the catalogue loads the weights from.
    Raises ModelNotFound, DeviceNotFound and EngineMissing.
    """
    spec, source = _resolve(model, source)
    device = "cpu" if spec.pool == "cpu" else str(choose_device(device))
    module, _, name = spec.engine.partition(":")
    try:
        engine_class: type[Engine] = getattr(import_module(module), name)
    except ImportError as error:
        raise EngineMissing(
            "%(model)s needs packages that are not installed (%(package)s). "
            "Install mutoscope[gpu], as the GPU image and `make` on a machine with a GPU do.",
            {"model": spec.name, "package": error.name or str(error)},
        ) from error
    return engine_class(source, device)


def load_engine(model: str, *, device: str = "auto", source: str | None = None) -> Engine:
    """`create_engine`, loaded and ready to generate."""
    engine = create_engine(model, device=device, source=source)
    engine.load()
    return engine


def _resolve(model: str, source: str | None) -> tuple[ModelSpec, str | None]:
    """Catalogue names come first, so that a folder which happens to be called `camera` changes nothing."""
    if model in MODELS:
        spec = get_model(model)
        return spec, source or spec.source
    if Path(model).is_dir():
        return get_model(CHECKPOINT_MODEL), model
    known = ", ".join(spec.name for spec in MODELS.values() if not spec.test_only)
    raise ModelNotFound(
        "'%(name)s' is neither a model (%(known)s) nor a folder with a checkpoint.", {"name": model, "known": known}
    )
