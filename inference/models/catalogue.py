"""The models by name: those that are shipped, and those of the operator's file once it was read.

To add a model to the product, add a file below `shipped/`. Operators write theirs into MODELS_FILE.
"""

from inference.errors import ModelNotFound
from inference.models.descriptor import ModelDescriptor
from inference.models.files import read_models_file, shipped_models

MODELS: dict[str, ModelDescriptor] = shipped_models()


def load_models_file(path: str) -> None:
    """Add the models of the operator's file; those of a shipped model's name replace it. Raises ModelsFileError."""
    MODELS.update(read_models_file(path))


def get_model(name: str) -> ModelDescriptor:
    """Return the model with this name. Raises ModelNotFound."""
    try:
        return MODELS[name]
    except KeyError:
        known = ", ".join(model.name for model in MODELS.values() if not model.test_only)
        raise ModelNotFound(
            "There is no model '%(name)s'. Choose one of: %(known)s.", {"name": name, "known": known}
        ) from None
