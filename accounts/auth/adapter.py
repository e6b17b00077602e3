"""Adapters for allauth: creating users, client IP addresses, and failures of the mail server."""

import os
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.ratelimit import get_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext as _
from requests import Session

from accounts.auth import second_factor, signup
from accounts.emails import send_to_address
from accounts.models import User
from accounts.teams.services import ensure_personal_team
from common.email_addresses import canonical_email
from common.emails import EmailOutcome
from common.text import normalize_text, single_line
from common.urls import absolute_url
from mutoscope.proxies import is_loopback

# IP address of a client without one, such as behind a Unix socket: the list of sessions accepts only IP addresses.
UNKNOWN_IP = "::"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Creates the personal team of a new account, and does not reveal which accounts exist."""

    _is_notification = False

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return signup.is_open(request)

    def clean_email(self, email: str) -> str:
        # For email addresses from an identity provider; those of forms are canonical already.
        return canonical_email(email)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        user = super().save_user(request, user, form, commit=commit)
        if commit:  # allauth also calls with commit=False to fill a form
            ensure_personal_team(user=user)
        return user

    def send_account_already_exists_mail(self, email: str) -> None:
        # Sign-up with a new email address hashes the password. Take the same time for a known one, so that timing does
        # not reveal whether the account exists.
        User().set_password(email)
        super().send_account_already_exists_mail(email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send an email. If that fails, redirect back to the form with an error."""
        # allauth builds its URLs from the Host header, whose port a stranger can choose: the token would go there.
        urls = {name: _at_site_url(value) for name, value in context.items() if name.endswith("_url")}
        site = {"domain": urlsplit(settings.SITE_URL).netloc}
        context = {"request": self.request, "email": email, **context, "current_site": site, **urls}
        outcome = send_to_address(template_prefix, context, email=email)
        if outcome is EmailOutcome.SENT or self._is_notification:
            return
        messages.error(self.request, _("The email could not be sent. Try again in a moment."))
        raise ImmediateHttpResponse(HttpResponseRedirect(self.request.get_full_path()))

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Send a notification. The event has already happened, so a failure does not change the response."""
        self._is_notification = True
        super().send_notification_mail(*args, **kwargs)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client IP of the whole site; allauth itself would use the proxy's for everybody."""
        client_ip = str(request.client_ip)  # type: ignore[attr-defined]
        return UNKNOWN_IP if client_ip == "unknown" else client_ip

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # See ACCOUNT_RATE_LIMITS: failed attempts from one IP address do not lock out the user at another one.
        return f"{get_ip(request)}:{super()._get_login_attempts_cache_key(request, **credentials)}"

    def is_safe_url(self, url: str) -> bool:
        try:
            return bool(super().is_safe_url(url))
        except ValueError:  # such as "http://["
            return False


def _at_site_url(url: str) -> str:
    return absolute_url(settings.SITE_URL, urlsplit(url)._replace(scheme="", netloc="").geturl())


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Stores secrets encrypted."""

    def encrypt(self, text: str) -> str:
        return second_factor.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return second_factor.decrypt(encrypted_text)

    def generate_authenticator_name(self, user: User, type: Any) -> str:  # noqa: A002 (allauth's name)
        """Return the default name that the form proposes."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return _("Passkey %(number)s") % {"number": number}

    def _get_site_name(self) -> str:
        return "Mutoscope"


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Applies the same rules to accounts from an identity provider."""

    def get_requests_session(self) -> Session:
        session: Session = super().get_requests_session()
        # A proxy of the environment would look for a provider on this machine on its own machine.
        if is_loopback(settings.OIDC_ISSUER):
            session.trust_env = False
            # requests reads these variables only together with those of the proxies.
            session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        return session

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Return whether sign-up is open. An invited email address from the provider replaces the link."""
        email_addresses = sociallogin.email_addresses
        if not email_addresses:  # the form asks for one
            return signup.is_open(request)
        return any(signup.may_sign_up(request, address.email) for address in email_addresses)

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = single_line(normalize_text(str(data.get("name") or "")))[:120].strip()  # as forms do
        return user

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        ensure_personal_team(user=user)
        return user
