"""Forms of the account pages."""

from typing import Any

from allauth.account.fields import EmailField
from allauth.account.forms import AddEmailForm, LoginForm, ResetPasswordForm, SignupForm
from allauth.core import context
from allauth.socialaccount.forms import SignupForm as SocialSignupForm
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.auth import signup
from accounts.fields import CanonicalEmailMixin


class AccountEmailField(CanonicalEmailMixin, EmailField):  # type: ignore[misc]
    """allauth's field, which puts addresses into lower case in a way that merges different ones."""


class SignInForm(LoginForm):  # type: ignore[misc]
    """allauth's form, with our label of the check box."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = AccountEmailField()
        self.fields["remember"].label = _("Remember me")


class _SignupAllowedMixin:
    """Rejects email addresses that may not sign up before looking for an account, so that it reveals none."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]  # type: ignore[attr-defined]
        if not signup.may_sign_up(context.request, email):
            raise forms.ValidationError(
                _("An account with this email address cannot be created here."), code="not_allowed"
            )
        return str(super().clean_email())  # type: ignore[misc]


class SignUpForm(_SignupAllowedMixin, SignupForm):  # type: ignore[misc]
    """Sign-up with email address and password."""

    email = AccountEmailField()


class SocialSignUpForm(_SignupAllowedMixin, SocialSignupForm):  # type: ignore[misc]
    """Sign-up of a person whose identity provider does not send an email address."""

    email = AccountEmailField()


class NewEmailForm(AddEmailForm):  # type: ignore[misc]
    """A further email address of an account."""

    email = AccountEmailField()


class PasswordResetForm(ResetPasswordForm):  # type: ignore[misc]
    """The email address to which the link goes."""

    email = AccountEmailField()
