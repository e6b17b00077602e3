"""Records sign-in events, which change no audited row, in the audit log."""

from typing import Any

from allauth.account.signals import user_logged_in
from allauth.mfa.signals import authentication_failed, authenticator_used
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.dispatch import receiver

from accounts.audit.models import Verb
from accounts.audit.services import record
from accounts.models import User


@receiver(user_logged_in)
def signed_in(sender: object, *, user: User, **_: Any) -> None:
    record(Verb.SIGN_IN, actor=user)


@receiver(user_login_failed)
def sign_in_failed(sender: object, *, credentials: dict[str, Any], **_: Any) -> None:
    """Record the account, if there is one. An unknown email address is not stored: it may be a mistyped password."""
    email = str(credentials.get("email") or credentials.get("username") or "")
    account = None if "\0" in email else User.objects.filter(email=email).first()
    record(Verb.SIGN_IN_FAILED, target=account)


@receiver(authenticator_used)
def second_factor_used(sender: object, *, user: User, authenticator: Any, **_: Any) -> None:
    record(Verb.SECOND_FACTOR, actor=user, type=str(authenticator.type))


@receiver(authentication_failed)
def second_factor_failed(sender: object, *, user: User, **_: Any) -> None:
    record(Verb.SECOND_FACTOR_FAILED, target=user)


@receiver(user_logged_out)
def signed_out(sender: object, *, user: User | None, **_: Any) -> None:
    if user is not None:
        record(Verb.SIGN_OUT, actor=user)
