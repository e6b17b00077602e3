"""Models by names as other services have them: `owner/name`, followed by a path or a version."""

from django.conf import settings

from common.errors import InvalidField, NotFound
from inference.catalogue import ModelSpec
from jobs.videos.submission import get_enabled_model

OWNER = "mutoscope"


def find_model(reference: str) -> ModelSpec:
    """Return the model that MODEL_ALIASES maps the reference to, else the model named after any owner.

    Open models are thereby found under their names on other platforms. Raise NotFound.
    """
    without_version = reference.partition(":")[0]
    alias = next((name for name in (reference, without_version) if name in settings.MODEL_ALIASES), None)
    parts = without_version.split("/")
    try:
        return get_enabled_model(alias or (parts[1] if len(parts) > 1 else parts[0]))
    except InvalidField as error:
        raise NotFound(error.text, code="model_not_found", param="model") from None
