"""Sends emails: a template in the language of its recipient."""

from collections.abc import Mapping
from enum import Enum
from smtplib import SMTPRecipientsRefused
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.translation import override

from common.text import single_line

log = structlog.get_logger(__name__)


class EmailOutcome(Enum):
    SENT = "sent"  # the mail server accepted the email
    REJECTED = "rejected"  # the email address is unknown or invalid: a retry would fail, too
    FAILED = "failed"  # the mail server is unreachable or refuses emails


def send_email(template: str, context: Mapping[str, Any], *, to: str, language: str | None) -> EmailOutcome:
    """Render `<template>_subject.txt` and `<template>_message.txt` in that language, and send them as plain text.

    language: the recipient's; if it is empty, the site's.

    Do not call this in a transaction: a mail server may be slow. The logs do not contain the email address, and not
    the text of the error, which may.
    """
    with override(language or settings.LANGUAGE_CODE):
        # A line break must not start another header.
        subject = single_line(render_to_string(f"{template}_subject.txt", dict(context)))
        body = render_to_string(f"{template}_message.txt", dict(context)).strip() + "\n"
    try:
        EmailMessage(subject, body, to=[to]).send()
    except (SMTPRecipientsRefused, ValueError) as error:
        log.warning("email_rejected", template=template, kind=type(error).__name__)
        return EmailOutcome.REJECTED
    except OSError as error:  # smtplib's errors are OSErrors
        log.error("email_send_failed", template=template, kind=type(error).__name__)
        return EmailOutcome.FAILED
    return EmailOutcome.SENT
