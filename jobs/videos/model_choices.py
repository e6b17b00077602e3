"""Models and limits of requests for code outside `jobs`, which may not import `inference`."""

from inference import limits
from inference.catalogue import MODELS
from inference.costs import NoMemory
from inference.limits import Range
from inference.sizes import RESOLUTIONS


def frames_range() -> Range[int]:
    """Return the numbers of frames that a video can have."""
    return limits.NUM_FRAMES


def steps_range() -> Range[int]:
    """Return the numbers of denoising steps that a request can have."""
    return limits.STEPS


def model_choices() -> list[tuple[str, str]]:
    """Return name and title of every model except those of tests, whether or not this site offers it."""
    return [(spec.name, spec.title) for spec in MODELS.values() if not spec.test_only]


def model_exists(name: str) -> bool:
    """Return whether there is a model of that name, including those of tests."""
    return name in MODELS


def pool_of_model(name: str) -> str:
    """Return the pool of GPU workers that runs a model. Raise KeyError if there is no such model."""
    return MODELS[name].pool


def needs_gpu(name: str) -> bool:
    """Return whether a model runs only on a GPU. Raise KeyError if there is no such model."""
    return not isinstance(MODELS[name].memory, NoMemory)


def resolution_choices() -> list[tuple[int, str]]:
    """Return side in pixels and name of every resolution."""
    return [(side, name) for name, side in RESOLUTIONS.items()]
