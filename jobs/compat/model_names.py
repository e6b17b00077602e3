"""Models by names as other services have them: `owner/name`, followed by a path or a version."""

from contextlib import suppress

from django.conf import settings

from common.errors import InvalidField, NotFound
from inference.models.descriptor import ModelDescriptor
from jobs.videos.submission import get_enabled_model

OWNER = "mutoscope"


def find_model(reference: str) -> ModelDescriptor:
    """Return the model that MODEL_ALIASES maps the reference to, else the model named after any owner or at the end.

    Open models are thereby found under their names on other platforms. Raise NotFound.
    """
    without_version = reference.partition(":")[0]
    alias = next((name for name in (reference, without_version) if name in settings.MODEL_ALIASES), None)
    parts = without_version.split("/")
    try:
        return get_enabled_model(alias or parts[:2][-1])
    except InvalidField as error:
        with suppress(InvalidField):
            return get_enabled_model(parts[-1])
        raise NotFound(error.text, code="model_not_found", param="model") from None
