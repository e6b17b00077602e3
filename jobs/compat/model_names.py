"""Models by the names that other services give theirs: `owner/name`, with a path or a version behind."""

from django.conf import settings

from common.errors import InvalidField, NotFound
from inference.catalogue import ModelSpec
from jobs.videos.submission import get_enabled_model

OWNER = "mutoscope"


def find_model(reference: str) -> ModelSpec:
    """What MODEL_ALIASES says of the reference, else the model whose name stands behind the owner, whoever that is.

    So the open models that we have are found by the names that they have elsewhere. Raises NotFound.
    """
    without_version = reference.partition(":")[0]
    alias = next((name for name in (reference, without_version) if name in settings.MODEL_ALIASES), None)
    parts = without_version.split("/")
    try:
        return get_enabled_model(alias or (parts[1] if len(parts) > 1 else parts[0]))
    except InvalidField as error:
        raise NotFound(error.message, code="model_not_found", param="model") from None
