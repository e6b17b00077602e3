"""Sends emails to an email address that may belong to an account."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import get_language

from accounts.models import User
from common.emails import EmailOutcome, send_email


def send_to_address(template: str, context: Mapping[str, Any], *, email: str) -> EmailOutcome:
    """Send the email in the language of the account with this email address, else in that of the present page."""
    user = User.objects.filter(email=email).first()
    language = user.language if user and user.language else get_language()
    return send_email(template, context, to=email, language=language)
