"""Django system checks of settings that depend on several apps. Every command except `up` and `demo` runs them."""

import re
from typing import Any

from django.conf import settings
from django.core.checks import Error, register

from jobs.videos.model_choices import model_choices, model_exists, pool_of_model

_ORIGIN = re.compile(r"https?://[^/?#@\s]+")


def model_setting_errors() -> list[str]:
    """Return one message per error in the settings that name models."""
    known = f"Known models: {', '.join(name for name, _ in model_choices())}."
    unknown = [name for name in settings.MODELS_ENABLED if not model_exists(name)]
    messages = [f"MODELS_ENABLED contains {name!r}, which is not a model. {known}" for name in unknown]
    if not settings.MODELS_ENABLED:
        messages.append(f"MODELS_ENABLED is empty. {known}")
    elif settings.DEFAULT_MODEL not in settings.MODELS_ENABLED:
        enabled = ", ".join(settings.MODELS_ENABLED)
        messages.append(f"DEFAULT_MODEL is {settings.DEFAULT_MODEL!r}, which is not in MODELS_ENABLED ({enabled}).")
    for alias, name in settings.MODEL_ALIASES.items():
        if name not in settings.MODELS_ENABLED:
            messages.append(f"MODEL_ALIASES maps {alias!r} to {name!r}, which is not in MODELS_ENABLED.")
    pools = {name: pool_of_model(name) for name in settings.MODELS_ENABLED if model_exists(name)}
    configured = ", ".join(settings.WORKER_POOLS)
    messages += [
        f"WORKER_POOLS ({configured}) lacks {pool!r}, the pool of {name!r} in MODELS_ENABLED. No worker could run it."
        for name, pool in pools.items()
        if pool not in settings.WORKER_POOLS
    ]
    return messages


def origin_setting_errors() -> list[str]:
    """Return one message per error in API_ORIGINS."""
    return [
        f"API_ORIGINS contains {origin!r}, which is not an origin. Write scheme, host and port without a path, such as "
        "https://app.example.com."
        for origin in settings.CORS_ALLOWED_ORIGINS
        if not _ORIGIN.fullmatch(origin)
    ]


@register()
def check_origin_settings(**_: Any) -> list[Error]:
    return [Error(message, id="portal.E002") for message in origin_setting_errors()]


@register()
def check_model_settings(**_: Any) -> list[Error]:
    return [Error(message, id="portal.E001") for message in model_setting_errors()]
