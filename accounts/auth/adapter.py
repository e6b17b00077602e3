"""How allauth makes our users, knows who asks, and gets by without a mail server."""

from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.ratelimit import get_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext as _

from accounts.auth import second_factor, signup
from accounts.models import User
from accounts.teams.services import ensure_personal_team

log = structlog.get_logger(__name__)

# Of a client without one, such as behind a Unix socket: the list of sessions takes nothing that is no address.
UNKNOWN_IP = "::"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Gives every new account its personal team; tells strangers nothing about which accounts there are."""

    _is_notification = False

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return signup.is_open(request)

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
            log.error("email_send_failed", template=template_prefix, kind=type(error).__name__)
            if self._is_notification:
                return
            messages.error(self.request, _("We could not send the mail. Try again in a moment."))
            raise ImmediateHttpResponse(HttpResponseRedirect(self.request.get_full_path())) from error

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """What it tells has happened already: without a mail server the answer is the same."""
        self._is_notification = True
        super().send_notification_mail(*args, **kwargs)

    def get_client_ip(self, request: HttpRequest) -> str:
        """The one that the whole site believes; allauth would count everybody as the proxy."""
        address = str(request.client_ip)  # type: ignore[attr-defined]
        return UNKNOWN_IP if address == "unknown" else address

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # See ACCOUNT_RATE_LIMITS: one who guesses locks out nobody elsewhere.
        return f"{get_ip(request)}:{super()._get_login_attempts_cache_key(request, **credentials)}"

    def is_safe_url(self, url: str) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:  # "http://[" is no address
            return False


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Keeps secrets encrypted."""

    def encrypt(self, text: str) -> str:
        return second_factor.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return second_factor.decrypt(encrypted_text)

    def generate_authenticator_name(self, user: User, type: Any) -> str:  # noqa: A002 (allauth's name)
        """What the form proposes."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return _("Passkey %(number)s") % {"number": number}

    def _get_site_name(self) -> str:
        return "Mutoscope"


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """The same rules for accounts that come from an identity provider."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """What the provider says of the address takes the place of an invitation's link."""
        addresses = sociallogin.email_addresses
        if not addresses:  # the form asks for one
            return signup.is_open(request)
        return any(signup.may_sign_up(request, address.email) for address in addresses)

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = str(data.get("name") or "")[:120]
        return user

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        ensure_personal_team(user=user)
        return user
