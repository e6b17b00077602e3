"""Forms of the account's pages."""

from typing import Any

from allauth.account.forms import LoginForm, SignupForm
from allauth.core import context
from allauth.socialaccount.forms import SignupForm as SocialSignupForm
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.auth import signup


class SignInForm(LoginForm):  # type: ignore[misc]
    """allauth's, with its check box in our spelling."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = _("Remember me")


class _SignupAllowedMixin:
    """Refuses an address before it is looked for among the accounts: a refusal says nothing about those."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]  # type: ignore[attr-defined]
        if not signup.may_sign_up(context.request, email):
            raise forms.ValidationError(_("This address cannot make an account here."), code="not_allowed")
        return str(super().clean_email())  # type: ignore[misc]


class SignUpForm(_SignupAllowedMixin, SignupForm):  # type: ignore[misc]
    """Of people who come with an address and a password."""


class SocialSignUpForm(_SignupAllowedMixin, SocialSignupForm):  # type: ignore[misc]
    """Of people whose identity provider does not tell an address."""
