"""Generate a small video as one array."""

import numpy as np

from inference.engines.base import Engine, OnPreview, OnStep, no_preview
from inference.frames_file import Frames
from inference.generation import GenerationInputs, GenerationRequest


def generate_frames(
    engine: Engine,
    request: GenerationRequest,
    inputs: GenerationInputs,
    on_step: OnStep,
    on_preview: OnPreview = no_preview,
) -> Frames:
    """Return all frames that the engine generates."""
    return np.concatenate([*engine.generate(request, inputs, on_step, on_preview).chunks])
