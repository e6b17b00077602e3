"""How allauth makes our users, knows who asks, and gets by without a mail server."""

from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.ratelimit import get_ip
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.services import ensure_personal_team

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Gives every new account its personal team; tells strangers nothing about which accounts there are."""

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        user = super().save_user(request, user, form, commit=commit)
        if commit:  # allauth also calls with commit=False to fill a form
            ensure_personal_team(user=user)
        return user

    def send_account_already_exists_mail(self, email: str) -> None:
        # A signup for a new address hashes the password: one for a known address must not be told by its quickness.
        User().set_password(email)
        super().send_account_already_exists_mail(email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Without a mail server the form comes back and says so; signing in sends an account's code again."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as error:  # smtplib's errors are OSErrors; what they say may name the person
            log.error("mail_not_sent", mail=template_prefix, kind=type(error).__name__)
            messages.error(self.request, _("We could not send the mail. Try again in a moment."))
            raise ImmediateHttpResponse(HttpResponseRedirect(self.request.get_full_path())) from error

    def get_client_ip(self, request: HttpRequest) -> str:
        """The one that the whole site believes; allauth would count everybody as the proxy."""
        return str(request.client_ip)  # type: ignore[attr-defined]

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # See ACCOUNT_RATE_LIMITS: one who guesses locks out nobody elsewhere.
        return f"{get_ip(request)}:{super()._get_login_attempts_cache_key(request, **credentials)}"

    def is_safe_url(self, url: str) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:  # "http://[" is no address
            return False
