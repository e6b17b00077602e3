"""Models and limits of requests for code outside `jobs`, which may not import `inference`."""

from inference.limits import Range
from inference.models.catalogue import MODELS
from inference.models.descriptor import ModelDescriptor


def seconds_range() -> Range[float]:
    """Return the lengths in seconds that a video of any model can have."""
    models = _models()
    return Range(
        min(each.num_frames.minimum / each.fps.maximum for each in models),
        max(each.num_frames.maximum / each.fps.minimum for each in models),
    )


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


def pixel_choices() -> dict[int, str]:
    """Return the names of the resolutions of all models by their number of pixels, from the smallest to the largest."""
    names: dict[int, list[str]] = {}
    for descriptor in _models():
        for name, resolution in descriptor.sizes.resolutions.items():
            if name not in names.setdefault(resolution.pixels, []):
                names[resolution.pixels].append(name)
    return {pixels: ", ".join(names[pixels]) for pixels in sorted(names)}


def _models() -> list[ModelDescriptor]:
    return [descriptor for descriptor in MODELS.values() if not descriptor.test_only]
