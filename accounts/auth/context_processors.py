"""Context processors for the signed-in user and for sign-up."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.auth.principals import principal_for_session


def principal(request: HttpRequest) -> dict[str, Any]:
    """Add `principal`, the signed-in user in the current team, or None. The query runs only if a template uses it."""
    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {"principal": None}
    return {"principal": SimpleLazyObject(lambda: principal_for_session(request))}


def mail_folder(_request: HttpRequest) -> dict[str, Any]:
    """Add `mail_folder`, where the embedded mode stores its emails; empty if there is a mail server."""
    path = settings.EMAIL_FILE_PATH
    return {"mail_folder": f"{Path(path).parent.name}/{Path(path).name}/" if path else ""}


def signup(_request: HttpRequest) -> dict[str, Any]:
    """Add `signup_mode`, `signup_domains` as text, and `signup_offered`: whether to show a link to sign-up."""
    mode = settings.SIGNUP_MODE
    return {
        "signup_mode": mode,
        "signup_domains": ", ".join(settings.SIGNUP_DOMAINS),
        "signup_offered": mode in {"open", "domains"},
    }
