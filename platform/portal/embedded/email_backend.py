"""The email backend of the embedded mode, which has no mail server."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.console import EmailBackend as ConsoleBackend
from django.core.mail.backends.filebased import EmailBackend as FileBackend


class ConsoleAndFileBackend(BaseEmailBackend):
    """Prints each message to the log and saves it as a file in `EMAIL_FILE_PATH`."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        ConsoleBackend(fail_silently=self.fail_silently).send_messages(email_messages)
        return FileBackend(fail_silently=self.fail_silently).send_messages(email_messages) or 0
