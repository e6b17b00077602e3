"""The weights on the machine of a worker."""

from pathlib import Path

from django.conf import settings

from inference.weights.store import WeightsStore


def weights_store() -> WeightsStore:
    """Return the store of the settings."""
    return WeightsStore(Path(settings.MODELS_DIR), settings.MODELS_MIRROR)
