"""What every page's template may know about who is looking."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.auth.principals import principal_for_session


def principal(request: HttpRequest) -> dict[str, Any]:
    """`principal`: the signed-in user in the present team, or None. Costs its query only where a template asks."""
    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {"principal": None}
    return {"principal": SimpleLazyObject(lambda: principal_for_session(request))}


def mail_folder(_request: HttpRequest) -> dict[str, Any]:
    """`mail_folder`: where the embedded mode keeps its mails, for who waits for a code; empty with a mail server."""
    path = settings.EMAIL_FILE_PATH
    return {"mail_folder": f"{Path(path).parent.name}/{Path(path).name}/" if path else ""}


def signup(_request: HttpRequest) -> dict[str, Any]:
    """`signup_mode`, `signup_domains` in words, and `signup_offered`: whether anybody may try."""
    mode = settings.SIGNUP_MODE
    return {
        "signup_mode": mode,
        "signup_domains": ", ".join(settings.SIGNUP_DOMAINS),
        "signup_offered": mode in {"open", "domains"},
    }
