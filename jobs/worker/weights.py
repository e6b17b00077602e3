"""The weights on the machine of a worker."""

from pathlib import Path
from typing import Any

from django.conf import settings

from inference.weights.store import WeightsStore


def weights_store() -> WeightsStore:
    """Return the store of the settings."""
    return WeightsStore(Path(settings.MODELS_DIR), settings.MODELS_MIRROR)


def describe_installed_weights() -> list[dict[str, Any]]:
    """Return the weights in the store as the table of workers has them."""
    return [
        {"source": manifest.source, "commit": manifest.identity, "size_bytes": manifest.size_bytes}
        for manifest in weights_store().installed()
    ]
