"""Models and limits of requests for code outside `jobs`, which may not import `inference`."""

import math

from inference.limits import Range
from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor


def frames_range() -> Range[int]:
    """Return the numbers of frames that a video of any model can have."""
    ranges = [descriptor.num_frames for descriptor in _models()]
    return Range(min(each.minimum for each in ranges), max(each.maximum for each in ranges))


def steps_range() -> Range[int]:
    """Return the numbers of denoising steps that a request for any model can have."""
    ranges = [descriptor.steps for descriptor in _models() if descriptor.steps is not None]
    return Range(min(each.minimum for each in ranges), max(each.maximum for each in ranges))


def model_choices() -> list[tuple[str, str]]:
    """Return name and title of every model except those of tests, whether or not this site offers it."""
    return [(descriptor.name, descriptor.title) for descriptor in _models()]


def model_exists(name: str) -> bool:
    """Return whether there is a model of that name, including those of tests."""
    return name in MODELS


def pool_of_model(name: str) -> str:
    """Return the pool of GPU workers that runs a model. Raise KeyError if there is no such model."""
    return MODELS[name].pool


def needs_gpu(name: str) -> bool:
    """Return whether a model runs only on a GPU. Raise KeyError if there is no such model."""
    return MODELS[name].needs_gpu


def resolution_choices() -> list[tuple[int, str]]:
    """Return side in pixels and name of every resolution, from the smallest to the largest."""
    sides = {
        math.isqrt(resolution.pixels): name
        for descriptor in _models()
        for name, resolution in descriptor.sizes.resolutions.items()
    }
    return sorted(sides.items())


def _models() -> list[ModelDescriptor]:
    return [descriptor for descriptor in MODELS.values() if not descriptor.test_only]
