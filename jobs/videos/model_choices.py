"""Models and limits of requests for code outside `jobs`, which may not import `inference`."""

from dataclasses import dataclass

from inference import limits
from inference.catalogue import MODELS
from inference.sizes import RESOLUTIONS


@dataclass(frozen=True)
class IntegerRange:
    """A range of whole numbers, both ends inclusive."""

    minimum: int
    maximum: int


def frames_range() -> IntegerRange:
    """Return the numbers of frames that a video can have."""
    return IntegerRange(limits.NUM_FRAMES.minimum, limits.NUM_FRAMES.maximum)


def steps_range() -> IntegerRange:
    """Return the numbers of denoising steps that a request can have."""
    return IntegerRange(limits.STEPS.minimum, limits.STEPS.maximum)


def model_choices() -> list[tuple[str, str]]:
    """Return name and title of every model except those of tests, whether or not this site offers it."""
    return [(spec.name, spec.title) for spec in MODELS.values() if not spec.test_only]


def model_exists(name: str) -> bool:
    """Return whether there is a model of that name, including those of tests."""
    return name in MODELS


def pool_of_model(name: str) -> str:
    """Return the pool of GPU workers that runs a model. Raise KeyError if there is no such model."""
    return MODELS[name].pool


def resolution_choices() -> list[tuple[int, str]]:
    """Return side in pixels and name of every resolution."""
    return [(side, name) for name, side in RESOLUTIONS.items()]
