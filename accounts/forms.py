"""Forms of the account's pages."""

from datetime import datetime, timedelta
from typing import Any, cast

from allauth.account.forms import LoginForm
from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

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
