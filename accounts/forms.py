"""Forms of the account's pages."""

from datetime import datetime, timedelta
from typing import Any, cast

from allauth.account.forms import LoginForm, SignupForm
from allauth.core import context
from allauth.socialaccount.forms import SignupForm as SocialSignupForm
from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import signup
from accounts.roles import Scope

EXPIRES = [
    ("30", _("In 30 days")),
    ("90", _("In 90 days")),
    ("365", _("In a year")),
    ("", _("Never")),
]
DEFAULT_SCOPES = [Scope.VIDEOS_READ, Scope.VIDEOS_WRITE, Scope.VIDEOS_DELETE]


class SignInForm(LoginForm):  # type: ignore[misc]
    """allauth's, with its check box in our spelling."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = _("Remember me")


class _AllowedAddress:
    """Refuses an address before it is looked for among the accounts: a refusal says nothing about those."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]  # type: ignore[attr-defined]
        if not signup.may_sign_up(context.request, email):
            raise forms.ValidationError(_("This address cannot make an account here."), code="not_allowed")
        return str(super().clean_email())  # type: ignore[misc]


class SignUpForm(_AllowedAddress, SignupForm):  # type: ignore[misc]
    """Of people who come with an address and a password."""


class SocialSignUpForm(_AllowedAddress, SocialSignupForm):  # type: ignore[misc]
    """Of people whose identity provider does not tell an address."""


class NewKeyForm(forms.Form):
    """A name to know the key by, what it may do, and for how long."""

    name = forms.CharField(
        max_length=80,
        label=_("Name"),
        error_messages={"required": _("Give the key a name, such as the program that will use it.")},
    )
    scopes = forms.TypedMultipleChoiceField(
        coerce=Scope,
        label=_("What it may do"),
        error_messages={"required": _("Choose at least one.")},
    )
    expires = forms.ChoiceField(choices=EXPIRES, required=False, label=_("Expires"))

    def __init__(self, *args: Any, scopes: frozenset[Scope], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(scope.value, scope.label) for scope in Scope if scope in scopes]
        cast("forms.TypedMultipleChoiceField", self.fields["scopes"]).choices = choices

    def expires_at(self) -> datetime | None:
        """When the key ends; None for never."""
        days = self.cleaned_data["expires"]
        return timezone.now() + timedelta(days=int(days)) if days else None
